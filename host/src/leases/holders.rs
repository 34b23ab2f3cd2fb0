//! The holders of commands that have not ended, each with its seat, and what becomes of one that does not come back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use easel_core::{Command, Job, JobId, Status};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::seat::Seat;
use super::terms::Terms;
use crate::scheduler::{Rejected, Scheduler};

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
    pub(super) async fn linger(self, seat: Arc<Seat>, job: Arc<Job>) {
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
