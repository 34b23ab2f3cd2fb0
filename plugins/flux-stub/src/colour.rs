//! Colours: chosen as lightness, chroma and hue of Oklab, where equal steps look equal; mixed as linear light.

use crate::noise::lerp;
use std::ops::{Add, Mul};

/// Linear light.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rgb {
    /// Red.
    pub r: f32,
    /// Green.
    pub g: f32,
    /// Blue.
    pub b: f32,
}

impl Rgb {
    /// As much of `other` as `t` says.
    #[inline]
    pub fn mix(self, other: Rgb, t: f32) -> Rgb {
        Rgb { r: lerp(self.r, other.r, t), g: lerp(self.g, other.g, t), b: lerp(self.b, other.b, t) }
    }

    /// How bright it looks.
    #[inline]
    pub fn luma(self) -> f32 {
        0.21 * self.r + 0.72 * self.g + 0.07 * self.b
    }
}

impl Add for Rgb {
    type Output = Rgb;
    #[inline]
    fn add(self, other: Rgb) -> Rgb {
        Rgb { r: self.r + other.r, g: self.g + other.g, b: self.b + other.b }
    }
}

impl Mul<f32> for Rgb {
    type Output = Rgb;
    #[inline]
    fn mul(self, by: f32) -> Rgb {
        Rgb { r: self.r * by, g: self.g * by, b: self.b * by }
    }
}

/// A colour as a person would choose it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lch {
    /// Lightness, 0..1.
    pub l: f32,
    /// Chroma, 0 to about 0.3.
    pub c: f32,
    /// Hue in degrees: 27 is red, 95 yellow, 145 green, 260 blue.
    pub h: f32,
}

/// A colour by lightness, chroma, hue.
pub const fn lch(l: f32, c: f32, h: f32) -> Lch {
    Lch { l, c, h }
}

impl Lch {
    /// As much of `other` as `t` says; the hue takes the straight way through Oklab.
    pub fn mix(self, other: Lch, t: f32) -> Lch {
        let (a1, b1) = self.ab();
        let (a2, b2) = other.ab();
        let (a, b) = (lerp(a1, a2, t), lerp(b1, b2, t));
        lch(lerp(self.l, other.l, t), a.hypot(b), b.atan2(a).to_degrees().rem_euclid(360.0))
    }

    /// Turned towards a hue the short way round.
    pub fn turned_to(self, hue: f32, t: f32) -> Lch {
        let way = (hue - self.h + 540.0).rem_euclid(360.0) - 180.0;
        lch(self.l, self.c, (self.h + way * t).rem_euclid(360.0))
    }

    /// Turned by some degrees.
    pub fn turned_by(self, degrees: f32) -> Lch {
        lch(self.l, self.c, (self.h + degrees).rem_euclid(360.0))
    }

    /// With another lightness.
    pub fn at(self, l: f32) -> Lch {
        lch(l, self.c, self.h)
    }

    fn ab(self) -> (f32, f32) {
        let angle = self.h.to_radians();
        (self.c * angle.cos(), self.c * angle.sin())
    }

    /// The light. Where the screen has no such colour, the most saturated one of the same lightness and hue.
    pub fn rgb(self) -> Rgb {
        let mut colour = self;
        for _ in 0..24 {
            let light = colour.unbounded();
            let range = -0.0005..=1.0005;
            if [light.r, light.g, light.b].iter().all(|part| range.contains(part)) {
                return light;
            }
            colour.c *= 0.92;
        }
        let light = colour.unbounded();
        Rgb { r: light.r.clamp(0.0, 1.0), g: light.g.clamp(0.0, 1.0), b: light.b.clamp(0.0, 1.0) }
    }

    fn unbounded(self) -> Rgb {
        let (a, b) = self.ab();
        let l = (self.l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let m = (self.l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let s = (self.l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        Rgb {
            r: 4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_93 * s,
            g: -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
            b: -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        }
    }
}

/// A run of colours, ready to be looked up for each pixel.
#[derive(Debug, Clone)]
pub struct Gradient(Vec<Rgb>);

impl Gradient {
    const STEPS: usize = 256;

    /// Through `stops` at even distances.
    pub fn new(stops: &[Lch]) -> Self {
        let spans = stops.len().saturating_sub(1).max(1);
        let table = (0..=Self::STEPS)
            .map(|step| {
                let place = step as f32 / Self::STEPS as f32 * spans as f32;
                let span = (place as usize).min(spans - 1);
                let from = stops.get(span).copied().unwrap_or(lch(0.5, 0.0, 0.0));
                let to = stops.get(span + 1).copied().unwrap_or(from);
                from.mix(to, place - span as f32).rgb()
            })
            .collect();
        Self(table)
    }

    /// The colour at `t`, 0..1.
    #[inline]
    pub fn at(&self, t: f32) -> Rgb {
        let place = t.clamp(0.0, 1.0) * Self::STEPS as f32;
        let step = place as usize;
        let from = self.0.get(step).copied().unwrap_or_default();
        let to = self.0.get(step + 1).copied().unwrap_or(from);
        from.mix(to, place - step as f32)
    }
}

/// The screen's value, 0..1, of an amount of linear light.
pub fn to_srgb(light: f32) -> f32 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_where_people_see_them() {
        let red = lch(0.63, 0.25, 29.0).rgb();
        assert!(red.r > 0.8 && red.g < 0.1 && red.b < 0.1, "{red:?}");
        let blue = lch(0.45, 0.3, 264.0).rgb();
        assert!(blue.b > 0.7 && blue.r < 0.1 && blue.g < 0.1, "{blue:?}");
    }

    #[test]
    fn white_is_white_and_black_black() {
        let white = lch(1.0, 0.0, 0.0).rgb();
        assert!((white.luma() - 1.0).abs() < 0.01);
        assert!(lch(0.0, 0.0, 0.0).rgb().luma() < 0.01);
    }

    #[test]
    fn a_gradient_begins_and_ends_with_its_stops() {
        let stops = [lch(0.2, 0.1, 30.0), lch(0.8, 0.1, 200.0), lch(0.5, 0.0, 0.0)];
        let gradient = Gradient::new(&stops);
        let near = |a: Rgb, b: Rgb| (a.luma() - b.luma()).abs() < 0.005;
        assert!(near(gradient.at(0.0), stops[0].rgb()));
        assert!(near(gradient.at(0.5), stops[1].rgb()));
        assert!(near(gradient.at(1.0), stops[2].rgb()));
    }

    #[test]
    fn a_hue_turns_the_short_way() {
        assert_eq!(lch(0.5, 0.1, 350.0).turned_to(10.0, 0.5).h, 0.0);
    }
}
