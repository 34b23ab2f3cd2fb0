//! What clients see of jobs, messages and devices: the shapes of the API, in one place for HTTP and WebSocket alike.

use easel_core::{Accuracy, Attempt, Body, Device, Event, Job, Message, MessageChange, Pause, Standing, State, Status};
use serde_json::{Value, json};

use crate::events::{Cursor, Hub, Live, Logged};
use crate::time;

/// A job as it is now: place, reason for waiting, progress and preview included.
pub fn job(found: &Job, state: &State, hub: &Hub) -> Value {
    let mut view = job_without_params(found, state, hub);
    merge(&mut view, json!({"params": found.params.value()}));
    view
}

/// The same for a list or a snapshot, where the params of hundreds of jobs would be in the way.
pub fn job_without_params(job: &Job, state: &State, hub: &Hub) -> Value {
    let waiting = state.waiting_for(job);
    let now = time::now();
    let progress = state.device_of(&job.backend).and_then(|device| hub.progress_on(device, now));
    let (start, end) = state.estimate(job, now, progress).unzip();
    // Pauses do not follow a wall clock that is set.
    let retry_at = job.retry_at.and_then(|_| state.waits_until(job));
    let live = hub.live(job.id);
    let mut view = row(job, state.position(job), live.as_ref());
    merge(
        &mut view,
        json!({
            "retry_at": retry_at.map(time::text), "waiting_for": waiting.as_ref().map(|waiting| waiting.reason),
            "waiting_detail": waiting.as_ref().map(|waiting| &waiting.detail),
            "waiting_until": waiting.as_ref().and_then(|waiting| waiting.until).map(time::text),
            "estimated_start_at": start.map(time::text), "estimated_end_at": end.map(time::text),
        }),
    );
    view
}

/// A job of a row and what goes with it, without its params.
fn row(job: &Job, queue_position: u64, live: Option<&Live>) -> Value {
    let live = live.filter(|live| job.runs(live.attempt));
    // As far as the row tells. What stops everybody is told by events of its own.
    let waits = match job.status {
        Status::Queued => Some("turn"),
        Status::Pending if job.retry_at.is_some() => Some("retry"),
        Status::Pending if !job.depends_on.is_empty() => Some("dependency"),
        Status::Pending => Some("time"),
        _ => None,
    };
    json!({
        "id": job.id, "status": job.status, "backend": job.backend, "device": job.device, "owner": job.owner, "user": job.user,
        "inputs": job.inputs, "metadata": job.metadata.value(), "conversation_id": job.conversation_id,
        "message_id": job.message_id, "batch_id": job.batch_id, "depends_on": job.depends_on,
        "on_dependency_failure": job.on_dependency_failure, "not_before": job.not_before.map(time::text),
        "retry_at": job.retry_at.map(time::text), "timeout_s": job.timeout_s, "priority": job.priority,
        "queue_position": queue_position, "waiting_for": waits, "waiting_detail": null, "waiting_until": null,
        "estimated_start_at": null, "estimated_end_at": null,
        "progress": live.map_or(job.progress, |live| live.percent), "stage": live.and_then(|live| live.stage.clone()),
        "preview": live.and_then(Live::preview_url), "cancel_requested": job.cancel_requested,
        "attempt": job.attempt, "attempts_used": job.attempts_used, "max_attempts": job.max_attempts,
        "attempts": job.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "artifacts": job.artifacts.iter().map(|artifact| artifact.view(job.id)).collect::<Vec<_>>(),
        "result": job.result.as_ref().map(|result| result.value()), "error": job.error,
        "created_at": time::text(job.created_at), "queued_at": job.queued_at.map(time::text),
        "started_at": job.started_at.map(time::text), "ended_at": job.ended_at.map(time::text),
        "updated_at": time::text(job.updated_at), "seq": job.seq,
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number, "charged": attempt.charged, "backend_digest": attempt.backend_digest,
        "started_at": time::text(attempt.started_at), "ended_at": attempt.ended_at.map(time::text),
        "seconds": attempt.took.map(seconds),
        "outcome": attempt.outcome, "error": attempt.error,
    })
}

/// A message. What its job has told it since it was written (place, progress) is laid over what was written.
pub fn message(message: &Message, state: &State, hub: &Hub) -> Value {
    let mut metadata = Value::Object(message.extra_metadata.clone());
    let reporter = metadata.get("job_id").and_then(|id| serde_json::from_value(id.clone()).ok());
    // A row that was written after `state` was taken knows better.
    if let Some(job) = reporter.and_then(|id| state.job(id)).filter(|_| message.seq <= state.seq) {
        merge(&mut metadata, json!({"queue_position": state.position(job), "progress": percent(job, hub)}));
    }
    let mut view = stored_message(message);
    merge(&mut view, json!({"extra_metadata": metadata}));
    view
}

fn stored_message(message: &Message) -> Value {
    json!({
        "id": message.id, "conversation_id": message.conversation_id, "role": message.role, "content": message.content,
        "extra_metadata": message.extra_metadata, "owner": message.owner, "created_at": time::text(message.created_at),
        "updated_at": time::text(message.updated_at), "seq": message.seq,
    })
}

/// A device.
pub fn device(device: &Device, state: &State) -> Value {
    let backend = device.live.as_ref().or(device.dirty.as_ref()).map(|occupant| occupant.backend.clone());
    json!({
        "name": device.name, "busy": device.live.is_some(), "dirty": device.live.is_none() && device.dirty.is_some(),
        "paused": device.paused.as_ref().map(pause), "backend": backend, "job": device.live.as_ref().map(|occupant| occupant.job),
        "since": device.live.as_ref().map(|occupant| time::text(occupant.since)), "length": state.length(&device.name),
    })
}

fn pause(pause: &Pause) -> Value {
    json!({"reason": pause.reason, "by": pause.by, "since": time::text(pause.since), "unload": pause.unload})
}

/// The queue: what runs (each job in this shape), what waits, on which devices.
pub fn queue(state: &State, hub: &Hub, shape: impl Fn(&Job, &State, &Hub) -> Value) -> Value {
    let running = state.devices().filter_map(|device| state.job(device.live.as_ref()?.job));
    json!({
        "paused": state.queue().stands().map(pause), "disk_full": state.queue().full.as_ref().map(pause),
        "length": state.queued(),
        "processing": running.map(|found| shape(found, state, hub)).collect::<Vec<_>>(),
        "devices": state.devices().map(|found| device(found, state)).collect::<Vec<_>>(), "mean_seconds": state.mean().map(seconds),
        "estimates": accuracy(state.accuracy()), "standing": state.standing().iter().map(standing).collect::<Vec<_>>(),
    })
}

/// A line that does not move, and why.
fn standing(line: &Standing) -> Value {
    json!({"backend": line.backend, "jobs": line.jobs, "waiting_for": line.reason, "waiting_detail": line.detail})
}

/// How far off it was when people were told when their jobs would end; null as long as nobody was told.
pub fn accuracy(accuracy: Accuracy) -> Value {
    accuracy.means().map_or(Value::Null, |(off, lasted)| {
        json!({"jobs": accuracy.forecasts, "mean_error_seconds": seconds(off), "mean_seconds": seconds(lasted)})
    })
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// A durable event, as a frame of the WebSocket and as a line of `GET /v1/events`. The same event gives the same text
/// whenever it is asked for: nothing in it is looked up.
pub fn event(logged: &Logged, log: &str) -> Value {
    let Event { seq, at, by, body } = &logged.event;
    let mut view = told(logged, body);
    merge(
        &mut view,
        json!({"seq": seq, "cursor": Cursor { log, seq: *seq }.to_string(), "at": time::text(*at), "by": by}),
    );
    view
}

fn told(logged: &Logged, body: &Body) -> Value {
    match body {
        Body::Job { event, job, queue_position } => {
            json!({"type": "job", "event": event, "job": row(job, *queue_position, None)})
        }
        Body::Message { event, id, conversation_id, owner } => {
            let message = match (&logged.message, event) {
                (Some(message), MessageChange::Created | MessageChange::Changed) => stored_message(message),
                _ => json!({"id": id, "conversation_id": conversation_id, "owner": owner}),
            };
            json!({"type": "message", "event": event, "message": message})
        }
        Body::Queue { paused, length } => {
            json!({"type": "queue", "paused": paused.as_ref().map(pause), "length": length})
        }
        Body::Device { name, paused } => {
            json!({"type": "device", "name": name, "paused": paused.as_ref().map(pause)})
        }
        Body::Backend { name, held } => {
            let event = if held.is_some() { "held" } else { "released" };
            json!({"type": "backend", "event": event, "name": name, "held": held})
        }
        Body::Binding { backend, runs, ran } => {
            let event = match (runs, ran) {
                (Some(_), None) => "added",
                (None, _) => "removed",
                (Some(_), Some(_)) => "changed",
            };
            json!({"type": "backend", "event": event, "name": backend, "runs": runs, "ran": ran})
        }
    }
}

/// How far a job is: percent.
pub fn percent(job: &Job, hub: &Hub) -> u8 {
    hub.live(job.id).filter(|live| job.runs(live.attempt)).map_or(job.progress, |live| live.percent)
}

/// What a job does right now, for the WebSocket.
pub fn progress(job: &Job, live: &Live, state: &State) -> Value {
    let now = time::now();
    let end = state.estimate(job, now, Some(live.progress(now))).map(|(_, end)| time::text(end));
    json!({
        "type": "progress", "job_id": job.id, "message_id": job.message_id, "conversation_id": job.conversation_id,
        "attempt": live.attempt, "status": job.status, "progress": live.percent, "queue_position": 0,
        "stage": live.stage, "estimated_end_at": end, "preview": live.preview_url(),
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
