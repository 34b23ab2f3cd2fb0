//! Frames of the WebSocket that are not events: what merely is, and the small answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Job, Queue, Status, Time};

/// A frame that the host sends and that is no [`crate::Event`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        reference: Option<Value>,
        /// What is wrong with it.
        title: String,
    },
    /// How far a job is.
    Progress(Progress),
    /// Places in line that have changed.
    Positions(Positions),
}

/// What matches and has not ended, in line order; and jobs that a filter names, also when they have ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What it is of: null for everything, a filter, or a list of filters.
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
#[serde(untagged)]
pub enum Scope {
    /// One.
    One(Filter),
    /// Several.
    Many(Vec<Filter>),
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Progress {
    /// The job.
    pub job_id: Uuid,
    /// The message that it reports to.
    pub message_id: Option<Uuid>,
    /// The conversation that it belongs to.
    pub conversation_id: Option<String>,
    /// Of which attempt this is.
    pub attempt: u32,
    /// `processing`.
    pub status: Status,
    /// Percent.
    pub progress: u8,
    /// 0.
    pub queue_position: u64,
    /// What the backend is doing, in its own words.
    pub stage: Option<String>,
    /// When it is expected to end.
    pub estimated_end_at: Option<Time>,
    /// The path of the newest preview, another one for each preview.
    pub preview: Option<String>,
}

/// Places in line that have changed on one device. Four a second at the most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Positions {
    /// The event as of which they are.
    pub as_of: u64,
    /// The device.
    pub device: String,
    /// How many jobs wait for it.
    pub length: u64,
    /// By job.
    pub positions: BTreeMap<Uuid, Place>,
}

/// A place in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// From 1, the next to start.
    pub queue_position: u64,
    /// When the job is expected to start.
    pub estimated_start_at: Option<Time>,
    /// When it is expected to end.
    pub estimated_end_at: Option<Time>,
    /// The same as `queue_position`, under an older name.
    pub position: u64,
    /// The same as `estimated_start_at`, under an older name.
    pub start: Option<Time>,
    /// The same as `estimated_end_at`, under an older name.
    pub end: Option<Time>,
}
