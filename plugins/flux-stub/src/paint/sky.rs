//! The sky: its light, the sun or the moon, clouds, stars, northern lights.

use super::Frame;
use super::palette::Palette;
use crate::colour::{Gradient, Rgb, lch};
use crate::hash::{cell, unit};
use crate::noise::{fbm, noise, smoothstep};
use crate::vision::Vision;
use crate::words::{Thing, Time};

pub(super) struct Sky {
    frame: Frame,
    light: Gradient,
    /// Where the sky ends.
    pub(super) line: f32,
    orb: Option<Orb>,
    clouds: Option<Clouds>,
    stars: bool,
    aurora: Option<Aurora>,
    seed: u32,
}

struct Orb {
    u: f32,
    v: f32,
    radius: f32,
    colour: Rgb,
    glow: Rgb,
    moon: bool,
}

struct Clouds {
    cover: f32,
    stretch: f32,
    lit: Rgb,
    shaded: Rgb,
    octaves: u32,
}

struct Aurora {
    low: Rgb,
    high: Rgb,
    bend: f32,
}

impl Sky {
    pub(super) fn new(vision: &Vision, palette: &Palette, frame: Frame, line: f32) -> Self {
        let mut chance = vision.chance("sky");
        let night = vision.time == Time::Night;
        let (u, height) = (chance.range(0.22, 0.78), chance.range(0.05, 0.9));
        let size = chance.range(0.045, 0.085);
        let low = matches!(vision.time, Time::Dawn | Time::Sunset | Time::Dusk);
        let orb = vision.has(Thing::Orb).then(|| Orb {
            u: u * frame.aspect,
            // Near the horizon when it rises or sets, anywhere else in the upper part.
            v: if low { line * (0.98 - 0.42 * height) } else { line * (0.22 + 0.4 * height) },
            radius: size * if low { 1.25 } else { 0.85 } * frame.motif(),
            colour: palette.orb.rgb() * if night { 0.95 } else { 1.5 },
            glow: palette.orb.mix(palette.horizon, 0.45).rgb(),
            moon: night,
        });
        let clouds = vision.has(Thing::Clouds).then(|| {
            let stormy = vision.has(Thing::Rain);
            Clouds {
                cover: if stormy { 0.55 } else { chance.range(0.12, 0.38) },
                stretch: chance.range(1.4, 3.2),
                lit: palette.orb.mix(palette.horizon, 0.35).rgb() * if night { 0.25 } else { 0.95 },
                shaded: palette
                    .middle
                    .mix(palette.zenith, 0.5)
                    .at(palette.middle.l * if stormy { 0.6 } else { 0.92 })
                    .rgb(),
                octaves: 2 + (3.0 * vision.detail) as u32,
            }
        });
        let aurora = vision.has(Thing::Aurora).then(|| {
            let hue = vision.tints.first().and_then(|tint| tint.hue);
            let hue = hue.unwrap_or(158.0);
            Aurora {
                low: lch(0.82, 0.19, hue).rgb(),
                high: lch(0.55, 0.2, hue + 140.0).rgb(),
                bend: chance.range(0.2, 0.4),
            }
        });
        Self {
            frame,
            light: Gradient::new(&[palette.zenith, palette.middle, palette.horizon]),
            line,
            orb,
            clouds,
            stars: vision.has(Thing::Stars),
            aurora,
            seed: chance.bits(),
        }
    }

    /// Where the light comes from.
    pub(super) fn source(&self) -> (f32, f32) {
        self.orb.as_ref().map_or((0.3 * self.frame.aspect, 0.1), |orb| (orb.u, orb.v))
    }

    pub(super) fn colour(&self, u: f32, v: f32) -> Rgb {
        let height = (self.line - v).max(0.0);
        let mut colour = self.light.at((v / self.line).clamp(0.0, 1.0).powf(1.15));
        let veil = smoothstep(0.0, self.line * 0.8, height);
        if self.stars {
            colour = colour + self.star(u, v) * veil;
        }
        if let Some(aurora) = &self.aurora {
            colour = colour + aurora.colour(u, v, self.seed) * smoothstep(0.02, 0.25, height);
        }
        if let Some(orb) = &self.orb {
            colour = orb.over(colour, u, v, self.frame, self.seed);
        }
        if let Some(clouds) = &self.clouds {
            let (du, dv) = self.orb.as_ref().map_or((-0.1, -0.1), |orb| (orb.u - u, orb.v - v));
            colour = clouds.over(colour, u, height, (du, dv), self.seed);
        }
        colour
    }

    /// At most one star a cell, in two sizes of cells: many faint ones, a few bright ones.
    fn star(&self, u: f32, v: f32) -> Rgb {
        let mut light = 0.0;
        for (cells, size, odds) in [(64.0, 0.0009, 0.22), (19.0, 0.0018, 0.26)] {
            let (x, y) = (u * cells, v * cells);
            let here = cell(x.floor() as i32, y.floor() as i32, self.seed ^ cells as u32);
            if unit(here, 0) > odds {
                continue;
            }
            // Away from the edges of its cell, so that it is never cut.
            let (sx, sy) = (0.2 + 0.6 * unit(here, 1), 0.2 + 0.6 * unit(here, 2));
            let distance = (x.fract() - sx).hypot(y.fract() - sy) / cells;
            let size = f32::max(size * (0.6 + unit(here, 3)), self.frame.pixel * 0.5);
            light += (-(distance / size).powi(2)).exp() * (0.15 + 0.85 * unit(here, 3));
        }
        Rgb { r: 0.92, g: 0.95, b: 1.0 } * light
    }
}

impl Orb {
    fn over(&self, behind: Rgb, u: f32, v: f32, frame: Frame, seed: u32) -> Rgb {
        let (du, dv) = (u - self.u, v - self.v);
        let distance = du.hypot(dv);
        let wide = if self.moon { 0.22 } else { 0.55 };
        let halo =
            (-distance / (self.radius * 2.2)).exp() * wide + (-distance / (self.radius * 7.0)).exp() * wide * 0.55;
        let colour = behind.mix(self.glow, halo.min(1.0)) + self.glow * (halo * 0.25);
        let disc = frame.cover(self.radius - distance);
        if disc <= 0.0 {
            return colour;
        }
        let mut face = self.colour;
        if self.moon {
            let (x, y) = (du / self.radius, dv / self.radius);
            let seas = smoothstep(0.02, 0.35, fbm(x * 1.3 + 3.0, y * 1.3, 4, seed));
            let round = (1.0 - 0.25 * (x * x + y * y)).max(0.0);
            face = face * (round * (1.0 - 0.3 * seas));
        }
        colour.mix(face, disc)
    }
}

impl Clouds {
    /// Clouds lie on a plane overhead, so that they grow small and flat towards the horizon.
    fn over(&self, behind: Rgb, u: f32, height: f32, light: (f32, f32), seed: u32) -> Rgb {
        if height <= 0.0 {
            return behind;
        }
        let far = 1.0 / (height + 0.16);
        let (x, y) = ((u - 0.5) * far * 1.1, far * self.stretch);
        let density = self.density(x, y, seed);
        if density <= 0.0 {
            return behind;
        }
        let norm = light.0.hypot(light.1).max(0.05);
        let toward = self.density(x + 0.22 * light.0 / norm, y + 0.22 * light.1 / norm * self.stretch, seed);
        let lit = (0.55 + 1.4 * (density - toward)).clamp(0.0, 1.0);
        let near_light = (-norm * 2.2).exp();
        let colour = self.shaded.mix(self.lit, lit) + self.lit * (near_light * 0.45 * (1.0 - density));
        let veil = smoothstep(0.0, 0.12, height);
        behind.mix(colour, smoothstep(0.0, 0.55, density) * 0.9 * veil)
    }

    fn density(&self, x: f32, y: f32, seed: u32) -> f32 {
        let warp = fbm(x * 0.9, y * 0.9, 2, seed ^ 0x51);
        let body = fbm(x + warp * 0.9, y + warp * 0.5, self.octaves, seed);
        body + self.cover - 0.25
    }
}

impl Aurora {
    fn colour(&self, u: f32, v: f32, seed: u32) -> Rgb {
        let mut colour = Rgb::default();
        for curtain in 0..3 {
            let part = curtain as f32;
            let drift = seed.wrapping_add(curtain * 7);
            let bend = fbm(u * 1.7 + part * 5.0, 0.3 + part, 3, drift) * self.bend;
            let foot = 0.34 + 0.1 * part + bend;
            let above = foot - v;
            if above < -0.03 {
                continue;
            }
            // Sharp at the foot, fading upwards, in rays.
            let rays = 0.55 + 0.65 * noise(u * 26.0 + bend * 30.0, v * 0.9, drift ^ 0x9);
            let glow = smoothstep(-0.03, 0.02, above) * (-above.max(0.0) * 6.5).exp() * rays.max(0.0);
            let hue = smoothstep(0.02, 0.3, above);
            colour = colour + self.low.mix(self.high, hue) * (glow * (0.75 - 0.18 * part));
        }
        colour
    }
}
