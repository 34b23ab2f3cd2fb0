//! Chance that can be repeated: hashes and a small generator, the same on every machine.

/// A hash of some text (FNV-1a, then mixed).
pub fn text(text: &str) -> u64 {
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(sum)
}

/// Spreads every bit of the input over the whole output (the finish of splitmix64).
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A hash of a cell of a lattice.
#[inline]
pub fn cell(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x8da6_b343) ^ (y as u32).wrapping_mul(0xd816_3841);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    h ^ (h >> 15)
}

/// A number in 0..1 from eight of a hash's bits: `part` 0 to 3 gives four that are independent.
#[inline]
pub fn unit(hash: u32, part: u32) -> f32 {
    ((hash >> (part * 8)) & 0xff) as f32 / 256.0
}

/// A stream of chance. Each element of a picture draws from its own, so that one more draw for the clouds does not move
/// the hills.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of the element `salt` in the picture `seed`.
    pub fn new(seed: u64, salt: &str) -> Self {
        Self(mix(seed ^ text(salt)))
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.0) >> 32) as u32
    }

    /// A number in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 / 16_777_216.0
    }

    /// A number in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True once in a while.
    pub fn flip(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of some things; none only of none.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let place = (self.unit() * things.len() as f32) as usize;
        things.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_another_element_has_another() {
        let draw = |salt| {
            let mut chance = Chance::new(7, salt);
            [chance.bits(), chance.bits()]
        };
        assert_eq!(draw("hills"), draw("hills"));
        assert_ne!(draw("hills"), draw("clouds"));
    }

    #[test]
    fn units_stay_in_range_and_fill_it() {
        let mut chance = Chance::new(1, "test");
        let mut draws: Vec<f32> = (0..1000).map(|_| chance.unit()).collect();
        draws.sort_by(f32::total_cmp);
        assert!((0.0..0.01).contains(&draws[0]) && (0.99..1.0).contains(&draws[999]));
    }
}
