//! Those who hold a device from outside, each for a command that they run: whether they are there, what they are told, what
//! they report.
//!
//! A holder keeps asking the host whether it is still there, and promises to end its command when it has had no answer for as
//! long as its terms say. So the host need not reach it to know that it is over: some time after the last question that was
//! answered, nothing of the command can be on the device any more, whatever has become of its holder.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use easel_core::{Command, Job, JobId, Json, Status};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::scheduler::{Rejected, Scheduler};

/// What a command gets to end in once it was asked to; then its holder kills it.
pub const ENDING: Duration = Duration::from_secs(10);
/// What two clocks and a busy machine may add to that.
const MARGIN: Duration = Duration::from_secs(5);
/// Who cancels a command that nobody waits for any more.
const BY: &str = "easel";

/// The name that takes a backend's place in a command: one for each device. No backend can be called that.
pub fn backend_of_commands(device: &str) -> String {
    format!("command@{device}")
}

/// What was agreed with the holder: it stands in the job's params, so that it is the same after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the holder may be without an answer.
    pub grace: Duration,
    /// Whether the device's memory is to be freed first.
    pub unload: bool,
}

impl Terms {
    /// The params of a command: the program, without its arguments, which may hold secrets.
    pub fn params(&self, program: &str, name: &str) -> Json {
        let grace = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX);
        Json::of(&json!({"command": program, "name": name, "unload": self.unload, "grace_ms": grace}))
    }

    /// What was agreed for this job.
    pub fn of(job: &Job) -> Self {
        let params = job.params.value();
        let number = |name: &str| params.get(name).and_then(serde_json::Value::as_u64);
        Self {
            grace: Duration::from_millis(number("grace_ms").unwrap_or_default()),
            unload: params.get("unload").and_then(serde_json::Value::as_bool).unwrap_or_default(),
        }
    }

    /// How long after the last answer the command is certainly over.
    pub fn promise(&self) -> Duration {
        self.grace + ENDING + MARGIN
    }
}

/// The device is the holder's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For this attempt.
    pub attempt: u32,
    /// What did not go as it was asked to.
    pub warning: Option<String>,
}

/// How a command ended, in its holder's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The attempt that this is about.
    pub attempt: u32,
    /// What it exited with, if it did.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why it could not be started, if it could not.
    pub not_started: Option<String>,
    /// Why its holder ended it, if it did.
    pub ended_for: Option<EndedFor>,
}

/// Why a holder ends its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedFor {
    /// It took longer than it was given.
    Timeout,
    /// The holder itself was told to stop.
    Stopped,
    /// The host did not answer for too long.
    Lost,
}

/// The holders of commands that have not ended.
#[derive(Clone)]
pub struct Holders {
    scheduler: Scheduler,
    seats: Arc<Mutex<HashMap<JobId, Weak<Seat>>>>,
    /// What is agreed with whoever comes now.
    grace: Duration,
    /// The host stops: whoever cannot reach it then has done nothing wrong.
    stop: CancellationToken,
}

/// What the device's task and the connection of a holder have in common.
pub struct Seat {
    connections: AtomicU64,
    presence: watch::Sender<Presence>,
    /// When the command must be over, whatever its holder says.
    deadline: watch::Sender<Option<Instant>>,
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

impl Holders {
    /// Nobody is there yet.
    pub fn new(scheduler: Scheduler, grace: Duration, stop: CancellationToken) -> Self {
        Self { scheduler, seats: Arc::default(), grace, stop }
    }

    /// What is agreed with whoever comes now, and asks for nothing.
    pub fn usual(&self) -> Terms {
        Terms { grace: self.grace, unload: false }
    }

    /// Gives those who waited when the host went away their time to come back.
    pub fn expect_back(&self) {
        let state = self.scheduler.state();
        for job in state.jobs().filter(|job| job.status != Status::Processing && state.is_command(job)) {
            tokio::spawn(self.clone().linger(self.seat(job.id), job.clone()));
        }
    }

    /// The seat of whoever holds a device for this job.
    pub fn seat(&self, job: JobId) -> Arc<Seat> {
        let mut seats = self.table();
        if let Some(seat) = seats.get(&job).and_then(Weak::upgrade) {
            return seat;
        }
        seats.retain(|_, seat| seat.strong_count() > 0);
        let seat = Arc::new(Seat::new());
        seats.insert(job, Arc::downgrade(&seat));
        seat
    }

    /// The holder is here, in place of any older connection of its. It is away again when what this returns is dropped.
    pub fn attend(&self, job: Arc<Job>) -> Attendance {
        let seat = self.seat(job.id);
        let (number, in_time) = seat.take();
        Attendance { holders: self.clone(), job, seat, number, in_time, heard: Instant::now() }
    }

    /// Takes a command out of the line whose holder does not come back.
    async fn linger(self, seat: Arc<Seat>, job: Arc<Job>) {
        tokio::select! {
            () = seat.come_back() => return,
            // The next process of this host gives it its time anew.
            () = self.stop.cancelled() => return,
            () = sleep(Terms::of(&job).grace) => {}
        }
        let waits = |job: &Arc<Job>| job.status != Status::Processing;
        if !self.scheduler.state().job(job.id).is_some_and(waits) {
            return;
        }
        tracing::info!(job = %job.id, "cancelled a command whose `easel with` is gone");
        match self.scheduler.send(Command::Cancel { job: job.id, by: BY.to_owned() }).await {
            Ok(_) | Err(Rejected::Closing | Rejected::Refused(_)) => {}
            Err(error) => tracing::error!(job = %job.id, "cannot cancel a command whose `easel with` is gone: {error}"),
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<JobId, Weak<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    fn new() -> Self {
        Self {
            connections: AtomicU64::new(0),
            presence: watch::Sender::new(Presence::Away(Instant::now())),
            deadline: watch::Sender::new(None),
            grant: watch::Sender::new(None),
            report: watch::Sender::new(None),
        }
    }

    /// The holder is here, over a connection of this number, if it has come in time.
    fn take(&self) -> (u64, bool) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let late = self.deadline.borrow().is_some_and(|at| at <= Instant::now());
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
    pub fn is_to_end_at(&self, at: Instant) {
        self.must_end_by(at + ENDING + MARGIN);
    }

    fn must_end_by(&self, at: Instant) {
        self.deadline.send_if_modified(|deadline| {
            let sooner = deadline.is_none_or(|known| at < known);
            if sooner {
                *deadline = Some(at);
            }
            sooner
        });
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

    async fn out_of_time(&self) {
        let mut deadlines = self.deadline.subscribe();
        loop {
            let deadline = *deadlines.borrow_and_update();
            let passed = async {
                match deadline {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                _ = deadlines.changed() => {}
            }
        }
    }

    async fn come_back(&self) {
        let here = |presence: &Presence| matches!(presence, Presence::Here(_));
        if self.presence.subscribe().wait_for(here).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A holder that is connected.
pub struct Attendance {
    holders: Holders,
    job: Arc<Job>,
    seat: Arc<Seat>,
    number: u64,
    in_time: bool,
    heard: Instant,
}

impl Attendance {
    /// The job that it is about, as it was when the holder came.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Its seat.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Whether the holder came before its command was over by its own promise.
    pub fn is_in_time(&self) -> bool {
        self.in_time
    }

    /// The holder said something now.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits until the holder has been silent for `time`.
    pub async fn silent_for(&self, time: Duration) {
        sleep_until(self.heard + time).await;
    }

    /// Waits until the command must be over.
    pub async fn out_of_time(&self) {
        self.seat.out_of_time().await;
    }

    /// Waits until the holder is here over another connection.
    pub async fn replaced(&self) {
        let other = |presence: &Presence| *presence != Presence::Here(self.number);
        if self.seat.presence.subscribe().wait_for(other).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let (here, away) = (Presence::Here(self.number), Presence::Away(self.heard));
        let gone = self.seat.presence.send_if_modified(|presence| {
            let last = *presence == here;
            if last {
                *presence = away;
            }
            last
        });
        if gone {
            tokio::spawn(self.holders.clone().linger(self.seat.clone(), self.job.clone()));
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
        seat.must_end_by(now + Duration::from_hours(1));
        assert!(seat.take().1);
        seat.must_end_by(now);
        seat.must_end_by(now + Duration::from_hours(2));
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
