//! A job: what it is, where it stands, what came of it.

mod attempt;
mod error;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::clock::Shifts;
use crate::history::Forecast;
use crate::ids::{BatchId, JobId, MessageId, Party, Rank, Tag, Ticket, Timestamp};
use crate::json::Json;
pub use attempt::{Artifact, Attempt, Outcome};
pub use error::{ErrorKind, JobError};

/// What becomes of a job when one that it depends on does not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDependencyFailure {
    /// It ends in error as well.
    #[default]
    Fail,
    /// It runs all the same.
    Run,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for something other than its turn: a dependency, a time, a retry.
    Pending,
    /// Waits for its turn.
    Queued,
    /// Holds the device.
    Processing,
    /// Ended: its artifacts are there.
    Complete,
    /// Ended: `error` says why.
    Error,
    /// Ended: somebody cancelled it.
    Cancelled,
}

impl Status {
    /// Whether the job is over, unless a person retries it.
    pub fn ended(self) -> bool {
        matches!(self, Self::Complete | Self::Error | Self::Cancelled)
    }

    /// The name that clients see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A file that was handed to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What the backend calls it.
    pub name: String,
    /// The upload it came from.
    pub upload: Uuid,
    /// Its media type as uploaded.
    pub mime: String,
    /// Bytes.
    pub size: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}

/// How many attempts of a job are remembered.
pub const LEDGER: usize = 20;

/// A job as the store keeps it. What changes faster than a transaction (progress, positions) is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Its place of arrival; a person's retry arrives anew.
    pub ticket: Ticket,
    /// Its place in line while it is queued.
    #[serde(default, deserialize_with = "rank")]
    pub rank: Option<Rank>,
    /// Where it stands.
    pub status: Status,
    /// The backend that it is for.
    pub backend: String,
    /// The device that it was last claimed by.
    pub device: Option<String>,
    /// Whose it is.
    pub owner: String,
    /// Whom the owner, a service, acts for.
    #[serde(default)]
    pub user: Option<String>,
    /// How much it matters: -100 to 100.
    #[serde(default)]
    pub priority: i32,
    /// Which turn of its party it is; its rank follows from it, unless somebody moved it.
    #[serde(default)]
    pub tag: Tag,
    /// What to do, in the backend's own words.
    pub params: Json,
    /// Files for it.
    pub inputs: Vec<Input>,
    /// Echoed, never interpreted.
    pub metadata: Json,
    /// The conversation that it belongs to.
    pub conversation_id: Option<String>,
    /// The message that it reports to.
    pub message_id: Option<MessageId>,
    /// The batch that it came with.
    #[serde(default)]
    pub batch_id: Option<BatchId>,
    /// The idempotency key that it came with.
    #[serde(default)]
    pub key: Option<String>,
    /// It does not start before these have completed.
    #[serde(default)]
    pub depends_on: Vec<JobId>,
    /// What becomes of it when one of them does not.
    #[serde(default)]
    pub on_dependency_failure: OnDependencyFailure,
    /// How much it is, in its backend's own measure, if that can be told.
    #[serde(default)]
    pub work: Option<u64>,
    /// The number of the last attempt.
    pub attempt: u32,
    /// Charged attempts of this series.
    pub attempts_used: u32,
    /// Charged attempts that a series may use.
    pub max_attempts: u32,
    /// It does not start before this.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// It is tried again at this time.
    #[serde(default)]
    pub retry_at: Option<Timestamp>,
    /// How long one attempt may take, in seconds, if that differs from what its backend allows.
    #[serde(default)]
    pub timeout_s: Option<u32>,
    /// How often, one after the other, it has found its engine away while others found it there.
    #[serde(default)]
    pub unavailable_in_a_row: u32,
    /// The last [`LEDGER`] attempts.
    pub attempts: Vec<Attempt>,
    /// What it made; empty unless complete.
    pub artifacts: Vec<Artifact>,
    /// What the backend returned.
    pub result: Option<Json>,
    /// Why it ended in error.
    pub error: Option<JobError>,
    /// Percent, as of the last transition.
    pub progress: u8,
    /// Somebody cancelled it while it was processing.
    pub cancel_requested: bool,
    /// What an attempt asked to be remembered, for its successor and for `settle`.
    pub note: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How far the wall clock had been set when some of these times were taken.
    #[serde(default, skip_serializing_if = "Shifts::none")]
    pub shifts: Shifts,
    /// When it was to end, as expected when it lined up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// When it last became queued.
    pub queued_at: Option<Timestamp>,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The event that last changed it.
    pub seq: u64,
}

impl Job {
    /// Whether `attempt` is the one that holds the device now.
    pub fn runs(&self, attempt: u32) -> bool {
        self.status == Status::Processing && self.attempt == attempt
    }

    /// The time to tell of what happens to it at `now`: not before what was told of it last, wherever the wall clock was set.
    pub fn told(&self, now: Timestamp) -> Timestamp {
        now.max(self.updated_at)
    }

    /// When it was accepted, in the host's own time.
    pub fn created_own(&self) -> Timestamp {
        self.created_at.saturating_sub(self.shifts.created)
    }

    /// When it ended, in the host's own time.
    pub fn ended_own(&self) -> Option<Timestamp> {
        Some(self.ended_at?.saturating_sub(self.shifts.ended))
    }

    /// When its pause is over, in the host's own time.
    pub(crate) fn pause_over(&self) -> Option<Timestamp> {
        self.retry_at.filter(|_| self.status == Status::Pending).map(|at| at.saturating_sub(self.shifts.retry))
    }

    /// The time that its submitter asked for, as long as it waits for that.
    pub(crate) fn asked_for(&self) -> Option<Timestamp> {
        let waits = self.status == Status::Pending && self.retry_at.is_none() && self.rank.is_none();
        self.not_before.filter(|_| waits)
    }

    /// Whom it belongs to.
    pub fn party(&self) -> Party {
        Party { owner: self.owner.clone(), user: self.user.clone() }
    }

    /// The attempt that is under way, or was the last.
    pub fn last_attempt(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }

    /// The same job with nothing in it that an event would have to carry for its whole life.
    pub fn without_params(&self) -> Self {
        Self { params: Json::null(), ..self.clone() }
    }
}

/// Older rows have an empty text where there is no rank.
fn rank<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rank>, D::Error> {
    Ok(Option::<Rank>::deserialize(from)?.filter(|rank| !rank.0.is_empty()))
}
