//! Randomness that can be had again: everything that a test leaves to chance comes from one seed, which a failure prints.

use std::time::{SystemTime, UNIX_EPOCH};

/// The seed of a test: `EASEL_SEED`, else the clock. Printed when the test panics.
pub struct Seed(u64);

impl Seed {
    /// Takes the seed.
    pub fn take() -> Self {
        let told = std::env::var("EASEL_SEED").ok().map(|seed| seed.parse().expect("EASEL_SEED is a number"));
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as u64;
        Self(told.unwrap_or_else(clock))
    }

    /// A seed of one's own.
    pub fn of(number: u64) -> Self {
        Self(number)
    }

    /// What comes of it.
    pub fn random(&self) -> Random {
        Random(self.0)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- random choices were made from EASEL_SEED={}", self.0);
        }
    }
}

/// A stream of numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them; none of none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.below(from.len() as u64) as usize) }
    }

    /// A stream for somebody else, who then may take as many as they like.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
