//! What goes over the wire: the answers over HTTP, the frames of the WebSockets and the problem documents, as types. Host, command
//! line and bench share them; the comments here are the reference of the API.
//!
//! Free JSON (params, metadata, results, catalogues) stays a [`serde_json::Value`]: it belongs to clients and backends.

mod backend;
mod batch;
mod device;
mod event;
mod frame;
mod health;
mod job;
mod lease;
mod message;
mod problem;
mod queue;
mod time;
mod upload;

pub use backend::{Backend, Backends, Capabilities, Health, HealthStatus};
pub use batch::{Batch, BatchJobs, Cancelled};
pub use device::{Device, Devices, Pause};
pub use event::{BackendEvent, Event, Events, JobEvent, MessageEvent, Runs, Told, ToldMessage};
pub use frame::{Filter, Frame, Place, Positions, Progress, Scope, Snapshot};
pub use health::{Alive, Ready};
pub use job::{
    Artifact, Attempt, ErrorKind, Input, Job, JobError, Jobs, Log, LogLine, OnDependencyFailure, Outcome, Status,
    Waiting,
};
pub use lease::{LeaseFrame, LeaseReason};
pub use message::{Conversation, ConversationPage, Conversations, Message};
pub use problem::Problem;
pub use queue::{Accuracy, Queue, Standing};
pub use time::Time;
pub use upload::Upload;
