//! The last events, shared by all who follow them.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use easel_core::{Body, Event, Job, JobError, Message};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How many events are kept in memory. A follower that is further behind gets a snapshot instead.
const KEPT: usize = 8192;
/// How many bytes of messages and of jobs' texts they may hold together: a message can be as large as a request's body.
const BYTES: usize = 16 * 1024 * 1024;

/// An event, with the message that it is about as the store's merge left it.
#[derive(Debug)]
pub struct Logged {
    /// The event.
    pub event: Event,
    /// The message of a message's event.
    pub message: Option<Message>,
    frame: OnceLock<Utf8Bytes>,
}

impl Logged {
    /// An event as it was committed.
    pub fn new(event: Event, message: Option<Message>) -> Self {
        Self { event, message, frame: OnceLock::new() }
    }

    /// About how many bytes it holds beyond what every event does.
    fn weight(&self) -> usize {
        let message = self.message.as_ref().map_or(0, |message| {
            let metadata: usize = message.extra_metadata.iter().map(|(key, value)| key.len() + text_in(value)).sum();
            message.content.len() + metadata
        });
        let job = if let Body::Job { job, .. } = &self.event.body { weight_of(job) } else { 0 };
        // Once as it is, once as the frame that is made of it.
        2 * (message + job)
    }

    /// Its text, which is made once for all followers, who share it.
    pub fn frame(&self, make: impl FnOnce(&Self) -> Utf8Bytes) -> Utf8Bytes {
        self.frame.get_or_init(|| make(self)).clone()
    }
}

/// About how many bytes the texts and lists of a job hold.
fn weight_of(job: &Job) -> usize {
    let error = |error: &Option<JobError>| error.as_ref().map_or(0, |error| error.message.len() + error.detail.len());
    let attempts: usize = job.attempts.iter().map(|attempt| 100 + error(&attempt.error)).sum();
    let result = job.result.as_ref().map_or(0, |result| result.text().len());
    let lists = 40 * job.depends_on.len() + 250 * (job.artifacts.len() + job.inputs.len());
    result + job.metadata.text().len() + error(&job.error) + attempts + lists
}

/// About how many bytes of text a value holds.
fn text_in(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + text_in(item)).sum(),
        Value::Object(fields) => fields.iter().map(|(key, item)| key.len() + 8 + text_in(item)).sum(),
        _ => 8,
    }
}

/// The events after that number are not in memory any more, or are not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

#[derive(Debug)]
pub(super) struct Ring {
    events: VecDeque<Arc<Logged>>,
    head: u64,
    bytes: usize,
}

impl Ring {
    pub(super) fn new(head: u64) -> Self {
        Self { events: VecDeque::new(), head, bytes: 0 }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn push(&mut self, logged: Arc<Logged>) {
        self.head = logged.event.seq;
        self.bytes += logged.weight();
        self.events.push_back(logged);
        while self.events.len() > KEPT || (self.bytes > BYTES && self.events.len() > 1) {
            self.bytes -= self.events.pop_front().map_or(0, |oldest| oldest.weight());
        }
    }

    /// The events after `seq`, `limit` at the most.
    pub(super) fn since(&self, seq: u64, limit: usize) -> Result<Vec<Arc<Logged>>, Gone> {
        let behind = usize::try_from(self.head.checked_sub(seq).ok_or(Gone)?).map_err(|_| Gone)?;
        let skip = self.events.len().checked_sub(behind).ok_or(Gone)?;
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use easel_core::{MessageChange, MessageId};
    use uuid::Uuid;

    use super::*;

    fn event(seq: u64, content: usize) -> Arc<Logged> {
        let id = MessageId(Uuid::nil());
        let (conversation_id, owner) = ("c".to_owned(), "local".to_owned());
        let message = Message {
            id,
            ticket: 1,
            conversation_id: conversation_id.clone(),
            role: String::new(),
            content: "x".repeat(content),
            extra_metadata: serde_json::Map::new(),
            owner: owner.clone(),
            user: None,
            created_at: 0,
            updated_at: 0,
            seq,
        };
        let body = Body::Message { event: MessageChange::Changed, id, conversation_id, owner, user: None };
        Arc::new(Logged::new(Event { seq, at: 0, by: None, body }, Some(message)))
    }

    fn numbers(ring: &Ring, after: u64) -> Result<Vec<u64>, Gone> {
        Ok(ring.since(after, 3)?.iter().map(|logged| logged.event.seq).collect())
    }

    #[test]
    fn a_follower_reads_on_from_any_place_that_is_in_memory() {
        let mut ring = Ring::new(10);
        (11..=15).for_each(|seq| ring.push(event(seq, 1)));
        assert_eq!(numbers(&ring, 10), Ok(vec![11, 12, 13]));
        assert_eq!(numbers(&ring, 13), Ok(vec![14, 15]));
        assert_eq!(numbers(&ring, 15), Ok(vec![]));
        assert_eq!(numbers(&ring, 9), Err(Gone));
        assert_eq!(numbers(&ring, 16), Err(Gone), "ahead of the log");
    }

    #[test]
    fn events_leave_when_there_are_too_many_of_them() {
        let mut ring = Ring::new(0);
        (1..=KEPT as u64 + 5).for_each(|seq| ring.push(event(seq, 1)));
        assert_eq!(numbers(&ring, 4), Err(Gone));
        assert_eq!(numbers(&ring, 5), Ok(vec![6, 7, 8]));
    }

    #[test]
    fn events_leave_when_their_messages_are_too_large() {
        let mut ring = Ring::new(0);
        (1..=100).for_each(|seq| ring.push(event(seq, 1024 * 1024)));
        assert_eq!(numbers(&ring, 91), Err(Gone));
        assert_eq!(numbers(&ring, 92), Ok(vec![93, 94, 95]));
    }
}
