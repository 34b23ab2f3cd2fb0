//! One run of a job, and what it made.

use serde::{Deserialize, Serialize};

use super::JobError;
use crate::ids::Timestamp;

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
