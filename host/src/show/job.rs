//! Jobs, as clients see them.

use easel_core::{Artifact, Attempt, Job, JobError, JobId, Status};
use easel_wire as wire;

use super::words::{error_kind, on_dependency_failure, outcome, status, waiting_for};
use super::{Links, Show, moment, seconds};
use crate::events::Telemetry;
use crate::time;

impl Show<'_> {
    /// A job as it is now: place, reason for waiting, progress and preview included.
    pub fn job(&self, job: &Job) -> wire::Job {
        wire::Job { params: Some(job.params.value()), ..self.job_without_params(job) }
    }

    /// The same for a snapshot, where the params of hundreds of jobs would be in the way.
    pub fn job_without_params(&self, job: &Job) -> wire::Job {
        let Self { state, hub, links } = *self;
        let waiting = state.waiting_for(job);
        let now = time::now();
        let (start, end) = state.estimate(job, now, &|device| hub.progress_on(device, now)).unzip();
        // Pauses do not follow a wall clock that is set.
        let retry_at = job.retry_at.and_then(|_| state.waits_until(job));
        let telemetry = hub.telemetry(job.id);
        wire::Job {
            retry_at: retry_at.map(moment),
            waiting_for: waiting.as_ref().map(|waiting| waiting_for(waiting.reason)),
            waiting_until: waiting.as_ref().and_then(|waiting| waiting.until).map(moment),
            waiting_detail: waiting.map(|waiting| waiting.detail),
            estimated_start_at: start.map(moment),
            estimated_end_at: end.map(moment),
            ..row(job, state.position(job), telemetry.as_ref(), links)
        }
    }

    /// How far a job is: percent.
    pub fn percent(&self, job: &Job) -> u8 {
        self.hub
            .telemetry(job.id)
            .filter(|telemetry| job.runs(telemetry.attempt))
            .map_or(job.progress, |telemetry| telemetry.percent)
    }

    /// What a job does right now, for the WebSocket.
    pub fn progress(&self, job: &Job, telemetry: &Telemetry) -> wire::Frame {
        let now = time::now();
        let end = self.state.estimate(job, now, &|_| Some(telemetry.progress(now))).map(|(_, end)| moment(end));
        wire::Frame::Progress(wire::Progress {
            job_id: job.id.0,
            message_id: job.message_id.map(|id| id.0),
            conversation_id: job.conversation_id.clone(),
            attempt: telemetry.attempt,
            status: status(job.status),
            progress: telemetry.percent,
            queue_position: 0,
            stage: telemetry.stage.clone(),
            estimated_end_at: end,
            preview: preview(telemetry, self.links),
        })
    }
}

/// A job of a row and what goes with it, without its params.
pub(super) fn row(job: &Job, queue_position: u64, telemetry: Option<&Telemetry>, links: &Links) -> wire::Job {
    let telemetry = telemetry.filter(|telemetry| job.runs(telemetry.attempt));
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
        on_dependency_failure: on_dependency_failure(job.on_dependency_failure),
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
        progress: telemetry.map_or(job.progress, |telemetry| telemetry.percent),
        stage: telemetry.and_then(|telemetry| telemetry.stage.clone()),
        preview: telemetry.and_then(|telemetry| preview(telemetry, links)),
        cancel_requested: job.cancel_requested,
        attempt: job.attempt,
        attempts_used: job.attempts_used,
        max_attempts: job.max_attempts,
        attempts: job.attempts.iter().map(attempt).collect(),
        artifacts: job.artifacts.iter().map(|found| artifact(found, job.id, links)).collect(),
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

fn artifact(artifact: &Artifact, job: JobId, links: &Links) -> wire::Artifact {
    wire::Artifact {
        name: artifact.name.clone(),
        mime: artifact.mime.clone(),
        size: artifact.size,
        sha256: artifact.sha256.clone(),
        width: artifact.width,
        height: artifact.height,
        url: links.artifact(job, &artifact.name),
    }
}

fn error(error: &JobError) -> wire::JobError {
    wire::JobError {
        kind: error_kind(error.kind),
        message: error.message.clone(),
        detail: error.detail.clone(),
        retryable: error.retryable,
        dependency_id: error.dependency_id.map(|id| id.0),
    }
}

/// Where the newest preview is.
fn preview(telemetry: &Telemetry, links: &Links) -> Option<String> {
    telemetry.preview.as_ref().map(|preview| links.preview(telemetry.job, telemetry.attempt, preview.number))
}
