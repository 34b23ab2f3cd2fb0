//! A job in words: its status on a line, or everything about it on a page.

use std::time::Duration;

use bytesize::ByteSize;
use console::style;
use easel_core::json;
use easel_wire::{Artifact, ErrorKind, Input, Job, JobError, OnDependencyFailure, Status, Time, Waiting};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::print::{self, Table};
use super::short_id::{short, shortened};
use super::text::one_line;
use crate::cli::client::Client;

/// The status in its colour, with the one number that matters in it.
pub(in crate::cli) fn status(job: &Job) -> String {
    let text = style(match job.status {
        Status::Queued if job.queue_position > 0 => format!("queued #{}", job.queue_position),
        Status::Processing if job.cancel_requested => "cancelling".to_owned(),
        Status::Processing if is_command(job) => "processing".to_owned(),
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
pub(in crate::cli) fn prompt(job: &Job) -> String {
    // A command has a name instead.
    let text = |name| job.params.as_ref()?.get(name)?.as_str();
    text("prompt").or_else(|| text("name")).unwrap_or_default().to_owned()
}

/// Whether it is a command of somebody's own, which `easel with` runs: it has no progress that could be told, and no backend.
pub(in crate::cli) fn is_command(job: &Job) -> bool {
    job.backend.starts_with("command@")
}

/// When what it waits for is over, if it waits for a time.
pub(in crate::cli) fn until(job: &Job) -> Option<Time> {
    match job.waiting_for? {
        // Events do not say the first, and the second is as it was asked for.
        Waiting::Time => job.waiting_until.or(job.not_before),
        Waiting::Retry => job.waiting_until.or(job.retry_at),
        _ => None,
    }
}

/// Why the job waits, in a sentence.
fn reason(job: &Job) -> Option<String> {
    let reason = job.waiting_for?;
    Some(job.waiting_detail.as_deref().map_or_else(|| words(reason).to_owned(), |told| shortened(&one_line(told))))
}

/// What events say no more of.
fn words(reason: Waiting) -> &'static str {
    match reason {
        Waiting::Turn => "it waits for its turn",
        Waiting::Paused => "its line is paused",
        Waiting::Device => "it waits for its device",
        Waiting::Backend => "it waits for its backend",
        Waiting::Dependency => "it waits for another job",
        Waiting::Time => "it was asked to start later",
        Waiting::Retry => "the next attempt starts after a pause",
        Waiting::Unknown => "it waits for something that this version of easel does not know",
    }
}

/// The same with the time at which that is over, where there is one.
fn waits(job: &Job) -> Option<String> {
    let reason = reason(job)?;
    Some(until(job).map(|time| format!("{}: {reason}", print::until(time.utc()))).unwrap_or(reason))
}

/// The same, where it is something else than its turn.
pub(in crate::cli) fn why_waiting(job: &Job) -> Option<String> {
    waits(job).filter(|_| job.waiting_for != Some(Waiting::Turn))
}

/// The same without a time: what jobs have in common.
pub(in crate::cli) fn why_several_wait(job: &Job) -> Option<String> {
    reason(job).filter(|_| job.waiting_for != Some(Waiting::Turn))
}

/// What went wrong with it.
pub(in crate::cli) fn error(error: &JobError) -> String {
    let message = shortened(&error.message);
    match error.kind {
        // It says nothing that "error" does not.
        ErrorKind::Failed => message,
        kind => format!("{kind}: {message}"),
    }
}

/// What the operator is told besides; nothing if that is what the user is told.
fn detail(error: &JobError) -> String {
    let said = error.detail.contains(error.message.trim_end_matches('.'));
    if said { String::new() } else { shortened(&error.detail) }
}

/// Everything that a reader may want to know about the job.
pub(in crate::cli) fn details(job: &Job, client: &Client) -> String {
    let when = |time: Option<Time>| time.map(|time| print::when(time.utc())).unwrap_or_default();
    let mut params = job.params.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    params.remove("prompt");
    let object = |fields: &Map<String, Value>| if fields.is_empty() { String::new() } else { json::text_of(fields) };
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let mut page = print::fields([
        ("job", job.id.to_string()),
        ("status", status(job)),
        ("stage", job.stage.clone().filter(|_| !job.has_ended()).unwrap_or_default()),
        ("waiting", waits(job).unwrap_or_default()),
        ("expected", expected(job)),
        ("owner", job.owner.clone()),
        ("user", job.user.clone().unwrap_or_default()),
        ("backend", backend(job)),
        ("priority", if job.priority == 0 { String::new() } else { job.priority.to_string() }),
        ("after", after(job)),
        ("not before", when(job.not_before)),
        ("timeout", job.timeout_s.map(timeout).unwrap_or_default()),
        ("conversation", job.conversation_id.clone().unwrap_or_default()),
        ("message", id(job.message_id)),
        ("batch", id(job.batch_id)),
        ("metadata", job.metadata.as_object().map(object).unwrap_or_default()),
        (if is_command(job) { "command" } else { "prompt" }, prompt(job)),
        ("params", object(&params)),
        ("inputs", job.inputs.iter().map(input).collect::<Vec<_>>().join("\n")),
        ("result", job.result.as_ref().filter(|result| !result.is_null()).map(json::text).unwrap_or_default()),
        ("error", job.error.as_ref().map(|told| style(error(told)).red().to_string()).unwrap_or_default()),
        ("detail", job.error.as_ref().map(detail).unwrap_or_default()),
        ("created", when(Some(job.created_at))),
        ("started", when(job.started_at)),
        ("ended", when(job.ended_at)),
        ("attempts", format!("{} of {} used", job.attempts_used, job.max_attempts)),
    ]);
    if !job.attempts.is_empty() {
        page += &format!("\n\n{}", attempts(job));
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

/// The jobs that have to end first, and what becomes of this one if they fail.
fn after(job: &Job) -> String {
    let jobs: Vec<_> = job.depends_on.iter().map(|id| format!("job {}", short(*id))).collect();
    match job.on_dependency_failure {
        OnDependencyFailure::Run if !jobs.is_empty() => format!("{}, also if they fail", jobs.join(", ")),
        _ => jobs.join(", "),
    }
}

fn timeout(seconds: u32) -> String {
    format!("{} for each attempt", humantime::format_duration(Duration::from_secs(seconds.into())))
}

fn input(Input { name, mime, size, .. }: &Input) -> String {
    one_line(&format!("{name}, {mime}, {}", ByteSize(*size)))
}

fn attempts(job: &Job) -> String {
    let mut table = Table::new(["ATTEMPT", "OUTCOME", "CHARGED", "TOOK", "COMPONENT", "ERROR"]);
    for attempt in &job.attempts {
        let lasted = attempt.ended_at.map(|to| (to.utc() - attempt.started_at.utc()).as_seconds_f64());
        // That of the job is told above.
        let other = attempt.error.as_ref().filter(|error| job.error.as_ref() != Some(*error));
        table.row([
            attempt.number.to_string(),
            attempt.outcome.map_or_else(|| "running".to_owned(), |outcome| outcome.to_string()),
            if attempt.charged { "yes" } else { "no" }.to_owned(),
            attempt.seconds.or(lasted).map(print::seconds).unwrap_or_default(),
            component(&attempt.backend_digest),
            other.map(|told| one_line(&error(told))).unwrap_or_default(),
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
pub(in crate::cli) fn component(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use easel_wire::Attempt;
    use serde_json::json;

    use super::*;
    use crate::cli::client::Remote;
    use crate::cli::out::sample;

    fn page(job: &Job) -> String {
        let client = Client::new(&Remote::default()).expect("a client");
        console::strip_ansi_codes(&details(job, &client)).into_owned()
    }

    fn in_five_minutes() -> Time {
        Time::from_micros((chrono::Utc::now() + chrono::Duration::minutes(5)).timestamp_micros())
    }

    #[test]
    fn a_job_that_waits_for_a_time_says_which_and_how_long_that_is() {
        let job = Job {
            waiting_for: Some(Waiting::Retry),
            waiting_detail: Some("attempt 1 failed; the next one starts after a pause".to_owned()),
            waiting_until: Some(in_five_minutes()),
            ..sample::job(1, Status::Pending)
        };
        let told = why_waiting(&job).expect("a reason");
        let clock = print::clock(in_five_minutes().utc());
        assert!(told.starts_with("until ") && told.contains(&clock[..4]), "{told}");
        assert!(told.ends_with(", in 5 min: attempt 1 failed; the next one starts after a pause"), "{told}");
        assert!(page(&job).contains(&told));
        let event = Job { waiting_detail: None, waiting_until: None, retry_at: job.waiting_until, ..job };
        assert!(why_waiting(&event).expect("a reason").ends_with("in 5 min: the next attempt starts after a pause"));
    }

    #[test]
    fn a_page_has_all_that_was_asked_for_and_nothing_that_was_not() {
        let job = Job {
            priority: -5,
            depends_on: vec![Uuid::from_u128(2)],
            on_dependency_failure: OnDependencyFailure::Run,
            not_before: Some(in_five_minutes()),
            timeout_s: Some(90),
            conversation_id: Some("c1".to_owned()),
            message_id: Some(Uuid::from_u128(3)),
            batch_id: Some(Uuid::from_u128(4)),
            metadata: json!({"ref": 7}),
            inputs: vec![Input {
                name: "init".to_owned(),
                upload: Uuid::nil(),
                mime: "image/png".to_owned(),
                size: 2_048,
                sha256: String::new(),
            }],
            ..sample::job(1, Status::Pending)
        };
        let told = page(&job);
        for line in [
            "priority      -5".to_owned(),
            "after         job 00000002, also if they fail".to_owned(),
            "timeout       1m 30s for each attempt".to_owned(),
            "conversation  c1".to_owned(),
            format!("message       {}", Uuid::from_u128(3)),
            format!("batch         {}", Uuid::from_u128(4)),
            "metadata      {\"ref\":7}".to_owned(),
            format!("inputs        init, image/png, {}", ByteSize(2_048)),
        ] {
            assert!(told.lines().any(|shown| shown == line), "no {line:?} in\n{told}");
        }
        assert!(told.lines().any(|line| line.starts_with("not before") && line.ends_with("(in 5 min)")), "{told}");
        let plain = page(&sample::job(1, Status::Queued));
        for name in
            ["priority", "after", "not before", "timeout", "conversation", "message", "batch", "metadata", "inputs"]
        {
            assert!(!plain.lines().any(|line| line.starts_with(name)), "{name} in\n{plain}");
        }
    }

    #[test]
    fn what_went_wrong_is_said_once() {
        let error = JobError {
            kind: ErrorKind::Invalid,
            message: "no such colour.".to_owned(),
            detail: "the backend returned invalid: no such colour.".to_owned(),
            retryable: false,
            dependency_id: None,
        };
        let attempt = |number, error| Attempt {
            number,
            charged: true,
            backend_digest: "sha256:0".to_owned(),
            started_at: in_five_minutes(),
            ended_at: Some(in_five_minutes()),
            seconds: Some(1.0),
            outcome: Some(easel_wire::Outcome::Error),
            error: Some(error),
        };
        let before = JobError { message: "a hiccup".to_owned(), ..error.clone() };
        let attempts = vec![attempt(1, before), attempt(2, error.clone())];
        let job = Job { error: Some(error), attempts, ..sample::job(1, Status::Error) };
        let told = page(&job);
        assert_eq!((told.matches("no such colour").count(), told.matches("a hiccup").count()), (1, 1), "{told}");
    }

    #[test]
    fn a_command_of_ones_own_has_no_percents() {
        let job = Job { backend: "command@gpu0".to_owned(), progress: 40, ..sample::job(1, Status::Processing) };
        assert_eq!(console::strip_ansi_codes(&status(&job)), "processing");
        let job = Job { backend: "forge".to_owned(), ..job };
        assert_eq!(console::strip_ansi_codes(&status(&job)), "processing 40%");
    }
}
