//! The picture on its way out of the noise, as a diffusion model's previews show it: large shapes first, then detail,
//! while the noise fades.

use crate::hash::{cell, unit};
use crate::noise::{lerp, smoothstep};
use crate::paint::{Painting, Picture};
use crate::vision::Vision;
use std::ops::ControlFlow;

/// The longest side of a preview, in pixels.
const LONG_SIDE: u32 = 256;

/// The small picture that previews are made from; painted once for all of an image's previews.
pub struct Preview {
    target: Picture,
    seed: u32,
}

impl Preview {
    /// For an image of this size.
    pub fn new(vision: &Vision, width: u32, height: u32, seed: u32) -> Self {
        let (width, height) = fit(width, height);
        let target = Painting::new(vision, width, height).picture(|| ControlFlow::Continue(()));
        Self { target, seed }
    }

    /// How it looks when `done` of the work is, 0..1.
    pub fn at(&self, done: f32) -> Picture {
        let Picture { width, height, .. } = self.target;
        let clear = smoothstep(0.0, 1.0, done);
        // The size of the smallest shape that is already there.
        let blur = (lerp(5.0, 0.0, done.powf(0.7)).exp2().round() as u32).clamp(1, 32);
        let coarse = self.coarse(blur);
        let mut bytes = Vec::with_capacity(self.target.bytes.len());
        for y in 0..height {
            for x in 0..width {
                let speck = cell(x as i32, y as i32, self.seed);
                let pixel = coarse.smooth(x as f32, y as f32);
                for (channel, value) in pixel.into_iter().enumerate() {
                    let noise = unit(speck, channel as u32) * 255.0;
                    bytes.push(lerp(noise, value, 0.12 + 0.88 * clear) as u8);
                }
            }
        }
        Picture { width, height, bytes }
    }

    /// The target as means of blocks.
    fn coarse(&self, block: u32) -> Coarse {
        let columns = self.target.width.div_ceil(block);
        let rows = self.target.height.div_ceil(block);
        let mut sums = vec![([0.0; 3], 0.0); (columns * rows) as usize];
        for (place, pixel) in self.target.bytes.chunks_exact(3).enumerate() {
            let (x, y) = (place as u32 % self.target.width, place as u32 / self.target.width);
            if let Some((sum, count)) = sums.get_mut((y / block * columns + x / block) as usize) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += f32::from(*value);
                }
                *count += 1.0;
            }
        }
        Coarse {
            block: block as f32,
            columns,
            rows,
            means: sums.into_iter().map(|(sum, count)| sum.map(|value| value / count)).collect(),
        }
    }
}

struct Coarse {
    block: f32,
    columns: u32,
    rows: u32,
    means: Vec<[f32; 3]>,
}

impl Coarse {
    /// Between the middles of four blocks.
    fn smooth(&self, x: f32, y: f32) -> [f32; 3] {
        let (x, y) = (((x + 0.5) / self.block - 0.5).max(0.0), ((y + 0.5) / self.block - 0.5).max(0.0));
        let (column, row) = (x as u32, y as u32);
        let (right, down) = (x - column as f32, y - row as f32);
        let [a, b] = [self.mean(column, row), self.mean(column + 1, row)];
        let [c, d] = [self.mean(column, row + 1), self.mean(column + 1, row + 1)];
        std::array::from_fn(|channel| {
            let of = |mean: [f32; 3]| mean.get(channel).copied().unwrap_or_default();
            lerp(lerp(of(a), of(b), right), lerp(of(c), of(d), right), down)
        })
    }

    fn mean(&self, column: u32, row: u32) -> [f32; 3] {
        let place = row.min(self.rows - 1) * self.columns + column.min(self.columns - 1);
        self.means.get(place as usize).copied().unwrap_or_default()
    }
}

/// The size of a preview: the same proportions, no side longer than [`LONG_SIDE`].
fn fit(width: u32, height: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= LONG_SIDE {
        return (width, height);
    }
    let scaled = |side: u32| (side * LONG_SIDE / long).max(1);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_keeps_the_proportions_and_stays_small() {
        assert_eq!(fit(2048, 1024), (256, 128));
        assert_eq!(fit(16, 2048), (2, 256));
        assert_eq!(fit(100, 50), (100, 50));
    }

    #[test]
    fn it_comes_closer_to_the_picture() {
        let vision = Vision::of("a lake", "", 1, 20);
        let preview = Preview::new(&vision, 64, 48, 1);
        let distance = |done| -> u64 {
            let pairs = preview.at(done).bytes;
            pairs.iter().zip(&preview.target.bytes).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
        };
        assert!(distance(0.1) > distance(0.5) && distance(0.5) > distance(0.9));
        assert_eq!(preview.at(1.0).bytes, preview.target.bytes);
    }
}
