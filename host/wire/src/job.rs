//! A job, with what came with it and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Time;

/// A job as it is now. In frames and lists of events it is as it was when the event was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its identity.
    pub id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// The backend that it is for.
    pub backend: String,
    /// The device that it last started on; null until it has started once.
    #[cfg_attr(feature = "schema", schema(required))]
    pub device: Option<String>,
    /// `local` for everybody until there are tokens.
    pub owner: String,
    /// For whom it was submitted; null if nobody was named.
    #[cfg_attr(feature = "schema", schema(required))]
    pub user: Option<String>,
    /// As the backend gets them: defaults filled in, integers written as such, other numbers to the letter. Absent in
    /// snapshots, leases and events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// The files that came with it.
    pub inputs: Vec<Input>,
    /// As submitted: echoed, never interpreted.
    pub metadata: Value,
    /// The conversation that it belongs to; null if none was named.
    #[cfg_attr(feature = "schema", schema(required))]
    pub conversation_id: Option<String>,
    /// The message that it reports to; null if none was named.
    #[cfg_attr(feature = "schema", schema(required))]
    pub message_id: Option<Uuid>,
    /// The batch that it came in; null if it came alone.
    #[cfg_attr(feature = "schema", schema(required))]
    pub batch_id: Option<Uuid>,
    /// It does not start before these have ended.
    pub depends_on: Vec<Uuid>,
    /// What becomes of it when one of them does not complete.
    pub on_dependency_failure: OnDependencyFailure,
    /// As submitted; null unless a time was asked for.
    #[cfg_attr(feature = "schema", schema(required))]
    pub not_before: Option<Time>,
    /// How long one attempt may take, in seconds; null: what its backend has.
    #[cfg_attr(feature = "schema", schema(required))]
    pub timeout_s: Option<u32>,
    /// -100 to 100.
    pub priority: i32,
    /// From 1, the next to start; 0 unless it is `queued`.
    pub queue_position: u64,
    /// What it waits for; null unless it is `queued` or `pending`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub waiting_for: Option<Waiting>,
    /// The same as a sentence; null in events.
    #[cfg_attr(feature = "schema", schema(required))]
    pub waiting_detail: Option<String>,
    /// When that is over; null unless it waits for a time.
    #[cfg_attr(feature = "schema", schema(required))]
    pub waiting_until: Option<Time>,
    /// When it is tried again; null unless it waits for that.
    #[cfg_attr(feature = "schema", schema(required))]
    pub retry_at: Option<Time>,
    /// Null unless it is `queued` and enough is known; null in events.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimated_start_at: Option<Time>,
    /// When it is expected to end, also while it is `processing`; null if too little is known, and in events.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimated_end_at: Option<Time>,
    /// Percent of the last attempt, 0 to 100; 100 only when it is `complete`.
    pub progress: u8,
    /// What the backend is doing, in its own words; null unless it is `processing`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub stage: Option<String>,
    /// The path of the newest preview, another one for each preview; null unless it is `processing`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub preview: Option<String>,
    /// It is `processing` and has been told to stop.
    pub cancel_requested: bool,
    /// The number of the last attempt, 0 before the first; never repeats.
    pub attempt: u32,
    /// Attempts that count, of this series: a person's retry begins a new one.
    pub attempts_used: u32,
    /// How many may count.
    pub max_attempts: u32,
    /// The last 20.
    pub attempts: Vec<Attempt>,
    /// What it made; empty unless it is `complete`.
    pub artifacts: Vec<Artifact>,
    /// What the backend returned; null unless it is `complete`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub result: Option<Value>,
    /// Null unless its status is `error`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub error: Option<JobError>,
    /// When it was accepted.
    pub created_at: Time,
    /// When it last became `queued`; null if it never was.
    #[cfg_attr(feature = "schema", schema(required))]
    pub queued_at: Option<Time>,
    /// When its last attempt began; null before the first.
    #[cfg_attr(feature = "schema", schema(required))]
    pub started_at: Option<Time>,
    /// Null until it has ended.
    #[cfg_attr(feature = "schema", schema(required))]
    pub ended_at: Option<Time>,
    /// When it last changed.
    pub updated_at: Time,
    /// The event that last changed it: of two copies of a job, the one with the greater `seq` is newer.
    pub seq: u64,
}

impl Job {
    /// Whether it is over, unless a person retries it.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, Status::Complete | Status::Error | Status::Cancelled)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits for another job or a time.
    Pending,
    /// It waits for its turn.
    Queued,
    /// An attempt runs.
    Processing,
    /// It has ended: its files are there.
    Complete,
    /// It has ended: `error` says why.
    Error,
    /// It has ended.
    Cancelled,
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Waiting {
    /// The jobs before it.
    Turn,
    /// The queue or its device is paused.
    Paused,
    /// Its device is not configured, or is being settled.
    Device,
    /// Its backend is not loaded, or its engine is away.
    Backend,
    /// Another job.
    Dependency,
    /// Its `not_before`.
    Time,
    /// The pause before its next attempt.
    Retry,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What becomes of a job when one that it depends on does not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnDependencyFailure {
    /// It fails as well.
    Fail,
    /// It runs all the same.
    Run,
}

/// A file that came with a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Input {
    /// What the backend calls it.
    pub name: String,
    /// The upload that it came from.
    pub upload: Uuid,
    /// Its media type, as uploaded.
    pub mime: String,
    /// Bytes.
    pub size: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}

/// A file that a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Artifact {
    /// Its name within the job.
    pub name: String,
    /// The media type that the backend gave it.
    pub mime: String,
    /// Bytes.
    pub size: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// Pixels; null unless it is an image.
    #[cfg_attr(feature = "schema", schema(required))]
    pub width: Option<u32>,
    /// Pixels; null unless it is an image.
    #[cfg_attr(feature = "schema", schema(required))]
    pub height: Option<u32>,
    /// Its path on the host.
    pub url: String,
}

/// One attempt at a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// It counts.
    pub charged: bool,
    /// `sha256:HEX` of the component that ran it.
    pub backend_digest: String,
    /// When it began.
    pub started_at: Time,
    /// Null while it runs.
    #[cfg_attr(feature = "schema", schema(required))]
    pub ended_at: Option<Time>,
    /// How long it took, by a clock that nobody can set; null while it runs, and for one that was lost.
    #[cfg_attr(feature = "schema", schema(required))]
    pub seconds: Option<f64>,
    /// Null while it runs.
    #[cfg_attr(feature = "schema", schema(required))]
    pub outcome: Option<Outcome>,
    /// What went wrong; null while it runs, and if nothing did.
    #[cfg_attr(feature = "schema", schema(required))]
    pub error: Option<JobError>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The backend returned a result.
    Complete,
    /// The backend said that it failed.
    Error,
    /// It ran out of time.
    Timeout,
    /// It reported nothing for too long.
    Stalled,
    /// The backend crashed.
    Trapped,
    /// Somebody cancelled the job.
    Cancelled,
    /// The host crashed meanwhile.
    Lost,
    /// The host stopped meanwhile; it does not count.
    Interrupted,
    /// The engine was away; it does not count.
    Unavailable,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobError {
    /// For programs.
    pub kind: ErrorKind,
    /// For the user.
    pub message: String,
    /// For the operator.
    pub detail: String,
    /// Whether another attempt could succeed.
    pub retryable: bool,
    /// The job that this one depended on and that did not complete; absent if that is not why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_id: Option<Uuid>,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The params can never work.
    Invalid,
    /// The engine was away.
    Unavailable,
    /// The device had too little memory.
    OutOfMemory,
    /// Anything else.
    Failed,
    /// It ran out of time.
    Timeout,
    /// It reported nothing for too long.
    Stalled,
    /// The backend crashed.
    Trapped,
    /// The host crashed meanwhile.
    Lost,
    /// A job that this one depended on did not complete.
    Dependency,
    /// Somebody cancelled it.
    Cancelled,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// A page of jobs. Who only passes them on reads them as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Jobs<J = Job> {
    /// In the order that was asked for, the newest first unless another was.
    pub jobs: Vec<J>,
    /// The `cursor` of the next page; null on the last one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// What a job's backend logged. Who only passes it on reads its lines as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Log<L = LogLine> {
    /// In order.
    pub lines: Vec<L>,
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// When.
    pub at: Time,
    /// Of which attempt.
    pub attempt: u32,
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// What.
    pub message: String,
}

crate::words!(Status, Waiting, Outcome, ErrorKind);
