//! What a running attempt says: latest wins, nothing of it is stored.

use bytes::Bytes;
use easel_core::{JobId, Progress, Timestamp};
use tokio::time::Instant;

/// A picture of how far it is.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Which one: 1, 2, 3 …
    pub number: u64,
    /// Its media type.
    pub mime: String,
    /// Its bytes.
    pub image: Bytes,
}

/// The state of one running attempt.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The job.
    pub job: JobId,
    /// Its attempt.
    pub attempt: u32,
    /// How far it is: percent.
    pub percent: u8,
    /// Since when, by a clock that nobody sets.
    pub since: Instant,
    /// What it is doing, in the backend's words.
    pub stage: Option<String>,
    /// The newest preview.
    pub preview: Option<Preview>,
    /// Grows with each change, over all jobs: what a follower has passed on already.
    pub version: u64,
}

impl Telemetry {
    /// How far it is and since when, where the wall clock says `now`.
    pub fn progress(&self, now: Timestamp) -> Progress {
        let for_so_long = Timestamp::try_from(self.since.elapsed().as_micros()).unwrap_or(Timestamp::MAX);
        Progress { percent: self.percent, since: now.saturating_sub(for_so_long) }
    }
}
