//! The ground in layers, one behind the other: each a line across the picture and what is below it.

use super::Frame;
use super::palette::Palette;
use crate::colour::{Lch, Rgb, lch};
use crate::hash::{cell, unit};
use crate::noise::{fbm, noise, ridged, smoothstep};
use crate::vision::Vision;
use crate::words::{Scene, Thing, Time};

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mountains,
    Hills,
    Dunes,
    Firs,
}

/// One layer. The line is known for each column of pixels beforehand.
pub(super) struct Ridge {
    frame: Frame,
    kind: Kind,
    line: Vec<f32>,
    base: f32,
    relief: f32,
    /// 0 right in front, 1 at the horizon.
    depth: f32,
    top: Rgb,
    foot: Rgb,
    light: Rgb,
    shade: Rgb,
    snow: Option<Rgb>,
    /// Snow away from the light.
    cold: Rgb,
    /// How far down it lies.
    snow_line: f32,
    flowers: Option<[Rgb; 3]>,
    /// The side from which the light comes.
    from_left: f32,
    seed: u32,
}

/// Where a layer stands.
pub(super) struct Place {
    pub(super) kind: Kind,
    /// Its mean height in the picture.
    pub(super) base: f32,
    /// How far its line goes up and down.
    pub(super) relief: f32,
    /// 0 right in front, 1 at the horizon.
    pub(super) depth: f32,
}

impl Ridge {
    pub(super) fn new(place: &Place, vision: &Vision, palette: &Palette, frame: Frame, source: (f32, f32)) -> Self {
        let Place { kind, base, relief, depth } = *place;
        let mut chance = vision.chance(&format!("ridge {base}"));
        let seed = chance.bits();
        let shift = chance.range(0.0, 100.0);
        let line = (0..frame.width)
            .map(|column| {
                let u = (column as f32 + 0.5) * frame.pixel;
                base - relief * profile(kind, u, shift, depth, seed, vision.detail)
            })
            .collect();
        // Air lies between us and what is far: it takes on the colour of the horizon.
        let snow_on_firs = kind == Kind::Firs && vision.has(Thing::Snow);
        let near = if snow_on_firs { palette.near.at(palette.near.l * 0.45) } else { palette.near };
        let body = near.mix(palette.far, depth.powf(0.8));
        // Rock stays dark under the snow.
        let rock = kind == Kind::Mountains && vision.has(Thing::Snow);
        let body = if rock { body.at(body.l * (0.45 + 0.3 * depth)) } else { body };
        let air = palette.horizon.mix(palette.middle, 0.3);
        let misty = if vision.has(Thing::Mist) { 0.85 } else { 0.3 };
        let top = body.mix(air, 0.5 * depth * depth);
        let foot = top.mix(air, misty * (0.12 + 0.88 * depth.sqrt()));
        let night = vision.time == Time::Night;
        let snowy = kind == Kind::Mountains && matches!(vision.scene, Scene::Mountains | Scene::Lake);
        let petal = |hue: f32| lch(0.72, 0.17, palette.accent.h + hue).mix(top, 0.15 + 0.3 * depth);
        Self {
            frame,
            kind,
            line,
            base,
            relief,
            depth,
            top: top.rgb(),
            foot: foot.rgb(),
            light: lit(top, palette.orb, if night { 0.06 } else { 0.16 }).rgb(),
            shade: top.at(top.l * 0.8).rgb(),
            snow: snowy.then(|| {
                palette.horizon.mix(palette.orb, 0.6).at(if night { 0.62 } else { 0.93 }).mix(top, 0.45 * depth).rgb()
            }),
            cold: palette.middle.mix(palette.zenith, 0.4).mix(top, 0.3).rgb(),
            snow_line: if vision.has(Thing::Snow) { 0.13 } else { 0.06 },
            flowers: (kind == Kind::Hills && vision.has(Thing::Flowers)).then(|| {
                [petal(0.0), petal(35.0), petal(-60.0)]
                    .map(|petal| if night { petal.at(petal.l * 0.5) } else { petal }.rgb())
            }),
            from_left: if source.0 < frame.aspect * 0.5 { -1.0 } else { 1.0 },
            seed,
        }
    }

    /// The line at a place.
    pub(super) fn line_at(&self, u: f32) -> f32 {
        let column = (u / self.frame.pixel).max(0.0) as usize;
        let column = column.min(self.line.len().saturating_sub(1));
        self.line.get(column).copied().unwrap_or(1.0)
    }

    /// How much of a pixel it covers.
    pub(super) fn cover(&self, u: f32, v: f32) -> f32 {
        self.frame.cover(v - self.line_at(u))
    }

    pub(super) fn colour(&self, u: f32, v: f32) -> Rgb {
        let below = (v - self.line_at(u)).max(0.0);
        let fade = match self.kind {
            // Mist lies level between the trees; on slopes it follows the ground.
            Kind::Firs => smoothstep(self.base - 0.6 * self.relief, self.base + 0.25 * self.relief, v),
            _ => smoothstep(0.0, 0.2 + 0.1 * (1.0 - self.depth), below),
        };
        let base = self.top.mix(self.foot, fade);
        match self.kind {
            Kind::Mountains => self.rock(u, v, below, base),
            Kind::Hills => self.grass(u, v, below, base),
            Kind::Dunes => self.sand(u, v, below, base),
            Kind::Firs => base.mix(self.shade, 0.35 * (1.0 - fade) * smoothstep(0.0, 0.06, below)),
        }
    }

    /// Faces of rock, light on the side of the light; snow above a ragged line.
    fn rock(&self, u: f32, v: f32, below: f32, base: Rgb) -> Rgb {
        let fine = 5.0 + 5.0 * (1.0 - self.depth);
        let warp = noise(u * fine, v * fine, self.seed ^ 0x77) * 0.25;
        let at = |du: f32| ridged((u + du) * fine + warp, below * fine * 0.55 + warp, 4, self.seed ^ 0x33);
        let slope = ((at(self.from_left * 0.012) - at(0.0)) * 5.0).clamp(-1.0, 1.0);
        let strength = 0.75 * (1.0 - 0.6 * self.depth);
        let mut colour = base;
        if let Some(snow) = self.snow {
            let ragged = self.snow_line + 0.06 * noise(u * 16.0, v * 9.0, self.seed ^ 0x5) - 0.06 * slope;
            let cap = smoothstep(ragged, ragged - 0.025, below);
            // Snow in the shade is blue.
            let snow = snow.mix(self.cold, (0.35 - slope).clamp(0.0, 0.8));
            colour = colour.mix(snow, cap * 0.95);
            if slope < 0.0 {
                return colour.mix(self.shade, -slope * strength * (1.0 - 0.6 * cap));
            }
        }
        if slope > 0.0 {
            colour.mix(self.light, slope * strength * 0.5)
        } else {
            colour.mix(self.shade, -slope * strength)
        }
    }

    /// Tufts in rows that close up towards the crest; flowers among them.
    fn grass(&self, u: f32, v: f32, below: f32, base: Rgb) -> Rgb {
        let grain = 60.0 * (0.3 + self.depth);
        let tufts = fbm(u * grain * 0.6, v * grain * 1.6, 3, self.seed ^ 0x11);
        let swell = noise(u * 2.3, below * 5.0, self.seed ^ 0x12);
        let light = 0.45 * swell + 0.45 * tufts;
        let mut colour = if light > 0.0 {
            base.mix(self.light, light.min(1.0) * (1.0 - 0.5 * self.depth))
        } else {
            base.mix(self.shade, (-light).min(1.0))
        };
        colour = colour.mix(self.light, 0.55 * (-below * 60.0).exp());
        if let Some(petals) = &self.flowers {
            colour = self.flowers(u, v, below, colour, petals);
        }
        colour
    }

    fn flowers(&self, u: f32, v: f32, below: f32, under: Rgb, petals: &[Rgb; 3]) -> Rgb {
        let mut colour = under;
        for (sheet, spread) in [(0u32, 1.0f32), (1, 1.63)] {
            let cells = (34.0 + 90.0 * self.depth) * spread;
            let (x, y) = (u * cells, v * cells * 1.5);
            let here = cell(x.floor() as i32, y.floor() as i32, self.seed ^ (0x40 + sheet));
            // They stand in drifts.
            let drift = fbm(u * 3.0, v * 6.0, 2, self.seed ^ 0x41) * 1.3 + 0.33;
            if unit(here, 0) > drift || below < 0.004 {
                continue;
            }
            let (fx, fy) = (0.3 + 0.4 * unit(here, 1), 0.3 + 0.4 * unit(here, 2));
            let distance = (x.fract() - fx).hypot((y.fract() - fy) / 1.1);
            let size = 0.16 + 0.14 * unit(here, 3);
            let petal = petals.get((here >> 5) as usize % 3).copied().unwrap_or_default();
            let edge = self.frame.pixel * cells;
            colour = colour.mix(petal, ((size - distance) / edge + 0.5).clamp(0.0, 1.0));
        }
        colour
    }

    /// Ripples, and a dark side away from the light.
    fn sand(&self, u: f32, v: f32, below: f32, base: Rgb) -> Rgb {
        let step = 2.0 * self.frame.pixel + 0.004;
        // The crest between the two sides winds down the slope.
        let wind = below * (1.1 + 0.8 * noise(u * 1.5, below * 3.0, self.seed ^ 0x22));
        let over = u - wind;
        let slope = (self.line_at(over + step) - self.line_at(over - step)) / step;
        let crest = fbm(u * 2.0 + below * 3.0, below * 4.0, 3, self.seed ^ 0x21) * 0.25;
        let side = ((slope * 0.9 * self.from_left) + crest) * (-below * 3.0).exp();
        let wave = (below * 240.0 * (1.2 - self.depth) + noise(u * 6.0, v * 16.0, self.seed) * 9.0).sin();
        let ripple = 0.07 * wave * (1.0 - self.depth) * smoothstep(0.01, 0.1, below);
        let light = (side * 1.6 + ripple).clamp(-1.0, 1.0);
        if light > 0.0 { base.mix(self.light, light) } else { base.mix(self.shade, -light * 0.9) }
    }
}

fn lit(colour: Lch, by: Lch, much: f32) -> Lch {
    colour.mix(by, much * 1.6).at((colour.l + much).min(0.97))
}

/// The height of a layer's line, about 0..1.
fn profile(kind: Kind, u: f32, shift: f32, depth: f32, seed: u32, detail: f32) -> f32 {
    let fine = 2 + (4.0 * detail) as u32;
    let x = u + shift;
    match kind {
        Kind::Mountains => {
            let wide = 1.1 + 1.0 * depth;
            1.35 * ridged(x * wide, 0.5, fine, seed).powf(1.25) - 0.15 + 0.18 * fbm(x * wide * 0.7, 3.5, 2, seed)
        }
        Kind::Hills => 0.5 + 1.1 * fbm(x * (0.8 + 1.2 * depth), 0.5, 2, seed),
        Kind::Dunes => {
            // A slow rise and a sharp fall: the wind's side and the lee.
            let swell = x * (0.9 + 1.3 * depth) + 0.5 * fbm(x * 0.9, 0.2, 2, seed);
            let t = swell - swell.floor();
            let crest = if t < 0.68 { smoothstep(-0.1, 0.7, t) } else { 1.0 - smoothstep(0.66, 1.0, t).powf(0.8) };
            0.85 * crest + 0.3 * noise(x * 0.8, 0.9, seed)
        }
        Kind::Firs => {
            let ground = 0.35 * fbm(x * 1.3, 0.5, 3, seed);
            ground + firs(x, depth, seed)
        }
    }
}

/// A row of firs: the tallest of those that stand over a place, with branches as steps.
fn firs(x: f32, depth: f32, seed: u32) -> f32 {
    let cells = 15.0 + 24.0 * depth;
    let place = x * cells;
    let mut tallest = 0.0f32;
    for near in -3..=3 {
        let index = place.floor() as i32 + near;
        let tree = cell(index, 0, seed ^ 0x66);
        let trunk = index as f32 + unit(tree, 0);
        let height = 0.3 + 0.7 * unit(tree, 1) * (0.5 + 0.5 * unit(tree, 3));
        let half = 0.5 + 0.75 * height + 0.25 * unit(tree, 2);
        let away = (place - trunk).abs() / half;
        if away >= 1.0 {
            continue;
        }
        let branches = 5.0 + 7.0 * height;
        let step = (away * branches).fract() / branches;
        let tip = (1.0 - away * 14.0).max(0.0) * 0.06;
        tallest = tallest.max(height * ((1.0 - away).powf(1.25) + 0.8 * step * (0.4 + away) + tip));
    }
    tallest
}
