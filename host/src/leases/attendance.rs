//! A holder that is connected, from when it comes until it goes.

use std::sync::Arc;
use std::time::Duration;

use easel_core::Job;
use tokio::time::{Instant, sleep_until};

use super::holders::Holders;
use super::seat::Seat;
use super::terms::Terms;

/// A holder that is connected.
pub struct Attendance {
    holders: Holders,
    job: Arc<Job>,
    seat: Arc<Seat>,
    number: u64,
    in_time: bool,
    heard: Instant,
}

impl Holders {
    /// The holder is here, in place of any older connection of its. It is away again when what this returns is dropped.
    pub fn attend(&self, job: Arc<Job>) -> Attendance {
        let seat = self.seat(job.id);
        let (number, in_time) = seat.take();
        Attendance { holders: self.clone(), job, seat, number, in_time, heard: Instant::now() }
    }
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

    /// The holder is told that the device is its own. It may hear of that as late as its lease allows; then its time begins.
    pub fn is_told_to_begin(&self, terms: &Terms) {
        if let Some(seconds) = self.job.timeout_s {
            self.seat.is_to_end_at(Instant::now() + terms.grace + Duration::from_secs(seconds.into()));
        }
    }

    /// The holder is told to end its command.
    pub fn is_told_to_end(&self) {
        self.seat.is_to_end_at(Instant::now());
    }

    /// Waits until the command must be over.
    pub async fn out_of_time(&self) {
        self.seat.out_of_time().await;
    }

    /// Waits until the holder is here over another connection.
    pub async fn replaced(&self) {
        self.seat.replaced(self.number).await;
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if self.seat.leave(self.number, self.heard) {
            tokio::spawn(self.holders.clone().linger(self.seat.clone(), self.job.clone()));
        }
    }
}
