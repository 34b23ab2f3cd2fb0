//! `easel submit`: files up, job in line, and with `--wait` the pictures down.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use easel_core::json;
use easel_wire::{Job, NewJob, Status};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::client::{Body, Client, Remote};
use super::id::{JobRef, short};
use super::patience::Patience;
use super::problem::ClientError;
use super::upload::{Input, upload};
use super::wait::{self, PATIENCE};
use super::{Usage, print, save};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
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
    /// From -100 to 100: higher starts sooner
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// The user it is for: users take turns
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A job that must complete first; may be repeated
    #[arg(long = "after", value_name = "ID")]
    depends_on: Vec<JobRef>,
    /// Start no earlier than this, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Wait until it has ended, and save its files
    #[arg(long)]
    wait: bool,
    /// The directory to save them to
    #[arg(long, value_name = "DIR", default_value = ".", requires = "wait")]
    out: PathBuf,
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

pub(super) async fn run(remote: &Remote, args: Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let new = new_job(&client, &args).await?;
    let accepted = hand_over(&client, &new).await?;
    let job: Job = accepted.parse()?;
    if !args.wait {
        return accepted.print(remote.json, |job: Job| in_line(&job));
    }
    // Its place is said in a moment, and again whenever it changes.
    print::aside(format!("job {} is submitted to {}", short(job.id), job.backend));
    tokio::select! {
        outcome = collect(remote, &client, job.id, &args) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!(
            "stopped waiting; job {id} goes on: `easel wait {id}`, `easel save {id}`, `easel cancel {id}`",
            id = short(job.id)
        )),
    }
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
        not_before: args.not_before.clone(),
        ..NewJob::default()
    })
}

/// Posts the job until an answer comes back: the key makes a repetition safe, however much of the last try arrived. A
/// host that was never there is another matter: nothing is lost by saying so at once.
async fn hand_over(client: &Client, new: &NewJob) -> Result<Body, ClientError> {
    let key = Uuid::now_v7().to_string();
    let mut patience = Patience::new(PATIENCE);
    let mut reached = false;
    let body = crate::show::text(new);
    loop {
        let request = client.request(Method::POST, client.url(["v1", "jobs"]));
        match client
            .ask(request.header("idempotency-key", &key).header(CONTENT_TYPE, "application/json").body(body.clone()))
            .await
        {
            Err(ClientError::Lost { .. }) if patience.wait().await => reached = true,
            Err(ClientError::Unreachable { .. }) if reached && patience.wait().await => {}
            outcome => return outcome,
        }
    }
}

fn in_line(job: &Job) -> String {
    match job.status {
        Status::Queued => {
            format!("job {} is queued for {}, at place {}", short(job.id), job.backend, job.queue_position)
        }
        status => format!("job {} for {} is {status}", short(job.id), job.backend),
    }
}

/// Waits for the end and brings home what there is.
async fn collect(remote: &Remote, client: &Client, id: Uuid, args: &Args) -> anyhow::Result<()> {
    let (answer, job) = wait::ended(client, id).await?;
    let paths = match job.status {
        Status::Complete => save::artifacts(client, &job, &args.out).await.with_context(|| {
            format!("job {id} is complete, but its files could not be saved; try `easel save {id}`", id = short(id))
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
