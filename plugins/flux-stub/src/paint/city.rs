//! A skyline in three rows, with lights in the windows when it gets dark.

use super::Frame;
use super::palette::Palette;
use crate::colour::{Rgb, lch};
use crate::hash::{cell, unit};
use crate::noise::smoothstep;
use crate::vision::Vision;
use crate::words::Time;

pub(super) struct City {
    frame: Frame,
    /// The nearest first.
    rows: Vec<Row>,
}

struct Row {
    line: Vec<f32>,
    base: f32,
    top: Rgb,
    foot: Rgb,
    lights: [Rgb; 3],
    /// How many windows are lit, 0..1, and how brightly.
    lit: f32,
    glow: f32,
    /// Buildings in the picture's height.
    blocks: f32,
    seed: u32,
}

impl City {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame, ground: f32) -> Self {
        let mut chance = vision.chance("city");
        let (lit, glow) = match vision.time {
            Time::Night => (0.42, 1.0),
            Time::Dusk => (0.34, 0.9),
            Time::Sunset => (0.2, 0.7),
            Time::Dawn => (0.08, 0.45),
            Time::Day => (0.0, 0.0),
        };
        let warm = lch(0.86, 0.13, 82.0);
        let ground = ground.min(0.92);
        let rows = [(0.0, 6.5, 0.34), (0.45, 9.5, 0.44), (0.9, 14.0, 0.5)]
            .into_iter()
            .map(|(depth, blocks, tall)| {
                let seed = chance.bits();
                let body = palette.near.mix(palette.far, depth).mix(palette.horizon, 0.45 * depth);
                let base = ground - 0.004 + 0.02 * (1.0 - depth);
                Row {
                    line: (0..frame.width)
                        .map(|column| {
                            let u = (column as f32 + 0.5) * frame.pixel;
                            base - tall * roof(u * blocks, frame.aspect * blocks, seed)
                        })
                        .collect(),
                    base,
                    top: body.rgb(),
                    foot: body.mix(palette.horizon, 0.18 + 0.2 * depth).rgb(),
                    lights: [
                        warm.rgb(),
                        palette.accent.at(0.8).rgb(),
                        palette.orb.mix(palette.middle, 0.4).at(0.85).rgb(),
                    ],
                    lit: lit * (1.0 - 0.3 * depth),
                    glow: glow * (1.0 - 0.65 * depth),
                    blocks,
                    seed,
                }
            })
            .collect();
        Self { frame, rows }
    }

    pub(super) fn over(&self, u: f32, v: f32, behind: impl FnOnce() -> Rgb) -> Rgb {
        for row in &self.rows {
            let column = (u / self.frame.pixel).max(0.0) as usize;
            let column = column.min(row.line.len().saturating_sub(1));
            let line = row.line.get(column).copied().unwrap_or(1.0);
            if v >= line {
                return row.colour(u, v, line, self.frame);
            }
        }
        behind()
    }
}

impl Row {
    fn colour(&self, u: f32, v: f32, line: f32, frame: Frame) -> Rgb {
        let depth = smoothstep(line, self.base, v);
        let wall = self.top.mix(self.foot, depth);
        let house = cell((u * self.blocks).floor() as i32, 0, self.seed);
        // Each house is a little lighter or darker than the next.
        let wall = wall * (0.85 + 0.3 * unit(house, 2));
        if self.lit <= 0.0 {
            let bands = ((v - line) * self.blocks * 7.0).fract();
            return wall * if bands < 0.4 { 1.12 } else { 1.0 };
        }
        let across = u * self.blocks * (5.0 + (4.0 * unit(house, 3)).floor());
        let up = (v - line) * self.blocks * (5.0 + (4.0 * unit(house, 0)).floor());
        let window = cell(across.floor() as i32, up.floor() as i32, self.seed ^ house);
        let inset = (across.fract() - 0.5).abs() < 0.3 && (up.fract() - 0.5).abs() < 0.28;
        // Windows finer than a pixel melt into their mean.
        let seen = smoothstep(0.6, 2.0, 1.0 / (self.blocks * 7.0 * frame.pixel));
        let on = unit(window, 0) < self.lit * (0.4 + 1.2 * unit(house, 1)) && up > 0.8;
        let light = self.lights.get(usize::from(unit(window, 1) > 0.8) + usize::from(unit(window, 1) > 0.92));
        let light = light.copied().unwrap_or_default();
        let shine = if on && inset { 0.45 + 0.55 * unit(window, 2) } else { 0.0 };
        wall.mix(light, self.glow * (shine * seen + 0.08 * (1.0 - seen)))
    }
}

/// The height of the houses' roofs, 0..1: towers in the middle, spires on some.
fn roof(place: f32, width: f32, seed: u32) -> f32 {
    let index = place.floor();
    let house = cell(index as i32, 0, seed);
    let middle = 1.0 - (2.0 * (index + 0.5) / width - 1.0).abs().min(1.0);
    let tall = (0.22 + 0.78 * unit(house, 0) * unit(house, 0).sqrt()) * (0.5 + 0.5 * middle.sqrt());
    let (x, wide) = (place - index, 0.72 + 0.28 * unit(house, 1));
    let away = (x - 0.5).abs() * 2.0;
    if away > wide {
        return 0.16 * unit(house, 3);
    }
    let kind = unit(house, 2);
    let top = if kind < 0.18 && away < 0.05 {
        0.22
    } else if kind < 0.35 && away < wide * 0.55 {
        0.07
    } else if (0.35..0.45).contains(&kind) {
        0.1 * (1.0 - away)
    } else {
        0.0
    };
    tall + top
}
