//! What the writer answers: what came of a command, or why it was refused.

use std::sync::Arc;

use crate::ids::{JobId, MessageId};
use crate::job::{Job, Status};

/// What a claim hands to the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The job, processing; `job.attempt` is the attempt.
    pub job: Arc<Job>,
    /// `sha256:…` of the component to run.
    pub digest: String,
    /// Whether the device's memory is to be freed first: the last attempt at this job found too little of it.
    pub unload_first: bool,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The job afterwards, and its place in line.
    Job(Arc<Job>, u64),
    /// The job that this idempotency key made before, and its place in line.
    Known(Arc<Job>, u64),
    /// The jobs of a batch, in its order, each with its place in line.
    Batch(Vec<(Arc<Job>, u64)>),
    /// Many jobs are changed.
    Many {
        /// How many by now.
        jobs: usize,
        /// Whether there are more to come.
        more: bool,
    },
    /// What the device is to run now.
    Turn(Option<Box<Claimed>>),
    /// The message; the store knows its text after the merge.
    Message(MessageId),
    /// These ended jobs are gone: their files may follow.
    Pruned(Vec<JobId>),
    /// Nothing more to say.
    Done,
}

/// How a job stands, where that is why it cannot be changed.
fn stands(status: Status) -> &'static str {
    match status {
        Status::Pending => "is pending",
        Status::Queued => "is queued",
        Status::Processing => "is running",
        Status::Complete => "is already complete",
        Status::Error => "has already failed",
        Status::Cancelled => "was already cancelled",
    }
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// There is no such job.
    #[error("no job with id {0}")]
    NoJob(JobId),
    /// The actor may not do that.
    #[error("{actor} may not {what}: that takes {needs}")]
    NotAllowed {
        /// Who asked.
        actor: String,
        /// What for.
        what: &'static str,
        /// Who or what could.
        needs: &'static str,
    },
    /// There is no such message.
    #[error("no message with id {0}")]
    NoMessage(MessageId),
    /// No such backend is configured.
    #[error("there is no backend {0}")]
    NoBackend(String),
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// There is no such priority.
    #[error("priority is {0} and must be from -100 to 100")]
    BadPriority(i32),
    /// The two jobs stand in different lines.
    #[error("job {job} cannot be moved before job {before}, which waits for another device")]
    OtherLine {
        /// The job to be moved.
        job: JobId,
        /// The one that it was to stand before.
        before: JobId,
    },
    /// There is no such job of the same party.
    #[error("cannot depend on job {0}: it does not exist, or belongs to another user")]
    NoDependency(JobId),
    /// A list is too long.
    #[error("at most {most} {what} can be given")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// The metadata of a message would grow too large.
    #[error("the extra_metadata of message {id} would grow beyond {most} bytes")]
    MessageFull {
        /// Which.
        id: MessageId,
        /// How large it may be.
        most: usize,
    },
    /// A batch is empty or too large.
    #[error("a batch has 1 to 1,000 jobs; this one has {0}")]
    BatchSize(usize),
    /// One of a batch is refused, and hence all of it.
    #[error("entry {index} of the batch: {refusal}")]
    Entry {
        /// Which, from 0.
        index: usize,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// The job is not in a state for that.
    #[error("job {} {}{}", job.id, stands(job.status), if rule.is_empty() { String::new() } else { format!(": {rule}") })]
    Unfit {
        /// The job as it is.
        job: Arc<Job>,
        /// Its place in line.
        queue_position: u64,
        /// What would be needed.
        rule: &'static str,
    },
    /// A job that runs depends on it, and uses its files.
    #[error("job {by} is using the files of job {}: delete it when that one has ended", job.id)]
    InUse {
        /// The job as it is.
        job: Arc<Job>,
        /// The one that runs.
        by: JobId,
    },
    /// The idempotency key stands for another request, or for a job that was deleted.
    #[error("the idempotency key {0:?} was used for another request")]
    KeyReused(String),
    /// There is such a message.
    #[error("message {0} already exists")]
    MessageExists(MessageId),
    /// Too many jobs wait.
    #[error(
        "the queue is full: {0} jobs are waiting, and no more may (queue.max_waiting). Try again when some have started"
    )]
    QueueFull(u64),
    /// Too many jobs of one party wait.
    #[error(
        "{0} of your jobs are waiting, and no more may (queue.max_waiting_per_owner). Try again when some have started, or cancel some"
    )]
    OwnerFull(u64),
}
