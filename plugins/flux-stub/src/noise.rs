//! Gradient noise and what is made of it: clouds, ridges, waves.

use crate::hash::cell;

/// The eight directions of a gradient, of equal length.
const GRADIENTS: [(f32, f32); 8] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, 1.0),
    (0.0, -1.0),
    (0.707, 0.707),
    (-0.707, 0.707),
    (0.707, -0.707),
    (-0.707, -0.707),
];

#[inline]
fn corner(x: i32, y: i32, seed: u32, dx: f32, dy: f32) -> f32 {
    let (gx, gy) = GRADIENTS.get((cell(x, y, seed) >> 8) as usize % 8).copied().unwrap_or((1.0, 0.0));
    gx * dx + gy * dy
}

#[inline]
fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// One octave, about -1..1 and smooth.
#[inline]
pub fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (dx, dy) = (x - fx, y - fy);
    let (u, v) = (fade(dx), fade(dy));
    let top = lerp(corner(ix, iy, seed, dx, dy), corner(ix + 1, iy, seed, dx - 1.0, dy), u);
    let bottom = lerp(corner(ix, iy + 1, seed, dx, dy - 1.0), corner(ix + 1, iy + 1, seed, dx - 1.0, dy - 1.0), u);
    lerp(top, bottom, v) * 1.5
}

/// Several octaves, each half as strong, twice as fine and turned, so that no grid shows.
#[inline]
pub fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut x, mut y) = (x, y);
    let (mut sum, mut strength) = (0.0, 0.5);
    for octave in 0..octaves {
        sum += strength * noise(x, y, seed.wrapping_add(octave));
        (x, y) = (1.6 * x - 1.2 * y + 3.1, 1.2 * x + 1.6 * y - 1.7);
        strength *= 0.5;
    }
    sum
}

/// Sharp crests, 0..1: the noise is folded at zero, and fine detail gathers on the crests.
#[inline]
pub fn ridged(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut x, mut y) = (x, y);
    let (mut sum, mut strength, mut weight) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        let crest = 1.0 - noise(x, y, seed.wrapping_add(octave)).abs();
        let crest = crest * crest * weight;
        weight = crest.clamp(0.0, 1.0);
        sum += strength * crest;
        (x, y) = (1.6 * x - 1.2 * y + 1.3, 1.2 * x + 1.6 * y + 5.9);
        strength *= 0.5;
    }
    sum.clamp(0.0, 1.0)
}

/// From `a` to `b`.
#[inline]
pub fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `low`, 1 above `high`, smooth between.
#[inline]
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_bounded() {
        let mut last = noise(0.0, 0.37, 1);
        for step in 1..2000 {
            let here = noise(step as f32 * 0.01, 0.37, 1);
            assert!(here.abs() <= 1.1 && (here - last).abs() < 0.06, "at {step}");
            last = here;
        }
    }

    #[test]
    fn another_seed_is_another_noise() {
        assert_ne!(fbm(0.3, 0.7, 4, 1), fbm(0.3, 0.7, 4, 2));
    }
}
