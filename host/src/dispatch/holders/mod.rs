//! Those who hold a device from outside, each for a command that they run: whether they are there, what they are told, what
//! they report.
//!
//! A holder keeps asking the host whether it is still there, and promises to end its command when it has had no answer for as
//! long as its terms say. So the host need not reach it to know that it is over: some time after the last question that was
//! answered, nothing of the command can be on the device any more, whatever has become of its holder.

mod attendance;
mod last_moment;
mod seat;
mod terms;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use easel_core::{Command, Job, JobId, Status};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::scheduler::{Rejected, Scheduler};
pub use attendance::Attendance;
pub use seat::{Grant, Seat};
pub use terms::{ENDING, Terms, backend_of_commands};

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
        for job in state.jobs().filter(|job| job.status != Status::Processing && state.is_lease(job)) {
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
        match self.scheduler.send(Command::Cancel { job: job.id }).await {
            Ok(_) | Err(Rejected::Closing | Rejected::Refused(_)) => {}
            Err(error) => tracing::error!(job = %job.id, "cannot cancel a command whose `easel with` is gone: {error}"),
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<JobId, Weak<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
