//! What can be asked of the writer. Plain values: they could as well come over a wire.

use crate::cold::Cold;
use crate::ids::{BatchId, JobId, MessageId, Party, Timestamp};
use crate::intent::Which;
use crate::job::{Artifact, Input, JobError, OnDependencyFailure, Outcome};
use crate::json::Json;
use crate::retention::KeyOf;
use crate::state::State;

/// A job to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its identity, new.
    pub id: JobId,
    /// A configured backend.
    pub backend: String,
    /// Whose it is.
    pub party: Party,
    /// How much it matters: -100 to 100.
    pub priority: i32,
    /// Valid for the backend's schema.
    pub params: Json,
    /// Files for it, already in its own directory.
    pub inputs: Vec<Input>,
    /// Echoed.
    pub metadata: Json,
    /// The conversation that it belongs to; if none, its message's.
    pub conversation_id: Option<String>,
    /// The message to report to.
    pub message_id: Option<MessageId>,
    /// Charged attempts it may use.
    pub max_attempts: u32,
    /// It does not start before this.
    pub not_before: Option<Timestamp>,
    /// How long one attempt may take, in seconds, if that differs from what its backend allows.
    pub timeout_s: Option<u32>,
    /// The batch that it comes with.
    pub batch_id: Option<BatchId>,
    /// Jobs of the same party that have to complete before it starts.
    pub depends_on: Vec<JobId>,
    /// What becomes of it when one of them does not.
    pub on_dependency_failure: OnDependencyFailure,
    /// How much it is, in its backend's own measure (steps times pixels, say), if that can be told.
    pub work: Option<u64>,
    /// The client's idempotency key, and a digest of the whole request.
    pub key: Option<(String, String)>,
}

/// A message to be.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// Its identity: the client's choice, or new.
    pub id: MessageId,
    /// The conversation that it belongs to.
    pub conversation_id: String,
    /// Not interpreted.
    pub role: String,
    /// Its text.
    pub content: String,
    /// Anything.
    pub extra_metadata: serde_json::Map<String, serde_json::Value>,
    /// Whose it is.
    pub party: Party,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The job.
    pub job: JobId,
    /// Its attempt: an outcome of any other than the live one changes nothing.
    pub attempt: u32,
    /// How.
    pub outcome: Outcome,
    /// Whether the device is certainly idle now.
    pub clean: bool,
    /// How long it had the device, in microseconds, by a clock that nobody sets; none if nobody knows.
    pub took: Option<u64>,
    /// The last progress: percent.
    pub progress: u8,
    /// What the backend returned.
    pub result: Option<Json>,
    /// What it made, on disk and synced.
    pub artifacts: Vec<Artifact>,
    /// What went wrong.
    pub error: Option<JobError>,
    /// How long to wait before another try, if the backend said.
    pub retry_after_ms: Option<u64>,
}

/// Where in the line of its pool a job is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTo {
    /// Before all that is queued now.
    Front,
    /// After all that is queued now, and before what arrives later.
    Back,
    /// Right before this job.
    Before(JobId),
}

/// Something for the writer to decide.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A new job.
    Submit(Box<NewJob>),
    /// End a job: at once if it waits, by asking its attempt if it runs.
    Cancel {
        /// Which.
        job: JobId,
    },
    /// End many jobs. Of very many, some at once, and the rest by `Proceed`.
    CancelMany {
        /// Which.
        which: Which,
    },
    /// New jobs, all or none. An entry may depend on those before it.
    SubmitBatch {
        /// The batch.
        batch: BatchId,
        /// Its jobs, in their order.
        jobs: Vec<NewJob>,
    },
    /// Another slice of what is being done to many jobs: wanted as long as [`crate::State::has_intents`].
    Proceed,
    /// Run an ended job again.
    Retry {
        /// Which.
        job: JobId,
    },
    /// Forget an ended job.
    Delete {
        /// Which.
        job: JobId,
    },
    /// Let go of what the configuration does not keep: a slice of it.
    Prune {
        /// Ended jobs that may go, the first to go first.
        jobs: Vec<JobId>,
        /// Keys of deleted jobs that may be free by now.
        keys: Vec<KeyOf>,
    },
    /// Give a queued job another place in the line of its pool.
    Move {
        /// Which.
        job: JobId,
        /// Where to.
        to: MoveTo,
    },
    /// Give a waiting job another priority, and the place that it would have had with it.
    Reprioritise {
        /// Which.
        job: JobId,
        /// From -100 to 100.
        priority: i32,
    },
    /// Claim nothing more, on any device.
    PauseQueue {
        /// Why.
        reason: Option<String>,
        /// Whether the devices' memory is to be freed.
        unload: bool,
    },
    /// Claim again.
    ResumeQueue,
    /// Claim nothing more on any device while the disk is full, or go on when there is room.
    Disk {
        /// Why nothing is to be claimed, if that is so.
        full: Option<String>,
    },
    /// Claim nothing more on a device.
    PauseDevice {
        /// Which.
        device: String,
        /// Why.
        reason: Option<String>,
        /// Whether its memory is to be freed.
        unload: bool,
    },
    /// Claim again on a device.
    ResumeDevice {
        /// Which.
        device: String,
    },
    /// A device's turn: the outcome of its attempt, then perhaps the claim of the next, in one transaction.
    Turn {
        /// The device.
        device: String,
        /// What came of the attempt that it ran.
        finished: Option<Box<Finished>>,
        /// Whether to claim the next job.
        claim: bool,
    },
    /// An attempt has something to be remembered.
    Remember {
        /// The job.
        job: JobId,
        /// Its attempt.
        attempt: u32,
        /// What.
        note: String,
    },
    /// What this attempt may have left on the device is gone.
    Settled {
        /// The device.
        device: String,
        /// The job that had it.
        job: JobId,
        /// Its attempt.
        attempt: u32,
    },
    /// The wall clock was set, or the machine slept. Decided before all that comes at the new time.
    ClockSet {
        /// How far it was set, in microseconds: 0 after a sleep, in which it went on.
        by: Timestamp,
    },
    /// Whatever is due by now goes on. Of many, some: [`crate::State::next_due`] says when this is wanted again.
    Due,
    /// The engine of a backend is away: its jobs keep their places and none is claimed. Forgotten at the end of the process.
    SuspendBackend {
        /// The backend.
        backend: String,
        /// Where; everywhere if none is named.
        device: Option<String>,
        /// Why, in a sentence for users.
        reason: String,
    },
    /// The engine of a backend answers.
    ResumeBackend {
        /// The backend.
        backend: String,
        /// Where; everywhere if none is named.
        device: Option<String>,
    },
    /// After a crash: attempts that were live are lost.
    Recover,
    /// A new message.
    CreateMessage(Box<NewMessage>),
    /// Merge into a message.
    PatchMessage {
        /// Which.
        id: MessageId,
        /// A new text, if any.
        content: Option<String>,
        /// Merged deeply; null or absent changes nothing.
        extra_metadata: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// Forget a message.
    DeleteMessage(MessageId),
}

/// The rows that a command needs and that the state may not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Jobs that may have ended.
    pub jobs: Vec<JobId>,
    /// Messages.
    pub messages: Vec<MessageId>,
    /// Idempotency keys, with whose they are.
    pub keys: Vec<(Party, String)>,
}

impl NewJob {
    /// A job that runs once as soon as it can, and names nothing.
    pub fn new(id: JobId, backend: String, party: Party, params: Json) -> Self {
        Self {
            id,
            backend,
            party,
            priority: 0,
            params,
            inputs: Vec::new(),
            metadata: Json::null(),
            conversation_id: None,
            message_id: None,
            max_attempts: 1,
            not_before: None,
            timeout_s: None,
            batch_id: None,
            depends_on: Vec::new(),
            on_dependency_failure: OnDependencyFailure::Fail,
            work: None,
            key: None,
        }
    }

    fn name_into(&self, names: &mut Names) {
        names.jobs.extend(&self.depends_on);
        names.messages.extend(self.message_id);
        names.keys.extend(self.key.iter().map(|(key, _)| (self.party.clone(), key.clone())));
    }
}

impl Command {
    /// Adds to `names` what has to be loaded before this can be decided.
    pub fn name_into(&self, names: &mut Names) {
        match self {
            Self::Submit(new) => new.name_into(names),
            Self::SubmitBatch { jobs, .. } => jobs.iter().for_each(|new| new.name_into(names)),
            Self::Cancel { job } | Self::Retry { job } | Self::Delete { job } | Self::Reprioritise { job, .. } => {
                names.jobs.push(*job);
            }
            Self::Move { job, to } => {
                names.jobs.push(*job);
                names.jobs.extend(if let MoveTo::Before(other) = to { Some(*other) } else { None });
            }
            Self::Prune { jobs, .. } => names.jobs.extend(jobs),
            Self::CreateMessage(new) => names.messages.push(new.id),
            Self::PatchMessage { id, .. } | Self::DeleteMessage(id) => names.messages.push(*id),
            Self::CancelMany { .. }
            | Self::Proceed
            | Self::PauseQueue { .. }
            | Self::ResumeQueue
            | Self::Disk { .. }
            | Self::PauseDevice { .. }
            | Self::ResumeDevice { .. }
            | Self::Turn { .. }
            | Self::Remember { .. }
            | Self::Settled { .. }
            | Self::ClockSet { .. }
            | Self::Due
            | Self::SuspendBackend { .. }
            | Self::ResumeBackend { .. }
            | Self::Recover => {}
        }
    }

    /// Adds to `names` what has to be loaded besides, now that `cold` has what [`Self::name_into`] named and `state` does not
    /// hold: the jobs that a key stands for, and those that a job to be retried depends on. (It may end in the same batch.)
    pub fn name_more(&self, state: &State, cold: &Cold, names: &mut Names) {
        let mut first = Names::default();
        self.name_into(&mut first);
        names.jobs.extend(first.keys.iter().filter_map(|key| cold.keys.get(key)).map(|used| used.job));
        if let Self::Retry { job, .. } = self {
            let job = state.job(*job).or_else(|| cold.jobs.get(job));
            names.jobs.extend(job.into_iter().flat_map(|job| job.depends_on.iter().copied()));
        }
    }

    /// Whether a device stands idle until this is committed: such commands go first.
    pub fn urgent(&self) -> bool {
        matches!(
            self,
            Self::Turn { .. }
                | Self::Remember { .. }
                | Self::Settled { .. }
                | Self::ResumeBackend { .. }
                | Self::Disk { .. }
                | Self::Recover
        )
    }
}
