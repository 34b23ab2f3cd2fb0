//! Sheets of cut paper, one above the other, each with its shadow on the one below.

use super::palette::Palette;
use super::{Canvas, Frame};
use crate::colour::{Gradient, Rgb, lch};
use crate::noise::{fbm, noise, smoothstep};
use crate::vision::Vision;

pub(super) struct Paper {
    frame: Frame,
    sheets: Gradient,
    gold: Rgb,
    levels: f32,
    scale: f32,
    swirl: f32,
    /// The middle of the hollow, and how much it draws the sheets.
    well: (f32, f32, f32),
    octaves: u32,
    light: (f32, f32),
    seed: u32,
}

impl Paper {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame) -> Self {
        let mut chance = vision.chance("paper");
        let mut named = vision.tints.iter().filter_map(|tint| Some((tint.hue?, tint.strength)));
        let greys = vision.tints.iter().any(|tint| tint.hue.is_none());
        let (hue, strength) = named.next().unwrap_or((palette.middle.h, if greys { 0.2 } else { 1.0 }));
        // From the deep sheets to the upper ones: neighbours on the circle, with one that stands against them.
        let way: f32 = match hue {
            // Yellow in the shade turns brown; any farther round it would turn to slime.
            60.0..120.0 => 0.4,
            _ if chance.flip(0.5) => 1.0,
            _ => -1.0,
        };
        let contrast = named.next().map_or(hue + way.signum() * 150.0, |(hue, _)| hue);
        let c = |chroma: f32| chroma * strength;
        let mut stops = vec![
            lch(0.18, c(0.07), hue - way * 25.0),
            lch(0.3, c(0.12), hue - way * 12.0),
            lch(0.45, c(0.15), hue),
            lch(0.6, c(0.16), hue + way * 10.0),
            lch(0.76, c(0.12), hue + way * 22.0),
            lch(0.92, c(0.05), hue + way * 40.0),
            lch(0.74, c(0.15), contrast),
        ];
        if chance.flip(0.4) {
            stops.reverse();
        }
        let turn = chance.range(0.0, std::f32::consts::TAU);
        Self {
            frame,
            sheets: Gradient::new(&stops),
            gold: lch(0.88, 0.11 * strength.max(0.6), 88.0).rgb(),
            levels: chance.range(8.0, 13.0).floor(),
            scale: chance.range(0.75, 1.35),
            swirl: chance.range(0.7, 1.5),
            well: (
                chance.range(0.25, 0.75) * frame.aspect,
                chance.range(0.25, 0.75),
                chance.range(0.25, 0.6) * if chance.flip(0.5) { 1.0 } else { -1.0 },
            ),
            octaves: 1 + (2.0 * vision.detail) as u32,
            light: (turn.cos() * 0.022, -turn.sin().abs() * 0.022),
            seed: chance.bits(),
        }
    }

    /// The height of the landscape that the sheets cut through, about 0..1.
    fn height(&self, u: f32, v: f32) -> f32 {
        let (x, y) = (u * self.scale * 1.5, v * self.scale * 1.5);
        let wx = noise(x * 0.8, y * 0.8, self.seed ^ 0x1) + 0.4 * noise(x * 2.1, y * 2.1, self.seed ^ 0x3);
        let wy = noise(x * 0.8 + 7.7, y * 0.8 + 2.9, self.seed ^ 0x2);
        let ground = fbm(x + self.swirl * wx, y + self.swirl * wy, self.octaves, self.seed);
        let away = (u - self.well.0).hypot(v - self.well.1);
        0.5 + 0.62 * ground + self.well.2 * ((-away * away * 5.0).exp() - 0.3)
    }
}

impl Canvas for Paper {
    fn colour(&self, u: f32, v: f32) -> Rgb {
        let height = self.height(u, v) * self.levels;
        let sheet = height.floor();
        let above = height - sheet;
        let grain =
            0.035 * noise(u * 180.0, v * 180.0, self.seed ^ 0x9) + 0.03 * noise(u * 45.0, v * 60.0, self.seed ^ 0x8);
        let base = self.sheets.at(sheet / self.levels) * (1.0 + grain);
        // How steep it is here: the distance to the next edge, in pixels.
        let step = 1.5 * self.frame.pixel;
        let steep = (self.height(u + step, v) * self.levels - height)
            .hypot(self.height(u, v + step) * self.levels - height)
            .max(1e-4)
            / step;
        // What lies higher towards the light throws a shadow here, softer the farther away.
        let mut shadow = 0.0f32;
        for (reach, weight) in [(0.5, 0.5), (1.2, 0.4), (2.4, 0.3)] {
            let there = self.height(u + self.light.0 * reach, v + self.light.1 * reach) * self.levels;
            shadow += weight * smoothstep(0.0, 0.3, there - (sheet + 1.0));
        }
        let mut colour = base * (1.0 - 0.72 * shadow.min(1.0));
        // A bright rim where the paper is cut, gilded on every third sheet.
        let edge = above / steep;
        let rim = smoothstep(0.0032_f32.max(1.6 * self.frame.pixel), 0.0, edge);
        let gilt = (sheet.rem_euclid(3.0)) < 1.0;
        let rim_colour = if gilt { self.gold } else { base * 1.35 };
        colour = colour.mix(rim_colour, rim * if gilt { 0.85 } else { 0.5 });
        // The cut itself, as fine as a pixel.
        let under = self.sheets.at((sheet - 1.0) / self.levels) * 0.55;
        under.mix(colour * (0.9 + 0.16 * above), (edge / self.frame.pixel).clamp(0.0, 1.0))
    }
}
