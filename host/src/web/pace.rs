//! How long a client may take over what it sends, and over what it is sent.
//!
//! Only the time counts in which nothing could be read or written because of the client; each byte earns it some. So whoever
//! stops, and whoever drips, has used it up after a while, and a slow line has as much as it needs.

use std::time::Duration;

use tokio::time::Instant;

/// What a client gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long nothing may come or go.
    pub(super) silence: Duration,
    /// How long all of it may take, besides what its bytes earn.
    pub(super) grace: Duration,
    /// Bytes that earn a second.
    pub(super) rate: u32,
}

/// While there is room for everybody: what a bad line over half the world manages.
pub(super) const PATIENT: Terms =
    Terms { silence: Duration::from_secs(30), grace: Duration::from_secs(30), rate: 4 * 1024 };
/// While somebody waits for what the client holds.
pub(super) const PRESSED: Terms =
    Terms { silence: Duration::from_secs(2), grace: Duration::from_secs(2), rate: 256 * 1024 };

/// How one body, or one answer, gets on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl Pace {
    /// From now on it is the client who keeps us waiting.
    pub(super) fn waits(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// So many bytes came or went.
    pub(super) fn went(&mut self, bytes: usize, now: Instant) {
        self.waited += self.since.take().map(|since| now.saturating_duration_since(since)).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// When the client's time is up; none while it is not waited for.
    pub(super) fn deadline(&self, terms: Terms) -> Option<Instant> {
        let left = (terms.grace + self.earned(terms)).saturating_sub(self.waited);
        self.since.map(|since| since + left.min(terms.silence))
    }

    /// How far behind the client is: what it has kept us waiting, in one go or beyond what its bytes earn. None while it is
    /// not waited for.
    pub(super) fn debt(&self, now: Instant) -> Option<Duration> {
        let silent = now.saturating_duration_since(self.since?);
        Some((self.waited + silent).saturating_sub(self.earned(PRESSED)).max(silent))
    }

    fn earned(&self, terms: Terms) -> Duration {
        Duration::from_secs(self.bytes) / terms.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds until a client that sends so many bytes every so many seconds is given up.
    fn given_up_after(bytes: usize, every: u32, most: u32) -> Option<u32> {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        for second in 0..most {
            let now = begin + SECOND * second;
            if second % every == 0 {
                pace.went(bytes, now);
            }
            pace.waits(now);
            if pace.deadline(PATIENT).is_some_and(|deadline| deadline <= now) {
                return Some(second);
            }
        }
        None
    }

    #[test]
    fn who_stops_or_drips_is_given_up_and_a_slow_line_is_not() {
        assert_eq!(given_up_after(0, 1_000, 100), Some(30));
        assert_eq!(given_up_after(1, 16, 100), Some(31), "a byte each 16 seconds");
        assert_eq!(given_up_after(1_000, 1, 100), Some(41), "a thousand bytes a second");
        assert_eq!(given_up_after(5_000, 1, 100_000), None);
        assert_eq!(given_up_after(1_000_000, 29, 100_000), None, "in lumps");
        assert_eq!(given_up_after(1_000_000_000, 1_000, 100), Some(30), "much, and then nothing");
    }

    #[test]
    fn time_in_which_nobody_waits_for_the_client_is_not_its_own() {
        let (begin, mut pace) = (Instant::now(), Pace::default());
        pace.went(1, begin);
        assert_eq!(pace.deadline(PATIENT), None);
        pace.waits(begin + SECOND * 1_000);
        assert_eq!(pace.debt(begin + SECOND * 1_003), Some(SECOND * 3));
        assert!(pace.deadline(PATIENT).unwrap() >= begin + SECOND * 1_030);
    }

    #[test]
    fn who_drips_owes_more_than_who_has_just_paused() {
        let (begin, mut drips, mut pauses) = (Instant::now(), Pace::default(), Pace::default());
        for second in 0..20 {
            let now = begin + SECOND * second;
            drips.went(1, now);
            pauses.went(1_000_000, now);
            drips.waits(now);
            pauses.waits(now);
        }
        let now = begin + SECOND * 20;
        assert!(drips.debt(now).unwrap() > SECOND * 19, "{drips:?}");
        assert_eq!(pauses.debt(now), Some(SECOND));
    }
}
