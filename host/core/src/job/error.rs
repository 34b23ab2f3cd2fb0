//! Why a job ended in error.

use serde::{Deserialize, Serialize};

use crate::ids::JobId;

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
