//! What is left of what has ended: how much of it there is, and what may not go yet.

use super::State;
use crate::cold::KeyUse;
use crate::ids::{JobId, Timestamp};
use crate::retention::{Kept, Retention};

impl State {
    /// What all ended jobs come to.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    pub(crate) fn kept_mut(&mut self) -> &mut Kept {
        &mut self.kept
    }

    /// The number of the oldest event that the log is sure to have, or of the first that it will.
    pub fn oldest_event(&self) -> u64 {
        self.oldest_event
    }

    pub(crate) fn forget_events(&mut self, before: u64) {
        self.oldest_event = before;
    }

    /// Whether the log is longer than it is to be: then [`crate::Command::Prune`] is wanted.
    pub fn log_is_long(&self, retention: &Retention) -> bool {
        self.oldest_event_wanted(retention) > self.oldest_event
    }

    /// The number of the first event that is to be kept: at the latest, that of the last one that there is.
    pub(crate) fn oldest_event_wanted(&self, retention: &Retention) -> u64 {
        (self.seq + 1).saturating_sub(retention.events).min(self.seq)
    }

    /// Whether a key still stands for what it was used for: for its time, and then for as long as its job has not ended.
    pub fn honours(&self, used: &KeyUse, retention: &Retention, now: Timestamp) -> bool {
        !retention.frees(used.at, self.clock().own(now)) || self.job(used.job).is_some()
    }

    /// Whether a job that has not ended needs this one: it waits for it, has to be told of its end, or runs on what it made.
    pub(crate) fn is_needed(&self, id: JobId) -> bool {
        let mut running = self.devices().filter_map(|device| self.job(device.occupant.as_ref()?.job));
        self.has_dependents(id) || self.telling(id) || running.any(|job| job.depends_on.contains(&id))
    }

    /// Takes over what was kept as it was read from the store at start-up.
    pub fn restore_kept(&mut self, kept: Kept, oldest_event: u64) {
        (self.kept, self.oldest_event) = (kept, oldest_event.max(1));
    }
}
