//! The last touch: darker corners, soft highlights, a little grain; then the screen's values.

use super::Frame;
use crate::colour::{Rgb, to_srgb};
use crate::hash::{cell, unit};
use crate::vision::Vision;

pub(super) struct Finish {
    frame: Frame,
    seed: u32,
    /// The screen's values for amounts of light, 0..1.
    curve: Vec<f32>,
}

impl Finish {
    const STEPS: f32 = 4096.0;

    pub(super) fn new(vision: &Vision, frame: Frame) -> Self {
        Self {
            frame,
            seed: vision.seed as u32,
            curve: (0..=Self::STEPS as usize + 1).map(|step| 255.0 * to_srgb(step as f32 / Self::STEPS)).collect(),
        }
    }

    pub(super) fn pixel(&self, colour: Rgb, x: u32, y: u32) -> [u8; 3] {
        let across = 2.0 * (x as f32 + 0.5) / self.frame.width as f32 - 1.0;
        let down = 2.0 * (y as f32 + 0.5) / self.frame.height as f32 - 1.0;
        let corner = across * across + down * down;
        let colour = colour * (1.0 - 0.11 * corner);
        let speck = cell(x as i32, y as i32, self.seed);
        // Two halves make a triangle of chances: it hides the steps of a gradient best.
        let grain = 1.6 * (unit(speck, 0) + unit(speck, 1) - 1.0);
        [colour.r, colour.g, colour.b].map(|light| (self.screen(shoulder(light)) + grain + 0.5).clamp(0.0, 255.0) as u8)
    }

    fn screen(&self, light: f32) -> f32 {
        let place = light.clamp(0.0, 1.0) * Self::STEPS;
        let step = place as usize;
        let from = self.curve.get(step).copied().unwrap_or(255.0);
        let to = self.curve.get(step + 1).copied().unwrap_or(255.0);
        from + (to - from) * (place - step as f32)
    }
}

/// Light beyond what a screen can show fades into white instead of being cut off.
fn shoulder(light: f32) -> f32 {
    const KNEE: f32 = 0.75;
    if light <= KNEE {
        return light;
    }
    let over = (light - KNEE) / (1.0 - KNEE);
    KNEE + (1.0 - KNEE) * (over / (1.0 + over)) * 1.25
}
