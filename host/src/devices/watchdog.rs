//! When a running attempt is to be ended, and why.
//!
//! Escalation is the same for every reason: the component is asked to cancel, gets a grace, and is killed. Only a stopping
//! host asks late: a job that can finish within the grace shall, and one that cannot is to stop its engine before it dies.
//! Nobody is held to account for time in which the host itself did not run: that is given back.

use std::time::Duration;

use tokio::time::Instant;

/// What an attempt that was asked to cancel gets to do so in. Engines cannot be interrupted while they load a model.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// The last part of a stopping host's grace, at the most `CANCEL_GRACE`, is for what was asked to cancel.
const LAST_PART: u32 = 3;

/// Why an attempt is to end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody cancelled the job.
    Cancelled,
    /// It took too long.
    Timeout,
    /// It gave no news for too long.
    Stalled,
    /// The host stops.
    Shutdown,
}

/// What is to be done to the attempt now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask the component to cancel.
    Ask,
    /// Kill it.
    Kill,
}

/// How long an attempt may take, and how long it may go without news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) time: Duration,
    pub(super) stall: Duration,
}

/// The clock of one attempt.
#[derive(Debug)]
pub(super) struct Watchdog {
    allowed: Allowed,
    deadline: Instant,
    last_news: Instant,
    ending: Option<Ending>,
    /// How much time was given back so far.
    given: Duration,
}

/// Why it is to end, and when it is killed. Asked before that: at `ask_at`, or already.
#[derive(Clone, Copy, Debug)]
struct Ending {
    reason: Reason,
    ask_at: Option<Instant>,
    kill_at: Instant,
}

impl Watchdog {
    pub(super) fn new(now: Instant, allowed: Allowed) -> Self {
        Self { allowed, deadline: now + allowed.time, last_news: now, ending: None, given: Duration::ZERO }
    }

    /// What it watches over.
    pub(super) fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// When its time is up.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the component is dead whatever happens: nothing escapes this one.
    pub(super) fn hard_deadline(&self, shutdown_grace: Duration) -> Instant {
        self.deadline + CANCEL_GRACE + shutdown_grace
    }

    /// This much time in all, since the beginning, does not count.
    pub(super) fn give_back(&mut self, lost: Duration) {
        let more = lost.saturating_sub(std::mem::replace(&mut self.given, lost));
        self.deadline += more;
        self.last_news += more;
        if let Some(ending) = &mut self.ending {
            ending.kill_at += more;
            ending.ask_at = ending.ask_at.map(|at| at + more);
        }
    }

    /// The component said something.
    pub(super) fn news(&mut self, now: Instant) {
        self.last_news = now;
    }

    /// Somebody wants it to end. A person's wish overrules the host's; nothing else is overruled.
    pub(super) fn end(&mut self, reason: Reason, now: Instant, shutdown_grace: Duration) -> Option<Step> {
        let asked = |reason, kill_at| Some(Ending { reason, ask_at: None, kill_at });
        self.ending = match (self.ending, reason) {
            (None, Reason::Shutdown) => {
                let kill_at = now + shutdown_grace;
                let ask_at = kill_at - CANCEL_GRACE.min(shutdown_grace / LAST_PART);
                self.ending = Some(Ending { reason, ask_at: Some(ask_at), kill_at });
                return None;
            }
            (None, _) => asked(reason, now + CANCEL_GRACE),
            (Some(Ending { reason: Reason::Shutdown, kill_at, .. }), Reason::Cancelled) => {
                asked(reason, kill_at.min(now + CANCEL_GRACE))
            }
            (Some(ending), Reason::Shutdown) => {
                self.ending = Some(Ending { kill_at: ending.kill_at.min(now + shutdown_grace), ..ending });
                return None;
            }
            (Some(_), _) => return None,
        };
        Some(Step::Ask)
    }

    /// Why it is ending, if it is.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.ending.map(|ending| ending.reason)
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        match self.ending {
            Some(Ending { ask_at, kill_at, .. }) => ask_at.unwrap_or(kill_at),
            None => self.deadline.min(self.last_news + self.allowed.stall),
        }
    }

    /// What is due at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Option<Step> {
        match &mut self.ending {
            Some(Ending { kill_at, .. }) if now >= *kill_at => Some(Step::Kill),
            Some(Ending { ask_at, .. }) => ask_at.take_if(|at| now >= *at).map(|_| Step::Ask),
            None if now >= self.deadline => self.end(Reason::Timeout, now, Duration::ZERO),
            None if now >= self.last_news + self.allowed.stall => self.end(Reason::Stalled, now, Duration::ZERO),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(600);
    const STALL: Duration = Duration::from_secs(120);
    const ALLOWED: Allowed = Allowed { time: TIMEOUT, stall: STALL };
    const GRACE: Duration = Duration::from_secs(30);

    #[test]
    fn a_component_that_says_nothing_is_asked_and_then_killed() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        assert_eq!(dog.next(), start + STALL);
        assert_eq!(dog.due(start + STALL - Duration::from_millis(1)), None);
        assert_eq!(dog.due(start + STALL), Some(Step::Ask));
        assert_eq!(dog.due(start + STALL), None);
        assert_eq!(dog.due(start + STALL + CANCEL_GRACE), Some(Step::Kill));
        assert_eq!(dog.reason(), Some(Reason::Stalled));
    }

    #[test]
    fn a_component_that_drips_news_does_not_escape_its_deadline() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        for second in 0..600 {
            assert_eq!(dog.due(start + Duration::from_secs(second)), None);
            dog.news(start + Duration::from_secs(second));
        }
        assert_eq!(dog.due(start + TIMEOUT), Some(Step::Ask));
        dog.news(start + TIMEOUT + CANCEL_GRACE);
        assert_eq!(dog.due(start + TIMEOUT + CANCEL_GRACE), Some(Step::Kill));
        assert_eq!(dog.reason(), Some(Reason::Timeout));
    }

    #[test]
    fn a_stopping_host_asks_late_and_kills_after_its_grace() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        assert_eq!(dog.end(Reason::Shutdown, start, GRACE), None);
        assert_eq!(dog.next(), start + GRACE - CANCEL_GRACE);
        assert_eq!(dog.due(start + GRACE - CANCEL_GRACE - Duration::from_millis(1)), None);
        assert_eq!(dog.due(start + GRACE - CANCEL_GRACE), Some(Step::Ask));
        assert_eq!(dog.next(), start + GRACE);
        assert_eq!(dog.due(start + GRACE - Duration::from_millis(1)), None);
        assert_eq!(dog.due(start + GRACE), Some(Step::Kill));
        assert_eq!(dog.reason(), Some(Reason::Shutdown));
    }

    #[test]
    fn most_of_a_short_grace_is_for_finishing() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        assert_eq!(dog.end(Reason::Shutdown, start, Duration::from_secs(3)), None);
        assert_eq!(dog.next(), start + Duration::from_secs(2));
    }

    #[test]
    fn a_cancel_overrules_a_stopping_host_without_winning_time() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        dog.end(Reason::Shutdown, start, Duration::from_secs(1));
        assert_eq!(dog.end(Reason::Cancelled, start, GRACE), Some(Step::Ask));
        assert_eq!(dog.reason(), Some(Reason::Cancelled));
        assert_eq!(dog.due(start + Duration::from_secs(1)), Some(Step::Kill));
    }

    #[test]
    fn a_host_that_stops_waits_for_nobody_longer_than_its_grace() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        assert_eq!(dog.end(Reason::Cancelled, start, GRACE), Some(Step::Ask));
        assert_eq!(dog.end(Reason::Shutdown, start, Duration::from_secs(2)), None);
        assert_eq!((dog.next(), dog.reason()), (start + Duration::from_secs(2), Some(Reason::Cancelled)));
        assert_eq!(dog.due(start + Duration::from_secs(2)), Some(Step::Kill));
    }

    #[test]
    fn time_in_which_the_host_did_not_run_does_not_count() {
        let (start, stopped) = (Instant::now(), Duration::from_secs(3_600));
        let mut dog = Watchdog::new(start, ALLOWED);
        dog.give_back(stopped);
        dog.give_back(stopped);
        assert_eq!(dog.due(start + stopped + STALL - Duration::from_millis(1)), None);
        assert_eq!(dog.due(start + stopped + STALL), Some(Step::Ask));
        dog.give_back(stopped * 2);
        assert_eq!(dog.due(start + stopped + STALL + CANCEL_GRACE), None);
        assert_eq!(dog.due(start + stopped * 2 + STALL + CANCEL_GRACE), Some(Step::Kill));

        let mut busy = Watchdog::new(start, ALLOWED);
        busy.give_back(stopped);
        busy.news(start + stopped + TIMEOUT - Duration::from_secs(1));
        assert_eq!(busy.due(start + stopped + TIMEOUT - Duration::from_millis(1)), None);
        assert_eq!(busy.due(start + stopped + TIMEOUT), Some(Step::Ask));
        assert_eq!(busy.reason(), Some(Reason::Timeout));
    }

    #[test]
    fn a_second_cancel_changes_nothing() {
        let start = Instant::now();
        let mut dog = Watchdog::new(start, ALLOWED);
        assert_eq!(dog.end(Reason::Cancelled, start, GRACE), Some(Step::Ask));
        assert_eq!(dog.end(Reason::Cancelled, start + Duration::from_secs(5), GRACE), None);
        assert_eq!(dog.due(start + CANCEL_GRACE), Some(Step::Kill));
    }
}
