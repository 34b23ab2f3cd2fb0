//! What the tests of the core start from: four devices, three backends and the line of commands, and jobs and messages by number.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use easel_core::actor::EASEL;
use easel_core::command::{NewJob, NewMessage};
use easel_core::decide::Limits;
use easel_core::policy::Backoff;
use easel_core::retention::BY as BY_ITSELF;
use easel_core::state::Binding;
use easel_core::{
    Actor, Artifact, BatchId, Command, Device, Draft, ErrorKind, Finished, JobError, JobId, Json, MessageId, MoveTo,
    Outcome, Party, Refusal, Reply, Retention, Role, State, Timestamp,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub const LIMITS: Limits =
    Limits { max_waiting: 8, max_waiting_per_owner: 5, priority_worth: 2, slice: 2, retention: RETENTION };
/// So little that a short run gets to the end of each of it: an artifact has three bytes.
pub const RETENTION: Retention = Retention { jobs: 40, max_jobs: 6, artifacts: 9, keys: 70, events: 30, slice: 2 };
/// Pauses of a few moments, a moment being a microsecond.
pub const BACKOFF: Backoff = Backoff { base: 8, max: 20 };
/// Who asks for things where it does not matter.
pub const BY: &str = "ann";
pub const DEVICES: [&str; 4] = ["gpu0", "gpu1", "gpu2", "gpu3"];
pub const BACKENDS: [&str; 4] = ["paint", "draw", "sing", LEASES];
/// What leases of the first device are submitted to.
pub const LEASES: &str = "command@gpu0";

/// Job number `n`.
pub fn job_id(n: u128) -> JobId {
    JobId(Uuid::from_u128(n))
}

/// Batch number `n`.
pub fn batch_id(n: u128) -> BatchId {
    BatchId(Uuid::from_u128(n))
}

/// Message number `n`.
pub fn message_id(n: u128) -> MessageId {
    MessageId(Uuid::from_u128(n))
}

/// How many layouts have a meaning of their own.
pub const LAYOUTS: usize = 4;

/// Which backend runs where: as usual, with `draw` moved to the other device, with `draw` and commands gone, and with all on two
/// devices. A number beyond those has, for each backend, a bit for each device that it runs on; none, and it is gone.
pub fn backends(layout: usize) -> Vec<(String, Binding)> {
    let mask = |backend: usize| {
        let bits = (layout - LAYOUTS) >> (4 * backend) & 15;
        DEVICES.into_iter().enumerate().filter(move |(n, _)| bits >> n & 1 == 1).map(|(_, name)| name).collect()
    };
    let one = |device: usize| vec![DEVICES[device]];
    let all: Vec<(&str, Vec<&str>)> = match layout {
        0 => vec![("paint", one(0)), ("draw", one(0)), ("sing", one(1)), (LEASES, one(0))],
        1 => vec![("paint", one(0)), ("draw", one(1)), ("sing", one(1)), (LEASES, one(0))],
        2 => vec![("paint", one(0)), ("sing", one(1))],
        3 => ["paint", "draw", "sing"].map(|name| (name, DEVICES[..2].to_vec())).into(),
        _ => vec![("paint", mask(0)), ("draw", mask(1)), ("sing", mask(2)), (LEASES, one(0))],
    };
    let binding = |name, devices: Vec<&str>| match name {
        LEASES => Binding::leased(devices[0]),
        name => Binding::component(devices, &format!("sha256:{name}-{layout}"), BACKOFF),
    };
    let all = all.into_iter().filter(|(_, devices)| !devices.is_empty());
    all.map(|(name, devices)| (name.into(), binding(name, devices))).collect()
}

/// The devices, idle.
pub fn devices() -> Vec<Device> {
    DEVICES.map(|name| Device { name: name.into(), ..Device::default() }).into()
}

/// Nothing has happened yet.
pub fn empty_state() -> State {
    State::new(0, 0, devices(), backends(0))
}

/// Job number `n` for `paint`, which may use three attempts.
pub fn new_job(n: u128) -> NewJob {
    let params = Json::of(&json!({ "prompt": n.to_string() }));
    NewJob { max_attempts: 3, ..NewJob::new(job_id(n), "paint".into(), Party::of("local"), params) }
}

/// Somebody who may do all that clients do.
pub fn operator() -> Actor {
    Actor { name: BY.into(), role: Role::Operator, party: Party::of("local") }
}

/// Who asks for this, where it does not matter: an operator for what clients do, and Easel for what it does itself.
pub fn asks(command: &Command) -> Actor {
    match command {
        Command::Prune { .. } => Actor::host(BY_ITSELF),
        Command::Proceed
        | Command::Disk { .. }
        | Command::Turn { .. }
        | Command::Remember { .. }
        | Command::Settled { .. }
        | Command::ClockSet { .. }
        | Command::Due
        | Command::SuspendBackend { .. }
        | Command::ResumeBackend { .. }
        | Command::Recover => Actor::host(EASEL),
        _ => operator(),
    }
}

/// Has this decided, whoever may ask for it.
pub fn decide(draft: &mut Draft, command: Command, limits: Limits, now: Timestamp) -> Result<Reply, Refusal> {
    easel_core::decide(draft, &asks(&command), command, limits, now)
}

pub fn cancel(job: JobId) -> Command {
    Command::Cancel { job }
}

pub fn retry(job: JobId) -> Command {
    Command::Retry { job }
}

pub fn delete(job: JobId) -> Command {
    Command::Delete { job }
}

pub fn prune(jobs: Vec<JobId>) -> Command {
    Command::Prune { jobs, keys: Vec::new() }
}

pub fn disk(full: Option<&str>) -> Command {
    Command::Disk { full: full.map(Into::into) }
}

pub fn move_to(job: JobId, to: MoveTo) -> Command {
    Command::Move { job, to }
}

pub fn reprioritise(job: JobId, priority: i32) -> Command {
    Command::Reprioritise { job, priority }
}

pub fn suspend(backend: &str, reason: &str) -> Command {
    Command::SuspendBackend { backend: backend.into(), device: None, reason: reason.into() }
}

/// A suspension, or the end of one, that is about one device.
pub fn on_device(command: Command, on: Option<&str>) -> Command {
    match command {
        Command::SuspendBackend { backend, reason, .. } => {
            Command::SuspendBackend { backend, device: on.map(Into::into), reason }
        }
        Command::ResumeBackend { backend, .. } => Command::ResumeBackend { backend, device: on.map(Into::into) },
        other => other,
    }
}

pub fn resume(backend: &str) -> Command {
    Command::ResumeBackend { backend: backend.into(), device: None }
}

pub fn pause_queue(reason: Option<&str>) -> Command {
    Command::PauseQueue { reason: reason.map(Into::into), unload: false }
}

pub fn resume_queue() -> Command {
    Command::ResumeQueue
}

pub fn pause_device(device: &str, reason: Option<&str>) -> Command {
    Command::PauseDevice { device: device.into(), reason: reason.map(Into::into), unload: false }
}

/// A pause that also wants the memory to be free.
pub fn unloading(pause: Command, wanted: bool) -> Command {
    match pause {
        Command::PauseQueue { reason, .. } => Command::PauseQueue { reason, unload: wanted },
        Command::PauseDevice { device, reason, .. } => Command::PauseDevice { device, reason, unload: wanted },
        other => other,
    }
}

pub fn resume_device(device: &str) -> Command {
    Command::ResumeDevice { device: device.into() }
}

/// Message number `n`, in conversation `c0`.
pub fn new_message(n: u128) -> NewMessage {
    NewMessage {
        id: message_id(n),
        conversation_id: "c0".into(),
        role: "user".into(),
        content: "hello".into(),
        extra_metadata: Map::new(),
        party: Party::of("local"),
    }
}

/// An object of one key.
pub fn object(key: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), value)])
}

/// A clean outcome with all that can come with one: each kind of outcome takes what it may.
pub fn finished(job: JobId, attempt: u32, outcome: Outcome) -> Finished {
    Finished {
        job,
        attempt,
        outcome,
        clean: true,
        took: Some(5),
        progress: 40,
        result: Some(Json::of(&json!({ "attempt": attempt }))),
        artifacts: vec![artifact(attempt)],
        error: Some(error(ErrorKind::Failed, "it failed")),
        retry_after_ms: None,
    }
}

/// The file that `attempt` made.
pub fn artifact(attempt: u32) -> Artifact {
    Artifact {
        name: "0.png".into(),
        mime: "image/png".into(),
        size: 3,
        sha256: "abc".into(),
        width: Some(1),
        height: Some(1),
        attempt,
    }
}

/// An error that may pass.
pub fn error(kind: ErrorKind, message: &str) -> JobError {
    JobError { kind, message: message.into(), detail: message.into(), retryable: true, dependency_id: None }
}
