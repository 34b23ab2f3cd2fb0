//! What a device's worker needs of the queue, and of nothing else.
//!
//! Every value is plain, and can be written and read again, so that all of this can be said over a connection: a worker may be on
//! another machine than the queue. Each write names its attempt, and changes nothing unless that attempt is the running one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use easel_core::{Artifact, Job, JobError, JobId, Json, Occupant, Outcome, State, Timestamp};
use easel_wire::Report;
use serde::{Deserialize, Serialize};

use crate::artifacts::{Exchange, WriteError};
use crate::sandbox::InputFile;

/// The queue, for the worker of one device.
#[async_trait]
pub trait Port: Send + Sync {
    /// How the device stands.
    async fn standing(&self) -> Result<Standing, PortError>;

    /// Waits until the device stands otherwise than is `known`: how.
    async fn other_standing(&self, known: &Standing) -> Result<Standing, PortError>;

    /// Hands in how the last attempt ended, if there was one, and takes the next if `claim`. Once it returns, both are on the disk.
    /// After an error nothing has changed, and it can be tried again.
    async fn turn(&self, ended: Option<&Ended>, claim: bool) -> Result<Option<Assignment>, PortError>;

    /// Waits until somebody cancels this job.
    async fn cancelled(&self, job: JobId);

    /// Makes everything ready for an attempt, which may make files of `quota` bytes altogether: what came with its job, and what the
    /// jobs made that it depends on.
    async fn prepare(&self, run: Run, quota: u64) -> Inputs;

    /// Reads from an input. This and the next four are what `Exchange` says, for an attempt that was made ready.
    async fn read_input(&self, run: Run, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String>;

    /// Begins a file: its number.
    async fn begin_file(&self, run: Run, name: &str, mime: &str) -> Result<u32, WriteError>;

    /// Appends bytes to it.
    async fn write_file(&self, run: Run, file: u32, chunk: Vec<u8>) -> Result<(), WriteError>;

    /// It is complete.
    async fn finish_file(&self, run: Run, file: u32) -> Result<(), WriteError>;

    /// It never was.
    fn discard_file(&self, run: Run, file: u32);

    /// The finished files of an attempt, in order of creation: all of them durable, and so are their names.
    async fn files(&self, run: Run) -> Result<Vec<Artifact>, PortError>;

    /// Shows what an attempt says. An attempt that was lost may still say something for its log while the device is settled.
    async fn say(&self, run: Run, said: Said);

    /// Shows which backends may hold some of the device's memory.
    async fn memory_is_held(&self, by: Vec<String>);

    /// Stores a note for this attempt, and for whoever has to settle the device after it. Once it returns, it is on the disk.
    async fn remember(&self, run: Run, note: String) -> Result<(), PortError>;

    /// The device is idle again after this attempt.
    async fn settled(&self, run: Run) -> Result<(), PortError>;

    /// Gives the device to whoever submitted this lease, with a warning. Waits until it is given back: the report, or none if the
    /// holder has been away for so long that its command is over.
    async fn lend(&self, lease: &Job, warning: Option<String>) -> Option<Report>;

    /// How long after its last answer the command of a lease is certainly over.
    async fn promise(&self, lease: JobId) -> Result<Duration, PortError>;
}

/// Why the queue did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PortError {
    /// The host is stopping.
    #[error("Easel is stopping")]
    Closing,
    /// It could not.
    #[error("{0}")]
    Failed(String),
}

/// An attempt, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// The job.
    pub job: JobId,
    /// The number of the attempt.
    pub attempt: u32,
}

impl Run {
    /// The attempt that this job is at.
    pub fn of(job: &Job) -> Self {
        Self { job: job.id, attempt: job.attempt }
    }
}

/// How a device stands, as of one commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The attempt that may have left something running on it.
    pub dirty: Option<Occupant>,
    /// The lease that has it now.
    pub lent: Option<Arc<Job>>,
    /// Whether there is something to do: a job to claim, or something to settle.
    pub has_work: bool,
    /// The pauses that want its memory to be free, of the queue and of the device: each by its beginning.
    pub pauses: [Option<Timestamp>; 2],
}

impl Standing {
    /// How this device stands.
    pub fn of(state: &State, name: &str) -> Self {
        let device = state.device(name);
        let paused = [state.queue().paused.as_ref(), device.and_then(|device| device.paused.as_ref())];
        Self {
            dirty: device.and_then(|device| device.dirty.clone()),
            lent: state.lease_on(name).cloned(),
            has_work: device.is_some_and(|device| !device.free()) || state.claimable(name).is_some(),
            pauses: paused.map(|pause| pause.filter(|pause| pause.unload).map(|pause| pause.since)),
        }
    }
}

/// What the device is to run now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The job, processing; `job.attempt` is the attempt.
    pub job: Arc<Job>,
    /// `sha256:…` of the component to run.
    pub digest: String,
    /// Whether the device's memory is to be freed first: the last attempt at this job found too little of it.
    pub unload_first: bool,
    /// Whether the device is to be lent, and runs nothing itself.
    pub is_lease: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Which.
    pub run: Run,
    /// How.
    pub outcome: Outcome,
    /// Whether the device is certainly idle now.
    pub clean: bool,
    /// How long it had the device, in microseconds, by a clock that nobody sets; none if nobody knows.
    pub took: Option<u64>,
    /// What the backend returned.
    pub result: Option<Json>,
    /// What it made, on disk and synced.
    pub artifacts: Vec<Artifact>,
    /// What went wrong.
    pub error: Option<JobError>,
    /// How long to wait before another try, if the backend said: milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What a job is given besides its params.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// What came with it, and then, under `ID/NAME`, what its dependencies made.
    pub files: Vec<InputFile>,
    /// The results of its dependencies, as the JSON array that `dependencies` of the WIT promises.
    pub dependencies: String,
}

/// What an attempt says while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// How far it is.
    Progress {
        /// From 0 to 100.
        percent: Option<f32>,
        /// A few words.
        stage: Option<String>,
    },
    /// The work so far.
    Preview {
        /// The media type.
        mime: String,
        /// The image.
        image: Vec<u8>,
    },
    /// A line for the job's log.
    Log {
        /// How much it matters: `error` to `trace`.
        level: String,
        /// What it says.
        message: String,
    },
}

impl Said {
    /// What is being done, in a few words.
    pub fn stage(stage: impl Into<String>) -> Self {
        Self::Progress { percent: None, stage: Some(stage.into()) }
    }
}

/// The files of one attempt, by way of a port.
pub struct PortFiles {
    /// Where they are.
    pub port: Arc<dyn Port>,
    /// Whose they are.
    pub run: Run,
}

#[async_trait]
impl Exchange for PortFiles {
    async fn read(&self, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String> {
        self.port.read_input(self.run, input, offset, max).await
    }

    async fn begin(&self, name: &str, mime: &str) -> Result<u32, WriteError> {
        self.port.begin_file(self.run, name, mime).await
    }

    async fn write(&self, file: u32, chunk: Vec<u8>) -> Result<(), WriteError> {
        self.port.write_file(self.run, file, chunk).await
    }

    async fn finish(&self, file: u32) -> Result<(), WriteError> {
        self.port.finish_file(self.run, file).await
    }

    fn discard(&self, file: u32) {
        self.port.discard_file(self.run, file);
    }
}
