//! A nebula, stars, and a planet in front of them, perhaps with rings.

use super::palette::Palette;
use super::{Canvas, Frame};
use crate::colour::{Gradient, Rgb, lch};
use crate::hash::{cell, unit};
use crate::noise::{fbm, noise, ridged, smoothstep};
use crate::vision::Vision;

pub(super) struct Space {
    frame: Frame,
    gas: Gradient,
    second: Rgb,
    planet: Planet,
    moon: Planet,
    octaves: u32,
    seed: u32,
}

struct Planet {
    u: f32,
    v: f32,
    radius: f32,
    bands: Gradient,
    air: Rgb,
    /// Towards the light.
    light: (f32, f32, f32),
    ring: Option<Ring>,
    banded: f32,
    seed: u32,
}

struct Ring {
    tilt: f32,
    lean: f32,
    colour: Rgb,
}

impl Space {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame) -> Self {
        let mut chance = vision.chance("space");
        let named = vision.tints.iter().find_map(|tint| tint.hue);
        let hue = named.unwrap_or(palette.middle.h);
        let other = (palette.accent.h - hue + 540.0).rem_euclid(360.0) - 180.0;
        let accent = if other.abs() < 40.0 { hue + 150.0 } else { palette.accent.h };
        let light = {
            let (x, y) = (chance.range(-0.8, 0.8), chance.range(-0.7, -0.2));
            let z = (1.0f32 - x * x - y * y).max(0.12).sqrt();
            let norm = (x * x + y * y + z * z).sqrt();
            (x / norm, y / norm, z / norm)
        };
        let side = if chance.flip(0.5) { 0.3 } else { 0.7 };
        let radius = chance.range(0.18, 0.3) * frame.motif();
        let spin = chance.bits();
        let planet = Planet {
            u: (side + chance.range(-0.06, 0.06)) * frame.aspect,
            v: chance.range(0.45, 0.68),
            radius,
            bands: Gradient::new(&[
                lch(0.35, 0.09, accent),
                lch(0.62, 0.13, accent + 18.0),
                lch(0.86, 0.07, accent + 40.0),
                lch(0.55, 0.14, accent - 20.0),
                lch(0.78, 0.08, accent + 25.0),
            ]),
            air: lch(0.78, 0.12, hue).rgb(),
            light,
            ring: chance.flip(0.6).then(|| Ring {
                tilt: chance.range(0.14, 0.34),
                lean: chance.range(-0.5, 0.5),
                colour: lch(0.8, 0.06, accent + 30.0).rgb(),
            }),
            banded: chance.range(2.5, 6.0),
            seed: spin,
        };
        let moon = Planet {
            u: (1.0 - side + chance.range(-0.12, 0.12)) * frame.aspect,
            v: chance.range(0.16, 0.34),
            radius: radius * chance.range(0.12, 0.24),
            bands: Gradient::new(&[lch(0.45, 0.02, hue), lch(0.75, 0.02, hue), lch(0.6, 0.03, hue)]),
            air: lch(0.5, 0.02, hue).rgb(),
            light,
            ring: None,
            banded: 0.6,
            seed: spin ^ 0x55,
        };
        Self {
            frame,
            gas: Gradient::new(&[
                lch(0.09, 0.03, hue - 10.0),
                lch(0.2, 0.1, hue),
                lch(0.45, 0.18, hue + 15.0),
                lch(0.72, 0.16, hue + 35.0),
                lch(0.95, 0.06, hue + 50.0),
            ]),
            second: lch(0.6, 0.2, accent).rgb(),
            planet,
            moon,
            octaves: 3 + (3.0 * vision.detail) as u32,
            seed: chance.bits(),
        }
    }

    fn nebula(&self, u: f32, v: f32) -> Rgb {
        let (x, y) = (u * 1.7, v * 1.7);
        let wx = fbm(x, y, 3, self.seed ^ 0x1);
        let wy = fbm(x + 5.2, y + 1.3, 3, self.seed ^ 0x2);
        let body = fbm(x + 1.9 * wx, y + 1.9 * wy, self.octaves, self.seed ^ 0x3);
        let veins = ridged(x * 1.4 + wx, y * 1.4 + wy, 4, self.seed ^ 0x4);
        let dust = smoothstep(0.0, 0.5, fbm(x * 1.9 - wy, y * 1.9 + wx, 4, self.seed ^ 0x5));
        let dense = (0.32 + 0.75 * body + 0.28 * (veins - 0.45)).clamp(0.0, 1.0);
        let gas = self.gas.at(dense * (1.0 - 0.55 * dust));
        let tinge = smoothstep(0.0, 0.55, wx + 0.15) * dense * 0.85;
        gas.mix(self.second, tinge * (1.0 - 0.5 * dust))
    }

    fn stars(&self, u: f32, v: f32) -> Rgb {
        let mut colour = Rgb::default();
        for (cells, size, odds) in [(90.0, 0.0008, 0.2), (30.0, 0.0014, 0.22), (7.0, 0.0024, 0.3)] {
            let (x, y) = (u * cells, v * cells);
            let here = cell(x.floor() as i32, y.floor() as i32, self.seed ^ cells as u32);
            if unit(here, 0) > odds {
                continue;
            }
            let (dx, dy) = (x.fract() - 0.25 - 0.5 * unit(here, 1), y.fract() - 0.25 - 0.5 * unit(here, 2));
            let (dx, dy) = (dx / cells, dy / cells);
            let size = f32::max(size, self.frame.pixel * 0.55) * (0.6 + 0.8 * unit(here, 3));
            let mut light = (-(dx * dx + dy * dy) / (size * size)).exp();
            if cells < 10.0 {
                // The brightest have rays and a halo.
                let ray = |along: f32, across: f32| (-(across / size / 0.35).abs() - (along / size / 5.0).abs()).exp();
                light += 0.7 * (ray(dx, dy) + ray(dy, dx)) + 0.12 * (-(dx.hypot(dy)) / (size * 5.0)).exp();
            }
            let warm = unit(here, 3);
            let tone = Rgb { r: 0.8 + 0.2 * warm, g: 0.9, b: 1.0 - 0.25 * warm };
            colour = colour + tone * (light * (0.12 + 0.88 * unit(here, 2)));
        }
        colour
    }
}

impl Canvas for Space {
    fn colour(&self, u: f32, v: f32) -> Rgb {
        let mut colour = self.nebula(u, v);
        colour = colour + self.stars(u, v);
        colour = self.moon.over(colour, u, v, self.frame);
        self.planet.over(colour, u, v, self.frame)
    }
}

impl Planet {
    fn over(&self, behind: Rgb, u: f32, v: f32, frame: Frame) -> Rgb {
        let (x, y) = ((u - self.u) / self.radius, (v - self.v) / self.radius);
        let distance = x.hypot(y);
        let ring = self.ring.as_ref().and_then(|ring| ring.at(x, y));
        let mut colour = behind;
        if let Some((light, strength, false)) = ring {
            colour = colour.mix(light, strength);
        }
        // Air glows beyond the edge on the bright side.
        let facing = ((x * self.light.0 + y * self.light.1) / distance.max(0.01) * 0.5 + 0.5).clamp(0.0, 1.0);
        if distance > 1.0 {
            let halo = (-(distance - 1.0) * 16.0).exp() * 0.5 * facing * facing;
            colour = colour + self.air * halo;
        }
        let cover = frame.cover((1.0 - distance) * self.radius);
        if cover > 0.0 {
            colour = colour.mix(self.ball(x, y), cover);
        }
        if let Some((light, strength, true)) = ring {
            colour = colour.mix(light, strength);
        }
        colour
    }

    fn ball(&self, x: f32, y: f32) -> Rgb {
        let z = (1.0 - x * x - y * y).max(0.0).sqrt();
        let lean = self.ring.as_ref().map_or(0.25, |ring| ring.lean);
        let (across, up) = (x * lean.cos() + y * lean.sin(), y * lean.cos() - x * lean.sin());
        // Bands run round it; storms stir them.
        let long = across.atan2(z + 0.4);
        let stir = fbm(long * 2.2, up * 5.0, 4, self.seed);
        let fine = noise(long * 3.0, up * 26.0 + stir * 5.0, self.seed ^ 0x7);
        let band = (up * self.banded + stir * 1.1 + 0.12 * fine).sin() * 0.5 + 0.5;
        let ground = self.bands.at(band * 0.85 + 0.12 * fine + 0.05);
        let sun = x * self.light.0 + y * self.light.1 + z * self.light.2;
        let day = smoothstep(-0.12, 0.75, sun);
        let rim = (1.0 - z).powi(3) * smoothstep(-0.1, 0.5, sun);
        let shadow = self.ring.as_ref().map_or(1.0, |ring| {
            let band = (up - ring.tilt * 0.9).abs();
            0.55 + 0.45 * smoothstep(0.05, 0.13, band)
        });
        ground * (0.015 + 1.05 * day * shadow) + self.air * (rim * 0.75)
    }
}

impl Ring {
    /// Its colour there, how much of it, and whether it passes in front of the planet.
    fn at(&self, x: f32, y: f32) -> Option<(Rgb, f32, bool)> {
        let (across, up) = (x * self.lean.cos() + y * self.lean.sin(), y * self.lean.cos() - x * self.lean.sin());
        let out = across.hypot(up / self.tilt);
        if !(1.3..2.3).contains(&out) {
            return None;
        }
        let grooves = 0.62 + 0.38 * noise(out * 24.0, 0.5, 0x91) + 0.25 * noise(out * 70.0, 0.5, 0x92);
        let gap = 1.0 - 0.85 * smoothstep(0.05, 0.015, (out - 1.93).abs());
        let edge = smoothstep(1.3, 1.36, out) * smoothstep(2.3, 2.2, out);
        Some((self.colour, (grooves * gap * edge * 0.85).clamp(0.0, 0.95), up > 0.0))
    }
}
