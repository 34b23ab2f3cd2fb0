//! What went wrong with a request: a problem document (RFC 9457).

use serde::{Deserialize, Serialize};

use crate::Job;

/// A problem document. Its media type is `application/problem+json`. What another server leaves out is read as empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A name for the kind: `urn:easel:problem:wrong-value`.
    #[serde(rename = "type", default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub kind: String,
    /// The kind, in words.
    pub title: String,
    /// The status of the answer; absent where there was none, as in what the command line says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong this time, and what to do.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub detail: String,
    /// The field that it is about, dotted: `params.steps`; absent if it is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The job as it is, where that is in the way; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<Job>>,
}

impl Problem {
    /// A problem of this kind, which no answer told of.
    pub fn new(kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:easel:problem:{kind}"),
            title: title.to_owned(),
            status: None,
            detail: detail.into(),
            field: None,
            job: None,
        }
    }
}
