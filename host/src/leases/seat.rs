//! What the device's task and the connection of a holder have in common: whether the holder is there, what it was granted,
//! what it reported.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use easel_wire::Report;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::deadline::LastMoment;
use super::terms::OVER;

/// The device is the holder's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For this attempt.
    pub attempt: u32,
    /// What did not go as it was asked to.
    pub warning: Option<String>,
}

/// What the device's task and the connection of a holder have in common.
pub struct Seat {
    connections: AtomicU64,
    presence: watch::Sender<Presence>,
    last_moment: LastMoment,
    grant: watch::Sender<Option<Grant>>,
    report: watch::Sender<Option<Report>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Over the connection of this number.
    Here(u64),
    /// Since the last word from it.
    Away(Instant),
    /// It was away for so long that nothing is granted to it any more.
    Over,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            connections: AtomicU64::new(0),
            presence: watch::Sender::new(Presence::Away(Instant::now())),
            last_moment: LastMoment::default(),
            grant: watch::Sender::new(None),
            report: watch::Sender::new(None),
        }
    }

    /// The holder is here, over a connection of this number, if it has come in time.
    pub(super) fn take(&self) -> (u64, bool) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let late = self.last_moment.has_passed();
        let in_time = self.presence.send_if_modified(|presence| {
            let in_time = !late && *presence != Presence::Over;
            if in_time {
                *presence = Presence::Here(number);
            }
            in_time
        });
        (number, in_time)
    }

    /// Tells the holder that the device is its own.
    pub fn grant(&self, grant: Grant) {
        self.grant.send_replace(Some(grant));
    }

    /// The command must have ended by then, and what it gets to end in. What was said first holds, unless this is sooner: who
    /// comes again gains no time. A holder that has not given the device back after that is not answered any more.
    pub(super) fn is_to_end_at(&self, at: Instant) {
        self.last_moment.is_at(at + OVER);
    }

    /// Tells when the device is granted.
    pub fn watch_grant(&self) -> watch::Receiver<Option<Grant>> {
        self.grant.subscribe()
    }

    /// The holder says that the command is over.
    pub fn report(&self, report: Report) {
        self.report.send_replace(Some(report));
    }

    /// Waits for the end of this attempt, as the holder tells it.
    pub async fn reported(&self, attempt: u32) -> Report {
        let mut reports = self.report.subscribe();
        loop {
            if let Some(report) = reports.borrow_and_update().clone().filter(|report| report.attempt == attempt) {
                return report;
            }
            // The sender is this seat's own.
            if reports.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The connection of this number is over, over which the last word was heard then; whether the holder has gone with it.
    pub(super) fn leave(&self, number: u64, heard: Instant) -> bool {
        self.presence.send_if_modified(|presence| {
            let last = *presence == Presence::Here(number);
            if last {
                *presence = Presence::Away(heard);
            }
            last
        })
    }

    /// Waits until the holder is not there over the connection of this number.
    pub(super) async fn replaced(&self, number: u64) {
        let other = |presence: &Presence| *presence != Presence::Here(number);
        if self.presence.subscribe().wait_for(other).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the last word of the holder is this long ago. Then nothing is granted to it any more, whenever it comes.
    pub async fn gone_for(&self, time: Duration) {
        let mut presences = self.presence.subscribe();
        loop {
            let presence = *presences.borrow_and_update();
            let gone = async {
                match presence {
                    Presence::Here(_) => std::future::pending().await,
                    Presence::Away(since) => sleep_until(since + time).await,
                    Presence::Over => {}
                }
            };
            tokio::select! {
                () = gone => if self.withdraw(time) { return },
                _ = presences.changed() => {}
            }
        }
    }

    /// Takes the grant back, unless the holder has come just now; whether it is taken back.
    fn withdraw(&self, time: Duration) -> bool {
        let mut over = false;
        self.presence.send_if_modified(|presence| {
            over = match *presence {
                Presence::Here(_) => false,
                Presence::Away(since) => since.elapsed() >= time,
                Presence::Over => true,
            };
            if over {
                // Before anybody can come and read it.
                self.grant.send_replace(None);
                *presence = Presence::Over;
            }
            over
        });
        over
    }

    /// Waits until the command must be over.
    pub(super) async fn out_of_time(&self) {
        self.last_moment.passed().await;
    }

    /// Waits until the holder is there.
    pub(super) async fn come_back(&self) {
        let here = |presence: &Presence| matches!(presence, Presence::Here(_));
        if self.presence.subscribe().wait_for(here).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Grant = Grant { attempt: 1, warning: None };

    #[tokio::test]
    async fn who_comes_after_its_time_is_granted_nothing() {
        let seat = Seat::new();
        seat.grant(GRANT);
        seat.gone_for(Duration::ZERO).await;
        assert!(!seat.take().1);
        assert_eq!(*seat.watch_grant().borrow(), None);
        // And it is over for good.
        seat.gone_for(Duration::from_hours(1)).await;
    }

    #[tokio::test]
    async fn who_does_not_end_in_time_is_not_heard_any_more_however_often_it_comes() {
        let seat = Seat::new();
        let now = Instant::now();
        seat.last_moment.is_at(now + Duration::from_hours(1));
        assert!(seat.take().1);
        seat.last_moment.is_at(now);
        seat.last_moment.is_at(now + Duration::from_hours(2));
        seat.out_of_time().await;
        seat.presence.send_replace(Presence::Away(now));
        assert!(!seat.take().1);
        assert_eq!(*seat.presence.borrow(), Presence::Away(now), "its promise runs from its last word");
    }

    #[tokio::test]
    async fn who_comes_at_the_last_moment_keeps_what_it_was_granted() {
        let seat = Seat::new();
        seat.grant(GRANT);
        assert!(seat.take().1);
        assert!(!seat.withdraw(Duration::ZERO), "it is here");
        seat.presence.send_replace(Presence::Away(Instant::now()));
        assert!(!seat.withdraw(Duration::from_hours(1)), "it was here until now");
        assert_eq!(*seat.watch_grant().borrow(), Some(GRANT));
    }
}
