//! Frames of the WebSocket that are not events: what merely is, and the small answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use uuid::Uuid;

use crate::{Event, Job, Queue, Status, Time};

/// A frame that the host sends and that is no [`crate::Event`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// The first one.
    Hello {
        /// 1.
        protocol: u32,
        /// Where the log's head is. Not a place to go on from: its reader has not got there yet.
        cursor: String,
        /// The host's wall clock.
        now: Time,
    },
    /// How it is now, instead of the events that led there.
    Snapshot(Box<Snapshot>),
    /// Its reader has everything up to here. One comes every five seconds.
    Mark {
        /// The place in the log.
        cursor: String,
    },
    /// The reader was too slow: a snapshot follows.
    Resync,
    /// A filter was added or taken away.
    Subscribed {
        /// As it came with the request.
        #[serde(rename = "ref")]
        reference: Value,
    },
    /// The answer to a ping.
    Pong,
    /// A frame that made no sense. The socket stays open.
    Error {
        /// As it came with that frame, if it had one.
        #[serde(rename = "ref")]
        #[cfg_attr(feature = "schema", schema(required))]
        reference: Option<Value>,
        /// What is wrong with it.
        title: String,
    },
    /// How far a job is.
    Progress(Progress),
    /// Places in line that have changed.
    Positions(Positions),
    /// Something of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What a client says on the WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ClientFrame {
    /// It wants to follow what this names, besides what it follows already.
    Subscribe(Following),
    /// It does not want to any more.
    Unsubscribe(Following),
    /// Is the host there?
    Ping,
}

/// What a client follows, or does no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Following {
    /// Comes back with the answer.
    #[serde(rename = "ref", default)]
    pub reference: Value,
    /// What.
    #[serde(flatten)]
    pub filter: Filter,
}

/// What a follower hears: any frame of the WebSocket.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something has happened.
    Event(Box<Event>),
    /// Something is, or is answered.
    Frame(Frame),
}

impl Heard {
    /// The place in the log up to which the reader has everything once it has read this. What `hello` says is the log's head,
    /// which a reader of a replay has not reached.
    pub fn cursor(&self) -> Option<&str> {
        match self {
            Self::Event(event) => Some(&event.cursor),
            Self::Frame(Frame::Snapshot(snapshot)) => Some(&snapshot.cursor),
            Self::Frame(Frame::Mark { cursor }) => Some(cursor),
            Self::Frame(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Heard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = Value::deserialize(deserializer)?;
        // What happened has a number, also what only a later version knows.
        let heard = match said.get("seq") {
            Some(_) => Event::deserialize(said).map(|event| Self::Event(Box::new(event))),
            None => Frame::deserialize(said).map(Self::Frame),
        };
        heard.map_err(de::Error::custom)
    }
}

/// What matches and has not ended, in line order; and jobs that a filter names, also when they have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// What it is of: null for everything, a filter, or a list of filters.
    #[cfg_attr(feature = "schema", schema(required))]
    pub scope: Option<Scope>,
    /// The place in the log to go on from.
    pub cursor: String,
    /// The queue.
    pub queue: Queue,
    /// 500 at the most, without params.
    pub jobs: Vec<Job>,
    /// There are more.
    pub truncated: bool,
}

/// Filters of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Scope {
    /// One.
    One(Filter),
    /// Several.
    Many(Vec<Filter>),
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The jobs and messages of a conversation.
    ConversationId(String),
    /// A job.
    JobId(Uuid),
    /// The jobs of a batch.
    BatchId(Uuid),
}

/// How far a job is. Ten a second at the most; none of an attempt comes after its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Progress {
    /// The job.
    pub job_id: Uuid,
    /// The message that it reports to; null if there is none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub message_id: Option<Uuid>,
    /// The conversation that it belongs to; null if there is none.
    #[cfg_attr(feature = "schema", schema(required))]
    pub conversation_id: Option<String>,
    /// Of which attempt this is.
    pub attempt: u32,
    /// `processing`.
    pub status: Status,
    /// Percent.
    pub progress: u8,
    /// 0.
    pub queue_position: u64,
    /// What the backend is doing, in its own words; null if it does not say.
    #[cfg_attr(feature = "schema", schema(required))]
    pub stage: Option<String>,
    /// When it is expected to end; null if too little is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimated_end_at: Option<Time>,
    /// The path of the newest preview, another one for each preview; null if there is none yet.
    #[cfg_attr(feature = "schema", schema(required))]
    pub preview: Option<String>,
}

/// Places that have changed in the line of a device, or of several that take from one line. Four a second at the most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Positions {
    /// The event as of which they are.
    pub as_of: u64,
    /// The device: the first, if there are several.
    pub device: String,
    /// The devices that take from this line; absent if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// How many jobs wait in it.
    pub length: u64,
    /// By job.
    pub positions: BTreeMap<Uuid, Place>,
}

/// A place in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Place {
    /// From 1, the next to start.
    pub queue_position: u64,
    /// When the job is expected to start; null if too little is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimated_start_at: Option<Time>,
    /// When it is expected to end; null if too little is known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub estimated_end_at: Option<Time>,
    /// The same as `queue_position`, under an older name.
    pub position: u64,
    /// The same as `estimated_start_at`, under an older name; null as that is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub start: Option<Time>,
    /// The same as `estimated_end_at`, under an older name; null as that is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub end: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Told;

    fn heard(text: &str) -> Heard {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_a_later_version_says_is_passed_over_and_its_events_are_not_asked_for_again() {
        assert_eq!(heard(r#"{"type":"weather","cursor":"x","sun":1}"#), Heard::Frame(Frame::Unknown));
        let later = heard(r#"{"type":"pool","seq":7,"cursor":"L:7","at":"2026-01-01T00:00:00Z","pool":{}}"#);
        assert_eq!(later.cursor(), Some("L:7"));
        assert!(matches!(later, Heard::Event(event) if event.told == Told::Unknown));
        let word =
            r#"{"type":"backend","name":"forge","event":"moved","seq":8,"cursor":"L:8","at":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(heard(word).cursor(), Some("L:8"));
    }

    #[test]
    fn where_the_log_ends_is_not_where_the_reader_is() {
        let hello = heard(r#"{"type":"hello","protocol":1,"cursor":"L:9","now":"2026-01-01T00:00:00Z"}"#);
        assert_eq!(hello.cursor(), None);
    }

    #[test]
    fn what_is_no_event_although_it_has_a_number_is_an_error_that_names_what_is_missing() {
        let error = serde_json::from_str::<Heard>(r#"{"type":"queue","seq":1}"#).unwrap_err();
        assert!(error.to_string().contains("missing field"), "{error}");
    }
}
