//! What went wrong with a request: a problem document (RFC 9457).

use serde::{Deserialize, Serialize};

use crate::Job;

/// A problem document. Its media type is `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// A name for the kind: `urn:easel:problem:wrong-value`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What went wrong this time, and what to do.
    pub detail: String,
    /// The field that it is about, dotted: `params.steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The job as it is, where that is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<Job>>,
}
