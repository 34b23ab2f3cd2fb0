//! From a vision to pixels.
//!
//! A painting is a function from a place to a colour: each pixel is asked for by itself, so that any size can be painted,
//! a preview shows the same picture as the full size, and the work can be left between two rows. Places are in units of
//! the picture's height: `v` from 0 at the top to 1, `u` from 0 to the aspect ratio.

mod city;
mod creature;
mod finish;
mod flyers;
mod land;
mod palette;
mod paper;
mod ridges;
mod shape;
mod sky;
mod space;
mod water;
mod weather;

use crate::colour::Rgb;
use crate::vision::Vision;
use crate::words::Scene;
use finish::Finish;
use palette::Palette;
use std::ops::ControlFlow;

/// Finished pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Red, green, blue of each pixel, row by row.
    pub bytes: Vec<u8>,
}

/// The canvas: what elements need to know of the size.
#[derive(Debug, Clone, Copy)]
struct Frame {
    width: u32,
    height: u32,
    /// Width by height.
    aspect: f32,
    /// The size of a pixel, for soft edges.
    pixel: f32,
}

impl Frame {
    fn new(width: u32, height: u32) -> Self {
        Self { width, height, aspect: width as f32 / height as f32, pixel: 1.0 / height as f32 }
    }

    /// The scale of a motif in the middle: smaller where the picture is narrow.
    fn motif(self) -> f32 {
        self.aspect.clamp(0.05, 1.0)
    }

    /// How much of a pixel is covered by something whose edge is `inside` away.
    fn cover(self, inside: f32) -> f32 {
        (inside / self.pixel + 0.5).clamp(0.0, 1.0)
    }
}

/// Something that has a colour everywhere.
trait Canvas {
    fn colour(&self, u: f32, v: f32) -> Rgb;
}

/// A picture, ready to be painted in a size.
pub struct Painting {
    frame: Frame,
    canvas: Box<dyn Canvas>,
    finish: Finish,
}

impl Painting {
    /// Decides where everything stands.
    pub fn new(vision: &Vision, width: u32, height: u32) -> Self {
        let frame = Frame::new(width.max(1), height.max(1));
        let palette = Palette::of(vision);
        let canvas: Box<dyn Canvas> = match vision.scene {
            Scene::Space => Box::new(space::Space::new(vision, &palette, frame)),
            Scene::Paper => Box::new(paper::Paper::new(vision, &palette, frame)),
            _ => Box::new(land::Land::new(vision, &palette, frame)),
        };
        Self { frame, canvas, finish: Finish::new(vision, frame) }
    }

    /// Paints it. `each_row` may break it off; the rest then stays black.
    pub fn picture(&self, mut each_row: impl FnMut() -> ControlFlow<()>) -> Picture {
        let Frame { width, height, pixel, .. } = self.frame;
        let mut bytes = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            if each_row().is_break() {
                break;
            }
            for x in 0..width {
                let (u, v) = ((x as f32 + 0.5) * pixel, (y as f32 + 0.5) * pixel);
                let colour = self.canvas.colour(u, v);
                bytes.extend_from_slice(&self.finish.pixel(colour, x, y));
            }
        }
        bytes.resize((width * height * 3) as usize, 0);
        Picture { width, height, bytes }
    }
}

#[cfg(test)]
mod tests;
