//! How long what has ended is kept: what an operator decides, and what that means for one job.
//!
//! What an ended job costs is in a small row of its own, in the order in which jobs ended, so that who looks for what may go
//! reads neither jobs nor disks. Whether it goes is decided on the job itself, against everything that may still need it.

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, Party, Timestamp};
use crate::job::Job;

/// Who is said to have deleted what went because of this.
pub const BY: &str = "retention";

/// What an operator lets go, and when. Times are in microseconds, of the host's own time: no clock that is set ages anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long an ended job is kept.
    pub jobs: Timestamp,
    /// How many ended jobs are kept.
    pub max_jobs: u64,
    /// How many bytes the artifacts of all jobs may have together.
    pub artifacts: u64,
    /// How long an idempotency key is honoured, since it was first used.
    pub keys: Timestamp,
    /// How many events the log keeps.
    pub events: u64,
    /// How many rows of each kind one command removes: a longer transaction would keep devices waiting.
    pub slice: usize,
}

/// What all ended jobs come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many they are.
    pub jobs: u64,
    /// How many bytes their artifacts have.
    pub bytes: u64,
}

/// What an ended job leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// When it ended, in the host's own time.
    pub at: Timestamp,
    /// The job.
    pub job: JobId,
    /// How many bytes its artifacts have.
    pub bytes: u64,
    /// When its idempotency key was used, in the host's own time, if it came with one.
    pub keyed_at: Option<Timestamp>,
}

/// The idempotency key that a job came with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOf {
    /// Whose key it is.
    pub owner: String,
    /// Whom the owner, a service, acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The key.
    pub key: String,
    /// The job.
    pub job: JobId,
    /// When, in the host's own time.
    pub at: Timestamp,
}

impl Retention {
    /// Nothing ever goes.
    pub const EVERYTHING: Self = Self {
        jobs: Timestamp::MAX,
        max_jobs: u64::MAX,
        artifacts: u64::MAX,
        keys: Timestamp::MAX,
        events: u64::MAX,
        slice: 32,
    };

    /// Whether a key that was first used at that time is honoured no more.
    pub fn frees(&self, used_at: Timestamp, now: Timestamp) -> bool {
        used_at.saturating_add(self.keys) <= now
    }

    /// Whether an ended job may go, as far as its remains tell and what is kept in all. A job without files does not go for
    /// their bytes: nothing would be gained.
    pub fn lets_go(&self, remains: &Remains, kept: Kept, now: Timestamp) -> bool {
        let old = remains.at.saturating_add(self.jobs) <= now;
        let too_many = kept.jobs > self.max_jobs;
        let too_large = kept.bytes > self.artifacts && remains.bytes > 0;
        (old || too_many || too_large) && remains.keyed_at.is_none_or(|at| self.frees(at, now))
    }

    /// Jobs that ended up to this time are worth a look: all of them while there are too many, or too large ones.
    pub fn horizon(&self, kept: Kept, now: Timestamp) -> Timestamp {
        let over = kept.jobs > self.max_jobs || kept.bytes > self.artifacts;
        if over { Timestamp::MAX } else { now.saturating_sub(self.jobs) }
    }
}

impl Remains {
    /// Those of a job; none unless it has ended.
    pub fn of(job: &Job) -> Option<Self> {
        let at = job.ended_own().filter(|_| job.status.ended())?;
        let bytes = job.artifacts.iter().map(|artifact| artifact.size).sum();
        Some(Self { at, job: job.id, bytes, keyed_at: job.key.as_ref().map(|_| job.created_own()) })
    }
}

impl KeyOf {
    /// That of a job; none if it came without.
    pub fn of(job: &Job) -> Option<Self> {
        let key = job.key.clone()?;
        Some(Self { owner: job.owner.clone(), user: job.user.clone(), key, job: job.id, at: job.created_own() })
    }

    /// Whose it is.
    pub fn party(&self) -> Party {
        Party { owner: self.owner.clone(), user: self.user.clone() }
    }
}

impl Kept {
    /// One more.
    pub(crate) fn add(&mut self, remains: &Remains) {
        self.jobs = self.jobs.saturating_add(1);
        self.bytes = self.bytes.saturating_add(remains.bytes);
    }

    /// One less.
    pub(crate) fn remove(&mut self, remains: &Remains) {
        self.jobs = self.jobs.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(remains.bytes);
    }
}
