//! What goes over the wire: the requests and answers over HTTP, the frames of the WebSockets and the problem documents, as types.
//! Host, command line and bench share them; the comments here are the reference of the API.
//!
//! Answers are read by whoever may be older than the host: fields that it does not know are passed over, and a word that it does not
//! know is `Unknown`. Requests are read by a host, which refuses both.
//!
//! Free JSON (params, metadata, results, catalogues) stays a [`serde_json::Value`]: it belongs to clients and backends.

/// Shows words as they stand on the wire.
macro_rules! words {
    ($($word:ty),+) => {
        $(impl std::fmt::Display for $word {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // A word of a later version is nothing that this one says, and with schemas it does not even know how.
                serde::Serialize::serialize(self, &mut *f).or_else(|_| f.write_str("unknown"))
            }
        })+
    };
}
use words;

mod backend;
mod batch;
mod device;
mod event;
mod frame;
mod health;
mod job;
mod lease;
mod message;
pub mod openai;
mod problem;
mod queue;
mod request;
#[cfg(feature = "schema")]
#[cfg(test)]
mod schema;
mod time;
mod upload;

pub use backend::{Backend, Backends, Capabilities, Health, HealthStatus};
pub use batch::{Batch, BatchJobs, Cancelled};
pub use device::{Device, Devices, Pause};
pub use event::{BackendEvent, Event, Events, JobEvent, MessageEvent, Runs, Told, ToldMessage};
pub use frame::{ClientFrame, Filter, Following, Frame, Heard, Place, Positions, Progress, Scope, Snapshot};
pub use health::{Alive, Ready};
pub use job::{
    Artifact, Attempt, ErrorKind, Input, Job, JobError, Jobs, Log, LogLine, OnDependencyFailure, Outcome, Status,
    Waiting,
};
pub use lease::{EndedFor, HolderFrame, LeaseFrame, LeaseReason, Report};
pub use message::{Conversation, ConversationPage, Conversations, Message};
pub use problem::Problem;
pub use queue::{Accuracy, Queue, Standing};
pub use request::{
    CancelMany, End, JobPatch, MessagePatch, Move, NewBatch, NewInput, NewJob, NewMessage, OneOrMany, Pausing,
};
pub use time::Time;
pub use upload::Upload;
