//! A job, its attempts and what came of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Shifts;
use crate::history::Forecast;
use crate::json::Json;
use crate::message::MessageId;
use crate::order::Tag;

/// Microseconds since the Unix epoch, UTC. The core never asks what time it is: commands carry it.
pub type Timestamp = i64;

/// A job's place of arrival: unique, increasing, never reused.
pub type Ticket = u64;

/// The identity of a job: a UUID v7, chosen by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a batch: a UUID v7, chosen by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub Uuid);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

/// Whom a job belongs to: turns and caps are theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party {
    /// The owner.
    pub owner: String,
    /// Whom the owner, a service, acts for.
    pub user: Option<String>,
}

impl Party {
    /// An owner that acts for itself.
    pub fn of(owner: &str) -> Self {
        Self { owner: owner.to_owned(), user: None }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The backend returned a result.
    Complete,
    /// The backend returned a failure.
    Error,
    /// The attempt's deadline passed.
    Timeout,
    /// No news from the backend for too long.
    Stalled,
    /// The component trapped.
    Trapped,
    /// It was stopped because somebody cancelled the job.
    Cancelled,
    /// The host died under it.
    Lost,
    /// The host was shut down in good order.
    Interrupted,
    /// The engine was away.
    Unavailable,
}

impl Outcome {
    /// The name that clients see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Stalled => "stalled",
            Self::Trapped => "trapped",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Interrupted => "interrupted",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The kind of error that a job ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request cannot be right as it is.
    Invalid,
    /// The engine is away.
    Unavailable,
    /// The device has not enough memory for it.
    OutOfMemory,
    /// The backend says that it failed.
    Failed,
    /// The attempt's deadline passed.
    Timeout,
    /// No news from the backend for too long.
    Stalled,
    /// The component trapped.
    Trapped,
    /// The host died under each of its attempts.
    Lost,
    /// What it depends on failed.
    Dependency,
    /// It was cancelled.
    Cancelled,
}

/// Why a job ended in error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// The kind.
    pub kind: ErrorKind,
    /// A sentence for the user.
    pub message: String,
    /// For the operator: the whole chain of causes.
    pub detail: String,
    /// Whether the same job could succeed another time.
    pub retryable: bool,
    /// The job that this one depends on and that did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_id: Option<JobId>,
}

/// One run of a job. `(job, number)` fences every write of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1, 2, 3 …: never repeats for a job, retries by people included.
    pub number: u32,
    /// Whether it counts against `max_attempts`.
    pub charged: bool,
    /// `sha256:…` of the component that ran it.
    pub backend_digest: String,
    /// When the device was claimed for it.
    pub started_at: Timestamp,
    /// When its outcome was decided.
    pub ended_at: Option<Timestamp>,
    /// How long it had the device, in microseconds, by a clock that nobody sets; none while it lives or if it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// How it ended; none while it lives.
    pub outcome: Option<Outcome>,
    /// What went wrong, if something did.
    pub error: Option<JobError>,
}

/// A file that a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name within the job.
    pub name: String,
    /// The media type that the backend gave it.
    pub mime: String,
    /// Bytes.
    pub size: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// Pixels, if it is an image.
    pub width: Option<u32>,
    /// Pixels, if it is an image.
    pub height: Option<u32>,
    /// The attempt that wrote it: which directory it lies in.
    pub attempt: u32,
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

/// A place in line: bytes that sort as the line does, least first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(pub String);

impl Rank {
    /// The rank of a job that has not been queued since it arrived.
    pub fn none() -> Self {
        Self(String::new())
    }

    /// Whether it is one.
    pub fn given(&self) -> bool {
        !self.0.is_empty()
    }
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
    pub rank: Rank,
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
        let waits = self.status == Status::Pending && self.retry_at.is_none() && !self.rank.given();
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
