//! What clients send.
//!
//! `null` is the same as absent, except where a comment says otherwise. What has free JSON in it is generic over how that is read:
//! a client has it as a tree, the host keeps it to the letter by other means.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{OnDependencyFailure, Status};

/// What `POST /v1/jobs` takes, and an entry of a batch. Only `params` is required.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(bound = ""))]
#[serde(deny_unknown_fields)]
pub struct NewJob<Free = Map<String, Value>> {
    /// What to do, in the backend's own words: an object that its schema takes. 64 KiB at the most.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub params: Free,
    /// The backend that it is for; the host's default unless one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Files for it, 16 at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Vec<NewInput>>,
    /// Echoed, never interpreted: an object of 4 KiB at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub metadata: Option<Free>,
    /// The conversation that it belongs to: 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The message that it reports to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Uuid>,
    /// How many attempts may count: 1 to 100; what its backend has unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How much it matters: -100 to 100; 0 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// It does not start before these have ended, 1,000 at the most: their ids, and in a batch also `#N`, its N-th entry, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<String>>,
    /// What becomes of it when one of them does not complete: `fail` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_dependency_failure: Option<OnDependencyFailure>,
    /// It does not start before this: a time as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// How long one attempt may take, in seconds: 1 to 604,800; what its backend has unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
    /// For whom it is asked, where somebody acts for others: 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// An upload under the name by which the backend knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInput {
    /// That name; no two inputs of a job have the same.
    pub name: String,
    /// The upload.
    pub upload: Uuid,
}

/// What `POST /v1/batches` takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(bound = ""))]
#[serde(deny_unknown_fields)]
pub struct NewBatch<Free = Map<String, Value>> {
    /// 1 to 1,000; all of them come to be, or none does.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<NewJob>))]
    pub jobs: Vec<NewJob<Free>>,
    /// True, if it is given: there is no other way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
}

/// What `POST /v1/jobs/cancel` takes. Of each field that is there, one value has to fit; one at least must be there. A `null` is
/// refused: a client that has lost what it meant to name must not cancel everybody's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CancelMany {
    /// These jobs.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ids: Option<OneOrMany<Uuid>>,
    /// The jobs of these batches.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<OneOrMany<Uuid>>,
    /// The jobs of these conversations.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<OneOrMany<String>>,
    /// The jobs that report to these messages.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<OneOrMany<Uuid>>,
    /// The jobs for these backends.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub backend: Option<OneOrMany<String>>,
    /// The jobs of these owners.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub owner: Option<OneOrMany<String>>,
    /// The jobs that were submitted for these users.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub user: Option<OneOrMany<String>>,
    /// The jobs that stand here.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub status: Option<OneOrMany<Status>>,
}

/// A value, or a list with at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged, expecting = "must be a value or a list of values: leave the field out to not filter by it")]
pub enum OneOrMany<T> {
    /// Several.
    Many(Vec<T>),
    /// One.
    One(T),
}

/// A field that is there has a value.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<OneOrMany<T>>, D::Error> {
    OneOrMany::deserialize(from).map(Some)
}

/// What `POST /v1/jobs/{id}/move` takes: one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// To this end of its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<End>,
    /// Right before this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Uuid>,
}

/// An end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Next to start.
    Front,
    /// Behind all that wait now.
    Back,
}

/// What `PATCH /v1/jobs/{id}` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct JobPatch {
    /// How much it matters: -100 to 100.
    pub priority: i32,
}

/// What pauses take, of the queue and of a device. No body is the same as an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Pausing {
    /// Why; everybody who waits is told. 500 characters at the most.
    pub reason: Option<String>,
    /// Whether the memory is freed when nothing runs any more: false unless given.
    pub unload: Option<bool>,
}

/// What `POST /v1/messages` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(bound = ""))]
#[serde(deny_unknown_fields)]
pub struct NewMessage<Free = Map<String, Value>> {
    /// Its identity; the host makes one unless it is given.
    pub id: Option<Uuid>,
    /// The conversation that it belongs to: 1 to 200 characters.
    pub conversation_id: String,
    /// `user`, `assistant` …: not interpreted, 1 to 64 bytes.
    pub role: String,
    /// Its text: 256 KiB at the most.
    pub content: String,
    /// An object of 64 KiB at the most, without the keys that a job writes.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra_metadata: Option<Free>,
    /// For whom it is asked, by somebody who may speak for others: 1 to 200 characters.
    pub user: Option<String>,
}

/// What `PATCH /v1/messages/{id}` takes. What is absent or null stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(bound = ""))]
#[serde(deny_unknown_fields)]
pub struct MessagePatch<Free = Map<String, Value>> {
    /// Its text: 256 KiB at the most.
    pub content: Option<String>,
    /// Merged: objects field by field, at every depth; anything else replaces what was there. Nothing is ever deleted.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub extra_metadata: Option<Free>,
}
