//! So many at once, and so many a second from then on.
//!
//! One number instead of a bucket that somebody fills: when the next would be due if all came at their regular time.

use std::time::Duration;

use tokio::time::Instant;

/// How fast something may come.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    /// How far ahead of its regular time one may come.
    ahead: Duration,
    due: Instant,
}

impl Pace {
    /// `at_once` from nothing, then `a_second`. Neither is 0.
    pub(super) fn new((at_once, a_second): (u32, u32), now: Instant) -> Self {
        let every = Duration::from_secs(1) / a_second.max(1);
        Self { every, ahead: every * at_once.saturating_sub(1), due: now }
    }

    /// Whether one may come now; if so, it has.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let free = self.delay(now).is_zero();
        if free {
            self.due = self.due.max(now) + self.every;
        }
        free
    }

    /// One comes in any case: how long it has to wait.
    pub(super) fn queue(&mut self, now: Instant) -> Duration {
        let delay = self.delay(now);
        self.due = self.due.max(now) + self.every;
        delay
    }

    fn delay(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now).saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn some_come_at_once_and_the_rest_at_their_pace() {
        let start = Instant::now();
        let mut pace = Pace::new((3, 2), start);
        let taken = |pace: &mut Pace, at| (0..10).filter(|_| pace.take(at)).count();
        assert_eq!(taken(&mut pace, start), 3);
        assert_eq!(taken(&mut pace, start + SECOND / 2), 1);
        assert_eq!(taken(&mut pace, start + SECOND), 1);
        assert_eq!(taken(&mut pace, start + 60 * SECOND), 3, "a pause banks no more than the start had");
    }

    #[test]
    fn those_that_wait_come_one_after_another() {
        let start = Instant::now();
        let mut pace = Pace::new((2, 10), start);
        let delays: Vec<_> = (0..5).map(|_| pace.queue(start).as_millis()).collect();
        assert_eq!(delays, [0, 0, 100, 200, 300]);
        assert_eq!(pace.queue(start + SECOND).as_millis(), 0);
    }
}
