//! The rows of the store: how they are named, and those that are not the core's documents as they stand.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use easel_core::command::NewMessage;
use easel_core::json::text_of;
use easel_core::{Job, JobId, KeyOf, KeyUse, MessageId, Remains, Status, Ticket, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::engine::Query;

/// The tables whose rows are made of what commits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Table {
    Job,
    Message,
    Key,
    Orphan,
    Batch,
    Remains,
    Device,
    Pool,
    Meta,
    History,
    Intent,
    /// What follows from the rows of jobs, and is in no commit.
    Leaf,
    Branch,
    Thread,
}

impl Table {
    /// What the database calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Message => "message",
            Self::Key => "key",
            Self::Orphan => "orphan",
            Self::Batch => "batch",
            Self::Remains => "remains",
            Self::Device => "device",
            Self::Pool => "pool",
            Self::Meta => "meta",
            Self::History => "history",
            Self::Intent => "intent",
            Self::Leaf => "leaf",
            Self::Branch => "branch",
            Self::Thread => "thread",
        }
    }
}

/// A row's table, and its key there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct RowName(pub(super) Table, pub(super) Value);

impl RowName {
    pub(super) fn new(table: Table, key: &impl Serialize) -> Self {
        Self(table, document(key))
    }

    pub(super) fn job(id: JobId) -> Self {
        Self::new(Table::Job, &id)
    }

    pub(super) fn message(id: MessageId) -> Self {
        Self::new(Table::Message, &id)
    }

    /// Of remains, by when the job ended.
    pub(super) fn remains(remains: &Remains) -> Self {
        Self::new(Table::Remains, &(remains.at, remains.job))
    }

    /// Of the key of a deleted job, by when it was used.
    pub(super) fn orphan(of: &KeyOf) -> Self {
        match &of.user {
            None => Self::new(Table::Orphan, &(of.at, &of.owner, &of.key)),
            Some(user) => Self::new(Table::Orphan, &(of.at, &of.owner, &of.key, user)),
        }
    }
}

/// What stands in a row.
#[derive(Clone, Debug)]
pub(super) enum Row {
    Job(Arc<Job>),
    Document(Value),
}

impl Row {
    /// The job, if it is one.
    pub(super) fn job(&self) -> Option<&Arc<Job>> {
        match self {
            Self::Job(job) => Some(job),
            Self::Document(_) => None,
        }
    }

    /// As the database has it, without its key.
    pub(super) fn content(&self) -> Value {
        match self {
            Self::Job(job) => document(&JobRow::of(job)),
            Self::Document(document) => document.clone(),
        }
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Job(job) => {
                let result = job.result.as_ref().map_or(0, |result| result.text().len());
                let lists =
                    40 * job.depends_on.len() + 250 * (job.artifacts.len() + job.inputs.len() + job.attempts.len());
                1000 + job.params.text().len() + job.metadata.text().len() + result + lists
            }
            Self::Document(document) => bytes_of(document),
        }
    }
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + bytes_of(item)).sum(),
        Value::Object(fields) => fields.iter().map(|(key, item)| key.len() + 8 + bytes_of(item)).sum(),
        _ => 8,
    }
}

/// Rows that are written together.
#[derive(Default)]
pub(super) struct Rows {
    /// What they are then: nothing, if they go.
    pub(super) put: Vec<(RowName, Option<Row>)>,
    /// Those of them of which it is known that they are not there: to make a row costs half of what it costs to write whatever may be there.
    pub(super) new: HashSet<RowName>,
}

impl Rows {
    /// Adds what writes them to a query.
    pub(super) fn write(&self, mut query: Query) -> Query {
        let (mut put, mut gone): (Vec<Value>, Vec<Value>) = Default::default();
        let mut new: BTreeMap<Table, Vec<Value>> = BTreeMap::new();
        for (RowName(table, key), row) in &self.put {
            match row {
                None => gone.push(json!([table.name(), key])),
                Some(row) if self.new.contains(&RowName(*table, key.clone())) => {
                    new.entry(*table).or_default().push(with_id(row.content(), key.clone()));
                }
                Some(row) => put.push(json!([table.name(), key, row.content()])),
            }
        }
        query.sql += "
            FOR $row IN $put { UPSERT type::record($row[0], $row[1]) REPLACE $row[2] RETURN NONE };
            DELETE $gone.map(|$row| type::record($row[0], $row[1])) RETURN NONE;";
        for table in new.keys().map(|table| table.name()) {
            query.sql += &format!("INSERT INTO {table} $new_{table} RETURN NONE;");
        }
        let query = query.bind("put", put).bind("gone", gone);
        new.into_iter().fold(query, |query, (table, rows)| query.bind(&format!("new_{}", table.name()), rows))
    }
}

/// A row with its key.
pub(super) fn with_id(mut row: Value, id: Value) -> Value {
    if let Some(fields) = row.as_object_mut() {
        fields.insert("id".to_owned(), id);
    }
    row
}

/// A job: what queries ask for, and the whole of it as text. On its way to the disk the database copies a document several times,
/// and forty fields cost more than all else about a job.
#[derive(Serialize)]
pub(super) struct JobRow<'a> {
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

/// A value as a document.
pub(super) fn document(value: &impl Serialize) -> Value {
    // The core's types have string keys and finite numbers: there is nothing that JSON cannot say.
    serde_json::to_value(value).unwrap_or_default()
}
