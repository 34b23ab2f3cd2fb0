//! Water: what stands above it, upside down and broken by waves.

use super::Frame;
use super::palette::Palette;
use crate::colour::Rgb;
use crate::noise::{fbm, noise, smoothstep};
use crate::vision::Vision;
use crate::words::Scene;

pub(super) struct Water {
    /// Where it begins.
    pub(super) line: f32,
    deep: Rgb,
    glint: Rgb,
    source: f32,
    rough: f32,
    pixel: f32,
    seed: u32,
}

impl Water {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame, line: f32, source: f32) -> Self {
        let mut chance = vision.chance("water");
        let calm = vision.scene == Scene::Lake;
        Self {
            line,
            deep: palette.zenith.mix(palette.near, 0.45).rgb(),
            glint: palette.orb.mix(palette.horizon, 0.3).rgb(),
            source,
            rough: if calm { chance.range(0.15, 0.4) } else { chance.range(0.7, 1.1) },
            pixel: frame.pixel,
            seed: chance.bits(),
        }
    }

    /// The colour at a place, given what is above the water.
    pub(super) fn colour(&self, u: f32, v: f32, above: impl Fn(f32, f32) -> Rgb) -> Rgb {
        let down = v - self.line;
        // Distance along the water: waves close up towards the horizon.
        let far = 1.0 / (down + 0.035);
        let across = (u - 0.5) * far;
        let swell = noise(across * 1.1, far * 3.2, self.seed);
        let chop = fbm(across * 4.5 + swell, far * 11.0, 3, self.seed ^ 0x3);
        // Waves finer than a pixel would only flicker.
        let seen = smoothstep(0.0, 14.0 * self.pixel + 0.02, down);
        let wave = (0.6 * swell + chop) * self.rough * seen;
        let mirror = self.line - down * 0.85 - wave * (0.012 + 0.07 * down);
        let reflected = above(u + wave * 0.018, mirror.clamp(0.0, self.line - 0.001));
        let steep = (0.12 + 0.75 * down + 0.22 * wave).clamp(0.0, 0.8);
        let colour = reflected.mix(self.deep, steep);
        let path = (-((u - self.source) / (0.035 + 0.3 * down)).powi(2)).exp();
        let sparkle = smoothstep(0.1, 0.45, wave + 0.12) * path;
        colour + self.glint * (sparkle * 0.55)
    }
}
