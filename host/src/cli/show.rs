//! A job in words: its status on a line, or everything about it on a page.

use bytesize::ByteSize;
use chrono::{DateTime, Utc};
use console::style;

use super::client::Client;
use super::print::{self, Table};
use super::text::Text;
use super::view::{Artifact, Attempt, Job};

/// The status in its colour, with the one number that matters in it.
pub(super) fn status(job: &Job) -> String {
    let text = style(match &*job.status {
        "queued" if job.queue_position > 0 => format!("queued #{}", job.queue_position),
        "processing" if job.cancel_requested => "cancelling".to_owned(),
        "processing" => format!("processing {:.0}%", job.progress),
        other => other.to_owned(),
    });
    match &*job.status {
        "complete" => text.green(),
        "error" => text.red(),
        "processing" => text.cyan(),
        "cancelled" => text.dim(),
        _ => text.yellow(),
    }
    .to_string()
}

/// Everything that a reader may want to know about the job.
pub(super) fn details(job: &Job, client: &Client) -> String {
    let when = |time: Option<DateTime<Utc>>| time.map(print::when).unwrap_or_default();
    let mut params = job.params.clone();
    params.remove("prompt");
    let mut page = print::fields([
        ("job", job.id.to_string()),
        ("status", status(job)),
        ("stage", job.stage.as_ref().filter(|_| !job.has_ended()).map(Text::to_string).unwrap_or_default()),
        ("waiting", job.waits().unwrap_or_default()),
        ("expected", expected(job)),
        ("owner", job.owner.to_string()),
        ("user", job.user.as_ref().map(Text::to_string).unwrap_or_default()),
        ("backend", backend(job)),
        ("prompt", job.prompt().to_string()),
        ("params", if params.is_empty() { String::new() } else { json(&params.into()) }),
        ("result", job.result.as_ref().filter(|result| !result.is_null()).map(json).unwrap_or_default()),
        ("error", job.error.as_ref().map(|error| style(error).red().to_string()).unwrap_or_default()),
        ("detail", job.error.as_ref().and_then(|error| error.detail.as_ref()).map(Text::to_string).unwrap_or_default()),
        ("created", when(job.created_at)),
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
        times.into_iter().filter_map(|(what, time)| time.map(|time| format!("{what} at {}", print::clock(time))));
    if job.has_ended() { String::new() } else { told.collect::<Vec<_>>().join(", ") }
}

fn backend(job: &Job) -> String {
    match &job.device {
        Some(device) => format!("{} on {device}", job.backend),
        None => job.backend.to_string(),
    }
}

fn json(value: &serde_json::Value) -> String {
    Text::of(&easel_core::json::text(value)).to_string()
}

fn attempts(attempts: &[Attempt]) -> String {
    let mut table = Table::new(["ATTEMPT", "OUTCOME", "CHARGED", "TOOK", "COMPONENT", "ERROR"]);
    for attempt in attempts {
        let took = attempt.started_at.zip(attempt.ended_at).map(|(from, to)| (to - from).as_seconds_f64());
        table.row([
            attempt.number.to_string(),
            attempt.outcome.as_ref().map_or_else(|| "running".to_owned(), Text::to_string),
            if attempt.charged { "yes" } else { "no" }.to_owned(),
            took.map(print::seconds).unwrap_or_default(),
            attempt.backend_digest.as_deref().map(short).unwrap_or_default(),
            attempt.error.as_ref().map(|error| Text::of(&error.to_string()).one_line()).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn artifacts(artifacts: &[Artifact], client: &Client) -> String {
    let mut table = Table::new(["ARTIFACT", "TYPE", "SIZE", "PIXELS", "URL"]);
    for artifact in artifacts {
        table.row([
            artifact.name.one_line(),
            artifact.mime.one_line(),
            ByteSize(artifact.size).to_string(),
            artifact.width.zip(artifact.height).map(|(width, height)| format!("{width}×{height}")).unwrap_or_default(),
            client.on_server(&artifact.url).map_or_else(|_| artifact.url.one_line(), |url| url.to_string()),
        ]);
    }
    table.to_string()
}

/// The part of a digest that tells components apart.
pub(super) fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}
