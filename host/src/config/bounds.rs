//! Between what numbers, sizes and times must lie, and how that is told: what the value is, and what it must be.
//!
//! All have an upper end. What is added to a time of day or to another size must not pass the end of its type: a host that was
//! told "for ever" by a very large number would stop in the middle of its work.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use humantime::format_duration;

use super::rules::Broken;

/// For whoever means "for ever". A year is what `humantime` takes for one.
const LONGEST: Duration = Duration::from_secs(100 * 31_557_600);

/// More than any disk has.
const LARGEST: ByteSize = ByteSize::eib(1);

/// A time that may be none at all.
pub(super) const ANY_TIME: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;
/// A time in which something can happen.
pub(super) const SOME_TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=LONGEST;
/// A size that may be nothing.
pub(super) const ANY_SIZE: RangeInclusive<ByteSize> = ByteSize(0)..=LARGEST;
/// A size into which something goes.
pub(super) const SOME_SIZE: RangeInclusive<ByteSize> = ByteSize(1)..=LARGEST;

impl Broken {
    pub(super) fn time(&mut self, key: impl Into<String>, time: Duration, range: &RangeInclusive<Duration>) {
        let (least, most) = (format_duration(*range.start()), format_duration(*range.end()));
        self.ensure(range.contains(&time), key, || {
            format!("is {} and must be from {least} to {most}", format_duration(time))
        });
    }

    pub(super) fn size(&mut self, key: impl Into<String>, size: ByteSize, range: &RangeInclusive<ByteSize>) {
        let (least, most) = (told(*range.start()), told(*range.end()));
        self.ensure(range.contains(&size), key, || format!("is {} and must be from {least} to {most}", told(size)));
    }

    pub(super) fn number(&mut self, key: impl Into<String>, number: u32, range: &RangeInclusive<u32>) {
        self.ensure(range.contains(&number), key, || {
            format!("is {number} and must be from {} to {}", range.start(), range.end())
        });
    }

    /// A number of things of which there may be as many as there is room for.
    pub(super) fn some(&mut self, key: impl Into<String>, number: u64) {
        self.ensure(number > 0, key, || "is 0 and must be at least 1".to_owned());
    }
}

/// A size as people write one: `256 KiB` where it is a whole number of them.
fn told(size: ByteSize) -> String {
    let bytes = size.as_u64();
    let units = [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.iter().find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(|| size.to_string(), |(unit, shift)| format!("{} {unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_as_people_write_it() {
        for (size, text) in [
            (ByteSize(0), "0 B"),
            (ByteSize(1), "1 B"),
            (ByteSize::kib(255), "255 KiB"),
            (ByteSize::mib(8), "8 MiB"),
            (ByteSize::eib(1), "1 EiB"),
            (ByteSize(u64::MAX), "16.0 EiB"),
            (ByteSize(1_234_567), "1.2 MiB"),
        ] {
            assert_eq!(told(size), text);
        }
    }
}
