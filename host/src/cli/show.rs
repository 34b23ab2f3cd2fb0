//! A job in words: its status on a line, or everything about it on a page.

use bytesize::ByteSize;
use console::style;
use easel_core::json;
use easel_wire::{Artifact, Attempt, ErrorKind, Job, JobError, Status, Time, Waiting};
use serde_json::Value;

use super::client::Client;
use super::print::{self, Table};
use super::text::one_line;

/// The status in its colour, with the one number that matters in it.
pub(super) fn status(job: &Job) -> String {
    let text = style(match job.status {
        Status::Queued if job.queue_position > 0 => format!("queued #{}", job.queue_position),
        Status::Processing if job.cancel_requested => "cancelling".to_owned(),
        Status::Processing => format!("processing {}%", job.progress),
        other => other.to_string(),
    });
    match job.status {
        Status::Complete => text.green(),
        Status::Error => text.red(),
        Status::Processing => text.cyan(),
        Status::Cancelled => text.dim(),
        Status::Pending | Status::Queued => text.yellow(),
    }
    .to_string()
}

/// What it is to make.
pub(super) fn prompt(job: &Job) -> String {
    // A command has a name instead.
    let text = |name| job.params.as_ref()?.get(name)?.as_str();
    text("prompt").or_else(|| text("name")).unwrap_or_default().to_owned()
}

/// Why the job waits, in a sentence.
fn waits(job: &Job) -> Option<String> {
    let reason = job.waiting_for?;
    Some(job.waiting_detail.as_deref().map_or_else(|| reason.to_string(), one_line))
}

/// The same, where it is something else than its turn.
pub(super) fn why_waiting(job: &Job) -> Option<String> {
    waits(job).filter(|_| job.waiting_for != Some(Waiting::Turn))
}

/// What went wrong with it.
pub(super) fn error(error: &JobError) -> String {
    match error.kind {
        // It says nothing that "error" does not.
        ErrorKind::Failed => error.message.clone(),
        kind => format!("{kind}: {}", error.message),
    }
}

/// Everything that a reader may want to know about the job.
pub(super) fn details(job: &Job, client: &Client) -> String {
    let when = |time: Option<Time>| time.map(|time| print::when(time.utc())).unwrap_or_default();
    let mut params = job.params.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    params.remove("prompt");
    let mut page = print::fields([
        ("job", job.id.to_string()),
        ("status", status(job)),
        ("stage", job.stage.clone().filter(|_| !job.has_ended()).unwrap_or_default()),
        ("waiting", waits(job).unwrap_or_default()),
        ("expected", expected(job)),
        ("owner", job.owner.clone()),
        ("user", job.user.clone().unwrap_or_default()),
        ("backend", backend(job)),
        ("prompt", prompt(job)),
        ("params", if params.is_empty() { String::new() } else { json::text_of(&params) }),
        ("result", job.result.as_ref().filter(|result| !result.is_null()).map(json::text).unwrap_or_default()),
        ("error", job.error.as_ref().map(|told| style(error(told)).red().to_string()).unwrap_or_default()),
        ("detail", job.error.as_ref().map(|error| error.detail.clone()).unwrap_or_default()),
        ("created", when(Some(job.created_at))),
        ("started", when(job.started_at)),
        ("ended", when(job.ended_at)),
        ("attempts", format!("{} of {} used", job.attempts_used, job.max_attempts)),
    ]);
    if !job.attempts.is_empty() {
        page += &format!("\n\n{}", attempts(&job.attempts));
    }
    if !job.artifacts.is_empty() {
        page += &format!("\n\n{}", artifacts(&job.artifacts, client));
    }
    page
}

/// When it is to start and to end, as far as that can be told.
fn expected(job: &Job) -> String {
    let times = [("start", job.estimated_start_at), ("end", job.estimated_end_at)];
    let told =
        times.into_iter().filter_map(|(what, time)| time.map(|time| format!("{what} at {}", print::clock(time.utc()))));
    if job.has_ended() { String::new() } else { told.collect::<Vec<_>>().join(", ") }
}

fn backend(job: &Job) -> String {
    match &job.device {
        Some(device) => format!("{} on {device}", job.backend),
        None => job.backend.clone(),
    }
}

fn attempts(attempts: &[Attempt]) -> String {
    let mut table = Table::new(["ATTEMPT", "OUTCOME", "CHARGED", "TOOK", "COMPONENT", "ERROR"]);
    for attempt in attempts {
        let took = attempt.ended_at.map(|to| (to.utc() - attempt.started_at.utc()).as_seconds_f64());
        table.row([
            attempt.number.to_string(),
            attempt.outcome.map_or_else(|| "running".to_owned(), |outcome| outcome.to_string()),
            if attempt.charged { "yes" } else { "no" }.to_owned(),
            took.map(print::seconds).unwrap_or_default(),
            short(&attempt.backend_digest),
            attempt.error.as_ref().map(|told| one_line(&error(told))).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn artifacts(artifacts: &[Artifact], client: &Client) -> String {
    let mut table = Table::new(["ARTIFACT", "TYPE", "SIZE", "PIXELS", "URL"]);
    for artifact in artifacts {
        table.row([
            one_line(&artifact.name),
            one_line(&artifact.mime),
            ByteSize(artifact.size).to_string(),
            artifact.width.zip(artifact.height).map(|(width, height)| format!("{width}×{height}")).unwrap_or_default(),
            client.on_server(&artifact.url).map_or_else(|_| one_line(&artifact.url), |url| url.to_string()),
        ]);
    }
    table.to_string()
}

/// The part of a digest that tells components apart.
pub(super) fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}
