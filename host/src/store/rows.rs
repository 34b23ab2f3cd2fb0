//! Rows that are not the core's documents as they stand.

use easel_core::KeyUse;
use easel_core::command::NewMessage;
use easel_core::json::text_of;
use easel_core::message::report;
use easel_core::{Job, JobId, Kept, MessageId, Remains, Status, Ticket, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

/// The writer's row: whose turn it is to write, and where everything stands.
#[derive(Serialize)]
pub(super) struct Writer {
    pub(super) epoch: u64,
    pub(super) commits: u64,
    pub(super) seq: u64,
    pub(super) ticket: Ticket,
    pub(super) floor: Ticket,
    pub(super) kept: Kept,
    pub(super) oldest: u64,
    /// What the wall clock said at the last commit; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

/// A job: what queries ask for, and the whole of it as text. On its way to the disk the database copies a document several times,
/// and forty fields cost more than all else about a job.
#[derive(Serialize)]
pub(super) struct JobRow<'a> {
    id: JobId,
    ticket: Ticket,
    status: Status,
    backend: &'a str,
    owner: &'a str,
    conversation_id: Option<&'a str>,
    message_id: Option<MessageId>,
    text: String,
}

impl<'a> JobRow<'a> {
    pub(super) fn of(job: &'a Job) -> Self {
        Self {
            id: job.id,
            ticket: job.ticket,
            status: job.status,
            backend: &job.backend,
            owner: &job.owner,
            conversation_id: job.conversation_id.as_deref(),
            message_id: job.message_id,
            text: document(job).to_string(),
        }
    }
}

/// What an ended job leaves behind, named by when it ended.
#[derive(Serialize)]
pub(super) struct RemainsRow<'a> {
    pub(super) id: (Timestamp, JobId),
    #[serde(flatten)]
    pub(super) remains: &'a Remains,
}

/// An idempotency key.
#[derive(Serialize)]
pub(super) struct KeyRow<'a> {
    owner: &'a str,
    user: Option<&'a str>,
    key: &'a str,
    digest: &'a str,
    job: JobId,
    at: Timestamp,
}

impl<'a> KeyRow<'a> {
    pub(super) fn of(used: &'a KeyUse) -> Self {
        let KeyUse { party, key, digest, job, at } = used;
        Self { owner: &party.owner, user: party.user.as_deref(), key, digest, job: *job, at: *at }
    }
}

/// A message. What clients write is text, so that numbers stay to the letter; what jobs report is beside it.
#[derive(Serialize)]
pub(super) struct MessageRow<'a> {
    ticket: u64,
    conversation_id: &'a str,
    role: &'a str,
    content: &'a str,
    extra_metadata: Map<String, Value>,
    text: String,
    owner: &'a str,
    user: Option<&'a str>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    seq: u64,
}

impl<'a> MessageRow<'a> {
    pub(super) fn of(new: &'a NewMessage, seq: u64, at: Option<Timestamp>) -> Self {
        Self {
            ticket: seq,
            conversation_id: &new.conversation_id,
            role: &new.role,
            content: &new.content,
            extra_metadata: Map::new(),
            text: text_of(&new.extra_metadata),
            owner: &new.party.owner,
            user: new.party.user.as_deref(),
            created_at: at,
            updated_at: at,
            seq,
        }
    }
}

/// What a client changes of a message.
#[derive(Serialize)]
pub(super) struct Edit<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
    pub(super) text: String,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) seq: u64,
}

/// What a job changes of its message.
#[derive(Serialize)]
pub(super) struct ReportRow {
    extra_metadata: Value,
    updated_at: Timestamp,
    seq: u64,
    reporter: JobId,
}

impl ReportRow {
    pub(super) fn of(job: &Job, queue_position: u64) -> Self {
        let extra_metadata = report(job, queue_position);
        Self { extra_metadata, updated_at: job.updated_at, seq: job.seq, reporter: job.id }
    }
}

/// A value as a document.
pub(super) fn document(value: &impl Serialize) -> Value {
    // The core's types have string keys and finite numbers: there is nothing that JSON cannot say.
    serde_json::to_value(value).unwrap_or_default()
}
