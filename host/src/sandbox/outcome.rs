//! How a call of a component ended, in the host's own words: nothing generated, nothing of wasmtime's.

use std::fmt;
use std::time::Duration;

use easel_core::Json;
use serde_json::Value;

/// What a component says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Its own name; the operator's may differ.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// The schema of a job's params.
    pub params_schema: Value,
    /// The schema of the operator's config.
    pub config_schema: Value,
}

/// What the engine behind a backend says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineInfo {
    /// One line for operators.
    pub summary: String,
    /// An object: models, samplers … as the engine lists them.
    pub catalog: Value,
}

/// Why something did not work, as the component sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the host is to do about it.
    pub kind: FailureKind,
    /// For the user who waits.
    pub message: String,
    /// Not again before that much time has passed.
    pub retry_after: Option<Duration>,
}

/// What the host is to do about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The request can never work.
    Invalid,
    /// The engine is away or busy.
    Unavailable,
    /// The device ran out of memory.
    OutOfMemory,
    /// It was cancelled.
    Cancelled,
    /// Anything else.
    Failed,
    /// A kind that the contract does not name yet.
    Other(String),
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::OutOfMemory => "out-of-memory",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Other(name) => name,
        })
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a result: an object.
    Returned(Json),
    /// With a failure.
    Failed(Failure),
    /// With a trap: what the component said last, or what it did.
    Trapped(String),
    /// With a trap, since it wanted more than it may have: what, continuing a sentence about the component.
    Exceeded(String),
    /// It did not end, and was ended after so long.
    Late(Duration),
    /// It did not end but was ended: by its `Kill`, or because the time of its attempt was up. The clock tells which.
    Killed,
    /// With a value that breaks the contract: in which way.
    BadResult(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(_) => f.write_str("it returned a result"),
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::Trapped(cause) => write!(f, "the component crashed: {cause}"),
            Self::Exceeded(limit) => write!(f, "the component {limit}"),
            Self::Late(most) => write!(
                f,
                "the component was stopped after {}: a call may take no longer",
                humantime::format_duration(*most)
            ),
            Self::Killed => f.write_str("the component was stopped"),
            Self::BadResult(reason) => write!(f, "the component broke the contract: {reason}"),
        }
    }
}
