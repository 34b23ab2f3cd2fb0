//! The log: each commit is one document, and what it says is the truth.
//!
//! Its number is its key. So a commit of a number cannot be made twice, which fences whoever wrote before, and the order of the keys is
//! that of the commits. Rows are made of it afterwards, by `projection`.
//!
//! A job is in a document once, however often it is meant: its row is made of it, and the events name it by its place.

use std::collections::HashMap;
use std::sync::Arc;

use easel_core::{Body, Draft, Event, Job, Kept, Ticket, Timestamp, Transition};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use super::engine::{Engine, Query};
use super::events::with_messages;
use super::read::{messages_of, rows_of};
use super::rows::{Row, RowName, document};
use super::written::Written;
use crate::events::Logged;

/// Where everything stood after a commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Head {
    /// Whose turn it was to write.
    pub(super) epoch: u64,
    /// The last event.
    pub(super) seq: u64,
    pub(super) ticket: Ticket,
    pub(super) floor: Ticket,
    pub(super) kept: Kept,
    /// The oldest event that has to be there.
    pub(super) oldest: u64,
    /// What the wall clock said; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
}

impl Head {
    /// After a commit of this.
    pub(super) fn of(draft: &Draft, epoch: u64, now: Timestamp) -> Self {
        let state = &draft.state;
        let (seq, ticket, floor) = (state.seq, state.ticket, state.floor());
        Self { epoch, seq, ticket, floor, kept: state.kept(), oldest: state.oldest_event(), at: Some(now) }
    }
}

/// What a commit changed and what happened.
#[derive(Default, Deserialize)]
pub(super) struct Text {
    /// Jobs as the commit left them, and as its events did: of each the last is its row.
    #[serde(default)]
    jobs: Vec<Arc<Job>>,
    /// Other rows, and those that went.
    #[serde(default)]
    rows: Vec<(RowName, Option<Value>)>,
    #[serde(default)]
    events: Vec<Line>,
    /// The messages that events are about, in their order.
    #[serde(default)]
    messages: Vec<Value>,
}

/// A [`Text`] as it is written.
#[derive(Serialize)]
struct TextOf<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    jobs: &'a [Arc<Job>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rows: &'a [(RowName, Option<Value>)],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<LineOf<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    messages: &'a [Value],
}

/// An event.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    at: Timestamp,
    #[serde(default)]
    by: Option<String>,
    body: BodyIn,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BodyIn {
    Of(OfJob),
    Whole(Body),
}

#[derive(Serialize)]
struct LineOf<'a> {
    seq: u64,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    body: BodyOf<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyOf<'a> {
    Of(OfJob),
    Whole(&'a Body),
}

/// What happened to a job that is in the same document.
#[derive(Serialize, Deserialize)]
struct OfJob {
    /// Its place among the jobs.
    of: usize,
    event: Transition,
    queue_position: u64,
}

impl Head {
    /// The statement that writes this commit, the one of this number. It fails if there is one already.
    pub(super) fn query(&self, commit: u64, text: String) -> Query {
        let mut document = document(self);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("text".to_owned(), text.into());
        }
        Query::new("CREATE type::record('log', $commit) CONTENT $document RETURN NONE")
            .bind("commit", commit)
            .bind("document", document)
    }
}

/// What a commit changed and its events, as the text that is kept.
pub(super) fn text_of(written: &Written, events: &[Event]) -> Result<String, StoreError> {
    let mut places = HashMap::with_capacity(written.jobs.len());
    for (place, job) in written.jobs.iter().enumerate() {
        // An event left the first of those that have its number.
        places.entry(job.seq).or_insert(place);
    }
    let line = |event| line_of(event, &places);
    let text = TextOf {
        jobs: &written.jobs,
        rows: &written.rows,
        events: events.iter().map(line).collect(),
        messages: &written.messages,
    };
    serde_json::to_string(&text).map_err(|error| StoreError::Row { table: "log", error })
}

fn line_of<'a>(event: &'a Event, places: &HashMap<u64, usize>) -> LineOf<'a> {
    let place = places.get(&event.seq);
    let body = match (&event.body, place) {
        (Body::Job { event, queue_position, .. }, Some(of)) => {
            BodyOf::Of(OfJob { of: *of, event: *event, queue_position: *queue_position })
        }
        (body, _) => BodyOf::Whole(body),
    };
    LineOf { seq: event.seq, at: event.at, by: event.by.as_deref(), body }
}

impl Text {
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(unreadable)
    }

    /// All rows that it says, in an order in which the last of a name is the one.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (RowName, Option<Row>)> {
        let jobs = self.jobs.into_iter().map(|job| (RowName::job(job.id), Some(Row::Job(job))));
        jobs.chain(self.rows.into_iter().map(|(name, row)| (name, row.map(Row::Document))))
    }

    /// Its events, each with the message that it left behind.
    pub(super) fn into_events(self) -> Result<Vec<Logged>, StoreError> {
        let Self { jobs, events, messages, .. } = self;
        let event = |line: Line| {
            let body = match line.body {
                BodyIn::Whole(body) => body,
                BodyIn::Of(OfJob { of, event, queue_position }) => {
                    let job = jobs.get(of).ok_or_else(|| unreadable(missing(line.seq)))?;
                    Body::Job { event, job: Arc::new(job.without_params()), queue_position }
                }
            };
            Ok(Event { seq: line.seq, at: line.at, by: line.by, body })
        };
        let events = events.into_iter().map(event).collect::<Result<_, StoreError>>()?;
        Ok(with_messages(events, messages_of("log", messages)?))
    }
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Row { table: "log", error }
}

fn missing(seq: u64) -> serde_json::Error {
    serde::de::Error::custom(format!("event {seq} is about a job that its commit does not have"))
}

/// A commit as the log has it.
pub(super) struct Commit {
    pub(super) number: u64,
    pub(super) head: Head,
    /// A [`Text`].
    pub(super) text: String,
}

/// Commits from a number on, `limit` of them at the most.
pub(super) async fn read(engine: &dyn Engine, from: u64, limit: u64) -> Result<Vec<Commit>, StoreError> {
    // A range that is closed, since a limit does not reach into an open one.
    let sql = format!("SELECT *, record::id(id) AS id FROM log:{from}..{}", from.saturating_add(limit));
    let found = engine.read(Query::new(sql)).await?.pop().map(rows_of).unwrap_or_default();
    let commit = |mut row: Value| {
        let number = row.get("id").and_then(Value::as_u64).unwrap_or_default();
        let text =
            row.get_mut("text").map(Value::take).and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
        Ok(Commit { number, head: serde_json::from_value(row).map_err(unreadable)?, text })
    };
    found.into_iter().map(commit).collect()
}

/// The first commit from `low` on, up to `high` and that one not included, after which there was an event later than `seq`: or `high`.
pub(super) async fn first_after(engine: &dyn Engine, seq: u64, low: u64, high: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low + (high - low) / 2;
        let query = Query::new("SELECT VALUE seq FROM ONLY type::record('log', $commit)").bind("commit", middle);
        let last = engine.read(query).await?.pop().and_then(|seq| seq.as_u64());
        // One that is gone is before all that are there.
        match last.is_some_and(|last| last > seq) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Ok(low)
}

/// Whose commit the one of this number is, if there is one.
pub(super) async fn epoch(engine: &dyn Engine, commit: u64) -> Result<Option<u64>, StoreError> {
    let query = Query::new("SELECT VALUE epoch FROM ONLY type::record('log', $commit)").bind("commit", commit);
    Ok(engine.read(query).await?.pop().and_then(|epoch| epoch.as_u64()))
}
