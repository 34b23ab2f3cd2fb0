//! `easel submit`: files up, job in line, and with `--wait` the pictures down.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::{ValueEnum, value_parser};
use easel_core::json;
use easel_wire::{Job, NewJob, OnDependencyFailure, Status};
use indicatif::MultiProgress;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::upload::{Input, upload};
use super::wait::{self, PATIENCE};
use super::{place, save};
use crate::cli::Usage;
use crate::cli::args::id::JobRef;
use crate::cli::client::patience::outlast;
use crate::cli::client::problem::ClientError;
use crate::cli::client::{Body, Client, Remote};
use crate::cli::interrupt::until_interrupted;
use crate::cli::out::short_id::short;
use crate::cli::out::{print, show};
use crate::config;

/// The longest time that a job may ask for, in seconds: a week.
const LONGEST: u32 = 7 * 24 * 3_600;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What to make: the param `prompt`
    #[arg(required_unless_present = "params")]
    prompt: Option<String>,
    /// The backend [default: the host's]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// The backend's params, as a JSON object or a file with one
    #[arg(long, value_name = "JSON|@FILE", value_parser = params)]
    params: Option<Map<String, Value>>,
    /// An input file, and the name that the backend knows it by; may be repeated
    #[arg(long = "input", value_name = "NAME=FILE")]
    inputs: Vec<Input>,
    /// From -100 to 100: higher starts sooner [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = place::priority)]
    priority: Option<i32>,
    /// The user it is for: users take turns
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A job that must complete first; may be repeated
    #[arg(long = "after", value_name = "ID")]
    depends_on: Vec<JobRef>,
    /// What becomes of it when one of those does not complete [default: fail]
    #[arg(long, value_name = "WHAT", requires = "depends_on")]
    on_dependency_failure: Option<DependencyFailure>,
    /// Start no earlier than this, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// How long one attempt may take, such as 90s, 5m or 2h [default: what its backend has]
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<u32>,
    /// How many attempts it has, from 1 to 100 [default: what its backend has]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100))]
    attempts: Option<u32>,
    /// The conversation that it belongs to
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// The message that it reports to
    #[arg(long, value_name = "ID")]
    message: Option<Uuid>,
    /// Wait until it has ended, and save its files
    #[arg(long)]
    wait: bool,
    /// The directory to save them to
    #[arg(long, value_name = "DIR", default_value = ".", requires = "wait")]
    out: PathBuf,
}

/// What becomes of a job when one that it comes after does not complete.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DependencyFailure {
    /// It fails as well
    Fail,
    /// It runs all the same
    Run,
}

/// In seconds, as the host has it.
fn timeout(text: &str) -> Result<u32, String> {
    let time = config::duration(text)?;
    let seconds = u32::try_from(time.as_secs()).ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.ok_or_else(|| "must be from 1s to 7d".to_owned())
}

fn params(text: &str) -> Result<Map<String, Value>, String> {
    let text = match text.strip_prefix('@') {
        Some(file) => std::fs::read(file).map_err(|error| format!("{file}: {error}"))?,
        None => text.as_bytes().to_vec(),
    };
    match json::read(&text) {
        Ok(Value::Object(params)) if !json::letters::is_number(&params) => Ok(params),
        Ok(_) => Err("not a JSON object: write {\"prompt\": \"a red fox\"}".to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
    }
}

pub(in crate::cli) async fn run(remote: &Remote, args: Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let new = new_job(&client, &args).await?;
    let accepted = hand_over(&client, &new).await?;
    let job: Job = accepted.parse()?;
    if !args.wait {
        return accepted.print(remote.json, |job: Job| in_line(&job));
    }
    // Its place is said in a moment, and again whenever it changes.
    print::aside(format!("job {} is submitted to {}", short(job.id), job.backend));
    let Some(outcome) = until_interrupted(collect(remote, &client, job.id, &args)).await? else {
        let id = short(job.id);
        bail!("stopped waiting; job {id} goes on: `easel wait {id}`, `easel save {id}`, `easel cancel {id}`");
    };
    outcome
}

async fn new_job(client: &Client, args: &Args) -> anyhow::Result<NewJob> {
    let mut params = args.params.clone().unwrap_or_default();
    if let Some(prompt) = &args.prompt
        && params.insert("prompt".to_owned(), prompt.as_str().into()).is_some()
    {
        return Err(Usage("the prompt is given twice: as PROMPT and in --params".to_owned()).into());
    }
    let mut inputs = Vec::with_capacity(args.inputs.len());
    for input in &args.inputs {
        inputs.push(upload(client, input).await?);
    }
    let depends_on = JobRef::resolve_all(&args.depends_on, client).await?;
    Ok(NewJob {
        params,
        inputs: Some(inputs),
        backend: args.backend.clone(),
        priority: args.priority,
        user: args.user.clone(),
        depends_on: Some(depends_on.iter().map(Uuid::to_string).collect()),
        on_dependency_failure: args.on_dependency_failure.map(|what| match what {
            DependencyFailure::Fail => OnDependencyFailure::Fail,
            DependencyFailure::Run => OnDependencyFailure::Run,
        }),
        not_before: args.not_before.clone(),
        timeout_s: args.timeout,
        max_attempts: args.attempts,
        conversation_id: args.conversation.clone(),
        message_id: args.message,
        metadata: None,
    })
}

/// Posts the job until an answer comes back: the key makes a repetition safe, however much of the last try arrived.
async fn hand_over(client: &Client, new: &NewJob) -> Result<Body, ClientError> {
    let (key, body) = (Uuid::now_v7().to_string(), crate::show::text(new));
    let attempt = async || {
        let request = client.request(Method::POST, client.url(["v1", "jobs"])).header("idempotency-key", &key);
        client.ask(request.header(CONTENT_TYPE, "application/json").body(body.clone())).await
    };
    outlast(PATIENCE, false, attempt).await
}

fn in_line(job: &Job) -> String {
    let told = format!("job {} for {} is {}", short(job.id), job.backend, job.status);
    match (job.status, show::why_waiting(job)) {
        (Status::Queued, None) => format!("{told} at place {}", job.queue_position),
        (Status::Queued, Some(why)) => format!("{told} at place {}: {why}", job.queue_position),
        (_, Some(why)) => format!("{told}: {why}"),
        (_, None) => told,
    }
}

/// Waits for the end and brings home what there is.
async fn collect(remote: &Remote, client: &Client, id: Uuid, args: &Args) -> anyhow::Result<()> {
    let (answer, job) = wait::ended(client, id, &MultiProgress::new()).await?;
    let paths = match job.status {
        Status::Complete => save::artifacts(client, &job, &args.out).await.map_err(|error| {
            let id = short(id);
            anyhow!("job {id} is complete, but its files could not be saved ({error:#}): try `easel save {id}`")
        })?,
        _ => Vec::new(),
    };
    if remote.json {
        answer.print(true, |_: Job| String::new())?;
    }
    save::tell(remote, &paths)?;
    if job.status == Status::Complete && paths.is_empty() {
        print::aside(format!("job {} is complete and made no files", short(id)));
    }
    wait::outcome(&job)
}

#[cfg(test)]
mod tests {
    use easel_wire::{Time, Waiting};

    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn a_timeout_is_a_duration_and_is_told_by_example_and_by_its_bounds() {
        assert_eq!((timeout("90s"), timeout("2h"), timeout("7d")), (Ok(90), Ok(7_200), Ok(LONGEST)));
        for text in ["0s", "10ms", "8d"] {
            assert_eq!(timeout(text), Err("must be from 1s to 7d".to_owned()), "{text}");
        }
        for text in ["90", "soon", ""] {
            assert!(timeout(text).is_err_and(|told| told.ends_with("write one like 90s, 5m or 2h")), "{text}");
        }
    }

    #[test]
    fn who_has_put_a_job_in_line_is_told_what_it_waits_for() {
        let queued = Job { queue_position: 3, waiting_for: Some(Waiting::Turn), ..sample::job(1, Status::Queued) };
        assert_eq!(in_line(&queued), "job 00000001 for forge is queued at place 3");
        let (waiting_for, waiting_detail) = (Some(Waiting::Paused), Some("gpu0 was paused by ann".to_owned()));
        let paused = Job { waiting_for, waiting_detail, ..queued.clone() };
        assert_eq!(in_line(&paused), "job 00000001 for forge is queued at place 3: gpu0 was paused by ann");
        let waiting_until = Some(Time::from_micros(0));
        let later = Job { status: Status::Pending, waiting_for: Some(Waiting::Time), waiting_until, ..queued };
        assert!(in_line(&later).starts_with("job 00000001 for forge is pending: until 1970-"), "{}", in_line(&later));
    }
}
