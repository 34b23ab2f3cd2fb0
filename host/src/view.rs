//! What clients see: from the core, and from what merely is, to the shapes on the wire. One place for HTTP and WebSocket alike.

use easel_core::{
    Accuracy, Artifact, Attempt, Body, Device, ErrorKind, Event, Job, JobError, JobId, Message, MessageChange,
    OnDependencyFailure, Outcome, Pause, Runs, Standing, State, Status, Timestamp, Transition, WaitingFor, json,
};
use easel_wire as wire;
use easel_wire::Time;
use serde::Serialize;
use serde_json::Value;

use crate::events::{Cursor, Hub, Live, Logged};
use crate::time;

/// The text of a shape: fields in alphabetical order, and the numbers of others to the letter.
pub fn text(shape: &impl Serialize) -> String {
    match serde_json::to_value(shape) {
        Ok(value) => json::text(&value),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            Value::Null.to_string()
        }
    }
}

/// A job as it is now: place, reason for waiting, progress and preview included.
pub fn job(found: &Job, state: &State, hub: &Hub) -> wire::Job {
    wire::Job { params: Some(found.params.value()), ..job_without_params(found, state, hub) }
}

/// The same for a snapshot, where the params of hundreds of jobs would be in the way.
pub fn job_without_params(job: &Job, state: &State, hub: &Hub) -> wire::Job {
    let waiting = state.waiting_for(job);
    let now = time::now();
    let progress = state.device_of(&job.backend).and_then(|device| hub.progress_on(device, now));
    let (start, end) = state.estimate(job, now, progress).unzip();
    // Pauses do not follow a wall clock that is set.
    let retry_at = job.retry_at.and_then(|_| state.waits_until(job));
    let live = hub.live(job.id);
    wire::Job {
        retry_at: retry_at.map(moment),
        waiting_for: waiting.as_ref().map(|waiting| waiting_for(waiting.reason)),
        waiting_until: waiting.as_ref().and_then(|waiting| waiting.until).map(moment),
        waiting_detail: waiting.map(|waiting| waiting.detail),
        estimated_start_at: start.map(moment),
        estimated_end_at: end.map(moment),
        ..row(job, state.position(job), live.as_ref())
    }
}

/// A job of a row and what goes with it, without its params.
fn row(job: &Job, queue_position: u64, live: Option<&Live>) -> wire::Job {
    let live = live.filter(|live| job.runs(live.attempt));
    // As far as the row tells. What stops everybody is told by events of its own.
    let waits = match job.status {
        Status::Queued => Some(wire::Waiting::Turn),
        Status::Pending if job.retry_at.is_some() => Some(wire::Waiting::Retry),
        Status::Pending if !job.depends_on.is_empty() => Some(wire::Waiting::Dependency),
        Status::Pending => Some(wire::Waiting::Time),
        _ => None,
    };
    wire::Job {
        id: job.id.0,
        status: status(job.status),
        backend: job.backend.clone(),
        device: job.device.clone(),
        owner: job.owner.clone(),
        user: job.user.clone(),
        params: None,
        inputs: job.inputs.iter().map(input).collect(),
        metadata: job.metadata.value(),
        conversation_id: job.conversation_id.clone(),
        message_id: job.message_id.map(|id| id.0),
        batch_id: job.batch_id.map(|id| id.0),
        depends_on: job.depends_on.iter().map(|id| id.0).collect(),
        on_dependency_failure: match job.on_dependency_failure {
            OnDependencyFailure::Fail => wire::OnDependencyFailure::Fail,
            OnDependencyFailure::Run => wire::OnDependencyFailure::Run,
        },
        not_before: job.not_before.map(moment),
        timeout_s: job.timeout_s,
        priority: job.priority,
        queue_position,
        waiting_for: waits,
        waiting_detail: None,
        waiting_until: None,
        retry_at: job.retry_at.map(moment),
        estimated_start_at: None,
        estimated_end_at: None,
        progress: live.map_or(job.progress, |live| live.percent),
        stage: live.and_then(|live| live.stage.clone()),
        preview: live.and_then(Live::preview_url),
        cancel_requested: job.cancel_requested,
        attempt: job.attempt,
        attempts_used: job.attempts_used,
        max_attempts: job.max_attempts,
        attempts: job.attempts.iter().map(attempt).collect(),
        artifacts: job.artifacts.iter().map(|found| artifact(found, job.id)).collect(),
        result: job.result.as_ref().map(|result| result.value()),
        error: job.error.as_ref().map(error),
        created_at: moment(job.created_at),
        queued_at: job.queued_at.map(moment),
        started_at: job.started_at.map(moment),
        ended_at: job.ended_at.map(moment),
        updated_at: moment(job.updated_at),
        seq: job.seq,
    }
}

fn attempt(attempt: &Attempt) -> wire::Attempt {
    wire::Attempt {
        number: attempt.number,
        charged: attempt.charged,
        backend_digest: attempt.backend_digest.clone(),
        started_at: moment(attempt.started_at),
        ended_at: attempt.ended_at.map(moment),
        seconds: attempt.took.map(seconds),
        outcome: attempt.outcome.map(outcome),
        error: attempt.error.as_ref().map(error),
    }
}

fn input(input: &easel_core::Input) -> wire::Input {
    wire::Input {
        name: input.name.clone(),
        upload: input.upload,
        mime: input.mime.clone(),
        size: input.size,
        sha256: input.sha256.clone(),
    }
}

fn artifact(artifact: &Artifact, job: JobId) -> wire::Artifact {
    wire::Artifact {
        name: artifact.name.clone(),
        mime: artifact.mime.clone(),
        size: artifact.size,
        sha256: artifact.sha256.clone(),
        width: artifact.width,
        height: artifact.height,
        url: format!("/v1/jobs/{job}/artifacts/{}", artifact.name),
    }
}

fn error(error: &JobError) -> wire::JobError {
    wire::JobError {
        kind: match error.kind {
            ErrorKind::Invalid => wire::ErrorKind::Invalid,
            ErrorKind::Unavailable => wire::ErrorKind::Unavailable,
            ErrorKind::OutOfMemory => wire::ErrorKind::OutOfMemory,
            ErrorKind::Failed => wire::ErrorKind::Failed,
            ErrorKind::Timeout => wire::ErrorKind::Timeout,
            ErrorKind::Stalled => wire::ErrorKind::Stalled,
            ErrorKind::Trapped => wire::ErrorKind::Trapped,
            ErrorKind::Lost => wire::ErrorKind::Lost,
            ErrorKind::Dependency => wire::ErrorKind::Dependency,
            ErrorKind::Cancelled => wire::ErrorKind::Cancelled,
        },
        message: error.message.clone(),
        detail: error.detail.clone(),
        retryable: error.retryable,
        dependency_id: error.dependency_id.map(|id| id.0),
    }
}

/// Where a job stands.
pub fn status(status: Status) -> wire::Status {
    match status {
        Status::Pending => wire::Status::Pending,
        Status::Queued => wire::Status::Queued,
        Status::Processing => wire::Status::Processing,
        Status::Complete => wire::Status::Complete,
        Status::Error => wire::Status::Error,
        Status::Cancelled => wire::Status::Cancelled,
    }
}

fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        Outcome::Complete => wire::Outcome::Complete,
        Outcome::Error => wire::Outcome::Error,
        Outcome::Timeout => wire::Outcome::Timeout,
        Outcome::Stalled => wire::Outcome::Stalled,
        Outcome::Trapped => wire::Outcome::Trapped,
        Outcome::Cancelled => wire::Outcome::Cancelled,
        Outcome::Lost => wire::Outcome::Lost,
        Outcome::Interrupted => wire::Outcome::Interrupted,
        Outcome::Unavailable => wire::Outcome::Unavailable,
    }
}

fn waiting_for(reason: WaitingFor) -> wire::Waiting {
    match reason {
        WaitingFor::Turn => wire::Waiting::Turn,
        WaitingFor::Paused => wire::Waiting::Paused,
        WaitingFor::Device => wire::Waiting::Device,
        WaitingFor::Backend => wire::Waiting::Backend,
        WaitingFor::Dependency => wire::Waiting::Dependency,
        WaitingFor::Time => wire::Waiting::Time,
        WaitingFor::Retry => wire::Waiting::Retry,
    }
}

/// A message. What its job has told it since it was written (place, progress) is laid over what was written.
pub fn message(message: &Message, state: &State, hub: &Hub) -> wire::Message {
    let mut metadata = message.extra_metadata.clone();
    let reporter = metadata.get("job_id").and_then(|id| serde_json::from_value(id.clone()).ok());
    // A row that was written after `state` was taken knows better.
    if let Some(job) = reporter.and_then(|id| state.job(id)).filter(|_| message.seq <= state.seq) {
        metadata.insert("queue_position".to_owned(), state.position(job).into());
        metadata.insert("progress".to_owned(), percent(job, hub).into());
    }
    wire::Message { extra_metadata: Value::Object(metadata), ..stored_message(message) }
}

fn stored_message(message: &Message) -> wire::Message {
    wire::Message {
        id: message.id.0,
        conversation_id: message.conversation_id.clone(),
        role: message.role.clone(),
        content: message.content.clone(),
        extra_metadata: Value::Object(message.extra_metadata.clone()),
        owner: message.owner.clone(),
        created_at: moment(message.created_at),
        updated_at: moment(message.updated_at),
        seq: message.seq,
    }
}

/// A device.
pub fn device(device: &Device, state: &State) -> wire::Device {
    let backend = device.live.as_ref().or(device.dirty.as_ref()).map(|occupant| occupant.backend.clone());
    wire::Device {
        name: device.name.clone(),
        busy: device.live.is_some(),
        dirty: device.live.is_none() && device.dirty.is_some(),
        paused: device.paused.as_ref().map(pause),
        backend,
        job: device.live.as_ref().map(|occupant| occupant.job.0),
        since: device.live.as_ref().map(|occupant| moment(occupant.since)),
        length: state.length(&device.name),
    }
}

fn pause(pause: &Pause) -> wire::Pause {
    wire::Pause { reason: pause.reason.clone(), by: pause.by.clone(), since: moment(pause.since), unload: pause.unload }
}

/// The queue: what runs (each job in this shape), what waits, on which devices.
pub fn queue(state: &State, hub: &Hub, shape: impl Fn(&Job, &State, &Hub) -> wire::Job) -> wire::Queue {
    let running = state.devices().filter_map(|device| state.job(device.live.as_ref()?.job));
    wire::Queue {
        paused: state.queue().stands().map(pause),
        disk_full: state.queue().full.as_ref().map(pause),
        length: state.queued(),
        processing: running.map(|found| shape(found, state, hub)).collect(),
        devices: state.devices().map(|found| device(found, state)).collect(),
        mean_seconds: state.mean().map(seconds),
        estimates: accuracy(state.accuracy()),
        standing: state.standing().into_iter().map(standing).collect(),
    }
}

/// A line that does not move, and why.
fn standing(line: Standing) -> wire::Standing {
    wire::Standing {
        backend: line.backend,
        jobs: line.jobs as u64,
        waiting_for: waiting_for(line.reason),
        waiting_detail: line.detail,
    }
}

/// How far off it was when people were told when their jobs would end; none as long as nobody was told.
pub fn accuracy(accuracy: Accuracy) -> Option<wire::Accuracy> {
    let (off, lasted) = accuracy.means()?;
    let (mean_error_seconds, mean_seconds) = (seconds(off), seconds(lasted));
    Some(wire::Accuracy { jobs: accuracy.forecasts, mean_error_seconds, mean_seconds })
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn moment(at: Timestamp) -> Time {
    Time::from_micros(at)
}

/// A durable event, as a frame of the WebSocket and as a line of `GET /v1/events`. The same event gives the same text
/// whenever it is asked for: nothing in it is looked up.
pub fn event(logged: &Logged, log: &str) -> wire::Event {
    let Event { seq, at, by, body } = &logged.event;
    let cursor = Cursor { log, seq: *seq }.to_string();
    wire::Event { told: told(logged, body), seq: *seq, cursor, at: moment(*at), by: by.clone() }
}

fn told(logged: &Logged, body: &Body) -> wire::Told {
    match body {
        Body::Job { event, job, queue_position } => {
            wire::Told::Job { event: transition(*event), job: Box::new(row(job, *queue_position, None)) }
        }
        Body::Message { event, id, conversation_id, owner, .. } => {
            let message = match (&logged.message, event) {
                (Some(message), MessageChange::Created | MessageChange::Changed) => {
                    wire::ToldMessage::Whole(Box::new(stored_message(message)))
                }
                _ => {
                    wire::ToldMessage::Gone { id: id.0, conversation_id: conversation_id.clone(), owner: owner.clone() }
                }
            };
            wire::Told::Message { event: change(*event), message }
        }
        Body::Queue { paused, length } => wire::Told::Queue { paused: paused.as_ref().map(pause), length: *length },
        Body::Device { name, paused } => wire::Told::Device { name: name.clone(), paused: paused.as_ref().map(pause) },
        Body::Backend { name, held } => {
            let held = held.clone();
            let event = match held {
                Some(_) => wire::BackendEvent::Held { held },
                None => wire::BackendEvent::Released { held },
            };
            wire::Told::Backend { name: name.clone(), event }
        }
        Body::Binding { backend, runs, ran } => {
            let (runs, ran) = (runs.as_ref().map(runs_now), ran.as_ref().map(runs_now));
            let event = match (&runs, &ran) {
                (Some(_), None) => wire::BackendEvent::Added { runs, ran },
                (None, _) => wire::BackendEvent::Removed { runs, ran },
                (Some(_), Some(_)) => wire::BackendEvent::Changed { runs, ran },
            };
            wire::Told::Backend { name: backend.clone(), event }
        }
    }
}

fn runs_now(runs: &Runs) -> wire::Runs {
    wire::Runs { digest: runs.digest.clone(), device: runs.device.clone() }
}

fn transition(event: Transition) -> wire::JobEvent {
    match event {
        Transition::Queued => wire::JobEvent::Queued,
        Transition::Pending => wire::JobEvent::Pending,
        Transition::Started => wire::JobEvent::Started,
        Transition::Cancelling => wire::JobEvent::Cancelling,
        Transition::Completed => wire::JobEvent::Completed,
        Transition::Failed => wire::JobEvent::Failed,
        Transition::Cancelled => wire::JobEvent::Cancelled,
        Transition::Retrying => wire::JobEvent::Retrying,
        Transition::Interrupted => wire::JobEvent::Interrupted,
        Transition::Moved => wire::JobEvent::Moved,
        Transition::Deleted => wire::JobEvent::Deleted,
    }
}

fn change(event: MessageChange) -> wire::MessageEvent {
    match event {
        MessageChange::Created => wire::MessageEvent::Created,
        MessageChange::Changed => wire::MessageEvent::Changed,
        MessageChange::Deleted => wire::MessageEvent::Deleted,
    }
}

/// How far a job is: percent.
pub fn percent(job: &Job, hub: &Hub) -> u8 {
    hub.live(job.id).filter(|live| job.runs(live.attempt)).map_or(job.progress, |live| live.percent)
}

/// What a job does right now, for the WebSocket.
pub fn progress(job: &Job, live: &Live, state: &State) -> wire::Frame {
    let now = time::now();
    let end = state.estimate(job, now, Some(live.progress(now))).map(|(_, end)| moment(end));
    wire::Frame::Progress(wire::Progress {
        job_id: job.id.0,
        message_id: job.message_id.map(|id| id.0),
        conversation_id: job.conversation_id.clone(),
        attempt: live.attempt,
        status: status(job.status),
        progress: live.percent,
        queue_position: 0,
        stage: live.stage.clone(),
        estimated_end_at: end,
        preview: live.preview_url(),
    })
}
