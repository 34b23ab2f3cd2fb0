//! What a host says in tests.

use easel_wire::{Device, Event, Frame, Job, JobEvent, OnDependencyFailure, Queue, Snapshot, Status, Time, Told};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// A job of this number, without anything that it need not have.
pub(in crate::cli) fn job(number: u128, status: Status) -> Job {
    Job {
        id: Uuid::from_u128(number),
        status,
        backend: "forge".to_owned(),
        device: None,
        owner: "local".to_owned(),
        user: None,
        params: Some(json!({"prompt": "a fox"})),
        inputs: Vec::new(),
        metadata: json!({}),
        conversation_id: None,
        message_id: None,
        batch_id: None,
        depends_on: Vec::new(),
        on_dependency_failure: OnDependencyFailure::Fail,
        not_before: None,
        timeout_s: None,
        priority: 0,
        queue_position: 0,
        waiting_for: None,
        waiting_detail: None,
        waiting_until: None,
        retry_at: None,
        estimated_start_at: None,
        estimated_end_at: None,
        progress: 0,
        stage: None,
        preview: None,
        cancel_requested: false,
        attempt: 0,
        attempts_used: 0,
        max_attempts: 3,
        attempts: Vec::new(),
        artifacts: Vec::new(),
        result: None,
        error: None,
        created_at: now(),
        queued_at: None,
        started_at: None,
        ended_at: None,
        updated_at: now(),
        seq: 1,
    }
}

fn now() -> Time {
    Time::from_micros(chrono::Utc::now().timestamp_micros())
}

/// The text of a frame.
pub(in crate::cli) fn text(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).expect("a frame is JSON")
}

/// A queue in which nothing runs or waits.
pub(in crate::cli) fn queue() -> Queue {
    Queue {
        paused: None,
        disk_full: None,
        length: 0,
        pending: 0,
        processing: Vec::new(),
        devices: Vec::new(),
        mean_seconds: None,
        estimates: None,
        standing: Vec::new(),
    }
}

/// A device on which nothing runs.
pub(in crate::cli) fn device() -> Device {
    Device {
        name: "gpu0".to_owned(),
        busy: false,
        dirty: false,
        paused: None,
        backend: None,
        job: None,
        since: None,
        length: 0,
        memory: Vec::new(),
    }
}

/// A snapshot of these jobs.
pub(in crate::cli) fn snapshot(cursor: &str, jobs: Vec<Job>) -> String {
    text(&Frame::Snapshot(Box::new(Snapshot {
        scope: None,
        cursor: cursor.to_owned(),
        queue: queue(),
        jobs,
        truncated: false,
    })))
}

/// That a reader has everything up to here.
pub(in crate::cli) fn mark(cursor: &str) -> String {
    text(&Frame::Mark { cursor: cursor.to_owned() })
}

/// That something happened to a job.
pub(in crate::cli) fn told(seq: u64, event: JobEvent, job: Job) -> String {
    let told = Told::Job { event, job: Box::new(job) };
    text(&Event { told, seq, cursor: format!("L:{seq}"), at: now(), by: None })
}
