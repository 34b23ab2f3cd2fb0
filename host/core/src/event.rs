//! Events: the durable log of what happened, one number each, without gap or repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::device::Pause;
use crate::ids::{MessageId, Timestamp};
use crate::job::{Job, Status};
use crate::names::one_or_more;

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It waits for its turn.
    Queued,
    /// It waits for something else.
    Pending,
    /// An attempt holds the device.
    Started,
    /// Somebody cancelled it while it was processing.
    Cancelling,
    /// It is complete.
    Completed,
    /// It ended in error.
    Failed,
    /// It is cancelled.
    Cancelled,
    /// An attempt failed and was charged; it waits to run again.
    Retrying,
    /// The host was shut down under it, or its engine was away; it goes back to its place, uncharged.
    Interrupted,
    /// Somebody gave it another place.
    Moved,
    /// Its row is gone.
    Deleted,
}

/// What a client did to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageChange {
    /// It is new.
    Created,
    /// It was patched.
    Changed,
    /// It is gone.
    Deleted,
}

/// Who is said to have changed what the configuration changed.
pub const CONFIGURATION: &str = "configuration";

/// What runs the jobs of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// `sha256:…` of the component.
    pub digest: String,
    /// On any of these devices. Older rows name one.
    #[serde(alias = "device", deserialize_with = "one_or_more")]
    pub devices: BTreeSet<String>,
}

/// What runs the jobs of all backends, by their names.
pub type Bindings = BTreeMap<String, Runs>;

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// A job, as this event left it, without its params.
    Job {
        /// What happened.
        event: Transition,
        /// The job afterwards.
        job: Arc<Job>,
        /// Its place in line afterwards: from 1, or 0 when it is not queued.
        queue_position: u64,
    },
    /// A message. The store adds its text, for only the store knows what the merge came to.
    Message {
        /// What happened.
        event: MessageChange,
        /// Which one.
        id: MessageId,
        /// The conversation it belongs to.
        conversation_id: String,
        /// Whose it is.
        owner: String,
        /// Whom the owner, a service, acts for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// The queue stands still, because it was paused or the disk is full, or goes on.
    Queue {
        /// Why, by whom and since when it stands still, if it does.
        paused: Option<Pause>,
        /// How many jobs are queued.
        length: u64,
    },
    /// A backend is suspended, because its engine is away, or resumed.
    Backend {
        /// Which.
        name: String,
        /// Why, if it is suspended.
        #[serde(rename = "held")]
        suspended: Option<String>,
        /// Where, if it has more than one device and this is about one of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
    /// A backend is new, or something else runs its jobs than before, or it is gone.
    Binding {
        /// Which.
        backend: String,
        /// What runs its jobs now, unless it is gone.
        runs: Option<Runs>,
        /// What did before, unless it is new.
        ran: Option<Runs>,
    },
    /// A device was paused or resumed.
    Device {
        /// Which.
        name: String,
        /// Why, by whom and since when it stands still, if it does.
        paused: Option<Pause>,
    },
}

/// One line of the durable log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked for it: nobody is named for what a submitter does by submitting, nor for what Easel does on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened.
    pub body: Body,
}

impl Transition {
    /// The transition that a job reaches `status` by when nothing more special is to be said.
    pub fn to(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Queued => Self::Queued,
            Status::Processing => Self::Started,
            Status::Complete => Self::Completed,
            Status::Error => Self::Failed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}
