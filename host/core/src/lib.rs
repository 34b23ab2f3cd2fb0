//! The heart of Easel: what a job is, who is next, and what a command changes.
//!
//! Everything here is a value or a function of values: no I/O, no clock, no async. [`State`] is a persistent
//! (structurally shared) value, so a draft of the next state costs nothing to make and nothing to throw away; [`decide()`]
//! turns a command into changes and events on such a draft, and the host commits them before anybody sees the draft.

pub mod actor;
pub mod clock;
pub mod cold;
pub mod command;
pub mod decide;
pub mod device;
pub mod draft;
pub mod event;
pub mod history;
pub mod ids;
pub mod intent;
pub mod job;
pub mod json;
pub mod message;
pub mod names;
pub mod order;
mod permissions;
pub mod policy;
pub mod pool;
pub mod rank_set;
pub mod reply;
pub mod retention;
pub mod state;
pub mod viewer;

pub use actor::{Actor, Role};
pub use clock::{Clock, Shifts};
pub use cold::{Cold, KeyUse};
pub use command::{Command, Finished, MoveTo};
pub use decide::decide;
pub use device::{Device, Occupant, Pause, Queue};
pub use draft::{Change, Draft};
pub use event::{Bindings, Body, Event, MessageChange, Runs, Transition};
pub use history::{Accuracy, Forecast, History, Progress, Sample};
pub use ids::{BatchId, JobId, MessageId, Party, Rank, Tag, Ticket, Timestamp};
pub use intent::{Ended, Intent, Purpose, Which};
pub use job::{Artifact, Attempt, ErrorKind, Input, Job, JobError, OnDependencyFailure, Outcome, Status};
pub use json::Json;
pub use message::Message;
pub use pool::{Pool, Share};
pub use rank_set::{Load, RankSet};
pub use reply::{Claimed, Refusal, Reply};
pub use retention::{Kept, KeyOf, Remains, Retention};
pub use state::{Program, Standing, State, Waiting, WaitingFor};
pub use viewer::Viewer;
