//! What has happened: the durable events, as frames of the WebSocket and as lines of `GET /v1/events`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Job, Message, Pause, Time};

/// A durable event. The same event is the same to the letter whenever it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Event {
    /// What it tells.
    #[serde(flatten)]
    pub told: Told,
    /// Its number in the log: one more than that of the event before it.
    pub seq: u64,
    /// The place in the log up to which its reader has everything.
    pub cursor: String,
    /// When it was committed.
    pub at: Time,
    /// Who asked for it, also where that is the job's own submitter; null for what follows by itself, and for a job or message
    /// that is new or changed, which says itself whose it is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub by: Option<String>,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Told {
    /// Something happened to a job.
    Job {
        /// What.
        event: JobEvent,
        /// The job afterwards, without its params.
        job: Box<Job>,
    },
    /// A client did something to a message.
    Message {
        /// What.
        event: MessageEvent,
        /// The message afterwards.
        message: ToldMessage,
    },
    /// The queue stands still, because it was paused or the disk is full, or goes on.
    Queue {
        /// Null if it goes on.
        #[cfg_attr(feature = "schema", schema(required))]
        paused: Option<Pause>,
        /// How many jobs are queued.
        length: u64,
    },
    /// A device was paused or resumed.
    Device {
        /// Which.
        name: String,
        /// Null if it was resumed.
        #[cfg_attr(feature = "schema", schema(required))]
        paused: Option<Pause>,
    },
    /// A backend was held or released, or another component runs its jobs.
    Backend {
        /// Which.
        name: String,
        /// What happened to it.
        #[serde(flatten)]
        event: BackendEvent,
    },
    /// Something of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What has just happened to a job. An event is no status: `completed` leads to the status `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobEvent {
    /// It waits for its turn.
    Queued,
    /// It waits for another job or a time.
    Pending,
    /// An attempt has begun.
    Started,
    /// Somebody has cancelled it; its backend has been told.
    Cancelling,
    /// It is complete: its files are there.
    Completed,
    /// It has ended in error.
    Failed,
    /// It is cancelled.
    Cancelled,
    /// An attempt has failed, and another one follows at `retry_at`.
    Retrying,
    /// An attempt was stopped and does not count.
    Interrupted,
    /// It has another place or another priority.
    Moved,
    /// It is gone.
    Deleted,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What a client did to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MessageEvent {
    /// It is new.
    Created,
    /// It was patched.
    Changed,
    /// It is gone.
    Deleted,
    /// A word of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// A message in an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ToldMessage {
    /// As the change left it.
    Whole(Box<Message>),
    /// It is gone.
    Gone {
        /// Its identity.
        id: Uuid,
        /// The conversation that it belonged to.
        conversation_id: String,
        /// Whose it was.
        owner: String,
        /// Whom the owner, a service, acts for; null if nobody.
        #[cfg_attr(feature = "schema", schema(required))]
        user: Option<String>,
    },
}

/// What has just happened to a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum BackendEvent {
    /// Its jobs wait, because its engine is away or it is not loaded.
    Held {
        /// Why; never null.
        #[cfg_attr(feature = "schema", schema(required))]
        held: Option<String>,
        /// Where, if it runs on several devices and the others go on; absent otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
    /// Its jobs go on.
    Released {
        /// Always null.
        #[cfg_attr(feature = "schema", schema(required))]
        held: Option<String>,
        /// Where, if it runs on several devices and only this one is meant; absent otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
    /// The configuration names it, and did not before.
    Added {
        /// What runs its jobs; never null.
        #[cfg_attr(feature = "schema", schema(required))]
        runs: Option<Runs>,
        /// Always null.
        #[cfg_attr(feature = "schema", schema(required))]
        ran: Option<Runs>,
    },
    /// Another component runs its jobs, or another device.
    Changed {
        /// What runs its jobs now; never null.
        #[cfg_attr(feature = "schema", schema(required))]
        runs: Option<Runs>,
        /// What did before; never null.
        #[cfg_attr(feature = "schema", schema(required))]
        ran: Option<Runs>,
    },
    /// The configuration does not name it any more.
    Removed {
        /// Always null.
        #[cfg_attr(feature = "schema", schema(required))]
        runs: Option<Runs>,
        /// What ran its jobs before; null if that is not known.
        #[cfg_attr(feature = "schema", schema(required))]
        ran: Option<Runs>,
    },
    /// Something of a later version. No host of this one says it.
    #[serde(other)]
    #[cfg_attr(feature = "schema", serde(skip_serializing))]
    Unknown,
}

/// What runs the jobs of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Runs {
    /// `sha256:HEX` of the component.
    pub digest: String,
    /// On this device: the first, if it may be one of several.
    pub device: String,
    /// On any of these devices; absent if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Events {
    /// In order.
    pub events: Vec<Event>,
    /// The place in the log up to which the reader has everything with this page.
    pub cursor: String,
    /// The `since` of the next page; null on the last one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

crate::words!(JobEvent, MessageEvent);
