//! What falls between us and everything else: snow and rain.

use super::Frame;
use crate::colour::Rgb;
use crate::hash::{cell, unit};
use crate::vision::Vision;
use crate::words::Thing;

pub(super) struct Weather {
    frame: Frame,
    snow: bool,
    rain: bool,
    slant: f32,
    seed: u32,
}

impl Weather {
    pub(super) fn new(vision: &Vision, frame: Frame) -> Self {
        let mut chance = vision.chance("weather");
        Self {
            frame,
            snow: vision.has(Thing::Snow),
            rain: vision.has(Thing::Rain),
            slant: chance.range(-0.25, 0.25),
            seed: chance.bits(),
        }
    }

    pub(super) fn over(&self, behind: Rgb, u: f32, v: f32) -> Rgb {
        let white = Rgb { r: 0.9, g: 0.94, b: 1.0 };
        let mut colour = behind;
        if self.snow {
            // Near flakes are large, few and out of focus.
            for (cells, size, strength) in [(46.0, 0.1, 0.8), (24.0, 0.12, 0.75), (9.0, 0.13, 0.3)] {
                colour = colour.mix(white, strength * self.flake(u, v, cells, size));
            }
        }
        if self.rain {
            colour = colour.mix(white * 0.7, 0.22 * self.streak(u, v));
        }
        colour
    }

    fn flake(&self, u: f32, v: f32, cells: f32, size: f32) -> f32 {
        let (x, y) = ((u + self.slant * v) * cells, v * cells);
        let here = cell(x.floor() as i32, y.floor() as i32, self.seed ^ cells as u32);
        if unit(here, 0) > 0.42 {
            return 0.0;
        }
        let (fx, fy) = (0.25 + 0.5 * unit(here, 1), 0.25 + 0.5 * unit(here, 2));
        let distance = (x.fract() - fx).hypot(y.fract() - fy);
        let size = f32::max(size * (0.5 + unit(here, 3)), self.frame.pixel * cells * 0.7);
        (1.0 - distance / size).clamp(0.0, 1.0).powf(0.7)
    }

    fn streak(&self, u: f32, v: f32) -> f32 {
        let (x, y) = ((u + self.slant * v) * 95.0, v * 6.0);
        let column = x.floor() as i32;
        let here = cell(column, (y + 9.0 * unit(cell(column, 1, self.seed), 0)).floor() as i32, self.seed);
        if unit(here, 0) > 0.3 {
            return 0.0;
        }
        (1.0 - (x.fract() - 0.5).abs() * 4.0).clamp(0.0, 1.0) * unit(here, 1)
    }
}
