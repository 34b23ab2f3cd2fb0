//! What one attempt is given, and what comes out of it while it runs.

use std::sync::Arc;

use bytes::Bytes;
use easel_core::{Job, JobId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Kill;
use crate::artifacts::Exchange;
use crate::lasting::Deadline;

/// One attempt at one job.
pub struct Task {
    /// The job, as of the claim: its `attempt` is the number of this one.
    pub job: Arc<Job>,
    /// Where its inputs are, and its artifacts go.
    pub files: Arc<dyn Exchange>,
    /// What came with it, in the job's order.
    pub inputs: Vec<InputFile>,
    /// What the jobs made that it depends on: a JSON array.
    pub dependencies: String,
    /// When its time is up, as it is told.
    pub until: Deadline,
    /// When it is ended whatever it does.
    pub deadline: Deadline,
    /// What the component is told when it asks whether it is cancelled.
    pub cancel: CancellationToken,
    /// Ends it.
    pub kill: Kill,
    /// What it reports. A full channel makes the component wait: that is the throttle.
    pub news: mpsc::Sender<News>,
}

/// Bytes that came with a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The name by which the job refers to it.
    pub name: String,
    /// The media type that the uploader gave.
    pub mime: String,
    /// Bytes.
    pub size: u64,
}

/// An attempt whose end nobody saw.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The job.
    pub job_id: JobId,
    /// Which of its attempts.
    pub attempt: u32,
    /// What it last remembered.
    pub note: Option<String>,
}

/// What a running component tells the host.
#[derive(Debug)]
pub enum News {
    /// How far it is. Nothing in it still means that it lives.
    Report {
        /// From 0 to 100.
        percent: Option<f32>,
        /// A few words.
        stage: Option<String>,
    },
    /// The work so far.
    Preview {
        /// The media type, which is what the bytes are.
        mime: String,
        /// The image.
        image: Bytes,
    },
    /// A line for the job's log.
    Log {
        /// How much it matters.
        level: tracing::Level,
        /// What it says: bounded and without control characters.
        message: String,
    },
    /// A note to store. The component waits until `done` is answered; dropped instead, it is ended.
    Remember {
        /// What to remember.
        note: String,
        /// It is durable.
        done: oneshot::Sender<()>,
    },
}
