//! `easel submit`: files up, job in line, and with `--wait` the pictures down.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::client::{Body, Client, Remote};
use super::patience::{Patience, outlast};
use super::problem::ClientError;
use super::upload::{Input, upload};
use super::view::Job;
use super::{Usage, follow, print, save};

/// How long the host may be away while a job is being handed over or asked about.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to make; goes to the backend as the param `prompt`
    #[arg(required_unless_present = "params")]
    prompt: Option<String>,
    /// The backend [default: the host's]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// The backend's params, as a JSON object or a file with one
    #[arg(long, value_name = "JSON|@FILE", value_parser = params)]
    params: Option<Map<String, Value>>,
    /// A file for the backend, under the name by which it asks for it; may be repeated
    #[arg(long = "input", value_name = "NAME=FILE")]
    inputs: Vec<Input>,
    /// How much it matters, from -100 to 100
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// For whom: users take turns
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A job that has to complete first; may be repeated
    #[arg(long = "after", value_name = "ID")]
    depends_on: Vec<String>,
    /// Not before this time, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Wait for the end, and save what the job made
    #[arg(long)]
    wait: bool,
    /// Where to save it
    #[arg(long, value_name = "DIR", default_value = ".", requires = "wait")]
    out: PathBuf,
}

fn params(text: &str) -> Result<Map<String, Value>, String> {
    let json = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&json).map_err(|error| format!("not a JSON object: {error}"))
}

pub(super) async fn run(remote: &Remote, args: Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let body = envelope(&client, &args).await?;
    let accepted = hand_over(&client, &body).await?;
    let job: Job = accepted.parse()?;
    if !args.wait {
        return accepted.print(remote.json, |job: Job| in_line(&job));
    }
    eprintln!("{}", in_line(&job));
    tokio::select! {
        outcome = collect(remote, &client, &job.id, &args) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!(
            "stopped waiting; job {id} goes on: `easel show {id}` to look at it, `easel cancel {id}` to cancel it",
            id = job.id
        )),
    }
}

async fn envelope(client: &Client, args: &Args) -> anyhow::Result<Value> {
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
    let mut envelope = json!({ "params": params, "inputs": inputs });
    if let Some(fields) = envelope.as_object_mut() {
        let given = [
            ("backend", args.backend.as_deref().map(Value::from)),
            ("priority", args.priority.map(Value::from)),
            ("user", args.user.as_deref().map(Value::from)),
            ("depends_on", (!args.depends_on.is_empty()).then(|| args.depends_on.clone().into())),
            ("not_before", args.not_before.as_deref().map(Value::from)),
        ];
        fields.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    Ok(envelope)
}

/// Posts the job until an answer comes back: the key makes a repetition safe, however much of the last try arrived. A
/// host that was never there is another matter: nothing is lost by saying so at once.
async fn hand_over(client: &Client, envelope: &Value) -> Result<Body, ClientError> {
    let key = Uuid::now_v7().to_string();
    let mut patience = Patience::new(PATIENCE);
    let mut reached = false;
    loop {
        let request = client.request(Method::POST, client.url(["v1", "jobs"]));
        match client.ask(request.header("idempotency-key", &key).json(envelope)).await {
            Err(ClientError::Lost { .. }) if patience.wait().await => reached = true,
            Err(ClientError::Unreachable { .. }) if reached && patience.wait().await => {}
            outcome => return outcome,
        }
    }
}

fn in_line(job: &Job) -> String {
    match &*job.status {
        "queued" => format!("job {} is queued, place {} in line for {}", job.id, job.queue_position, job.backend),
        status => format!("job {} is {status}, for {}", job.id, job.backend),
    }
}

/// Waits for the end and brings home what there is.
async fn collect(remote: &Remote, client: &Client, id: &str, args: &Args) -> anyhow::Result<()> {
    follow::until_ended(client, id).await?;
    let ended = outlast(PATIENCE, async || client.get(&["v1", "jobs", id]).await).await?;
    let job: Job = ended.parse()?;
    let paths = match &*job.status {
        "complete" => save::artifacts(client, &job, &args.out).await.with_context(|| {
            format!("job {id} is complete, but what it made could not be saved; `easel show {id}` says where it is")
        })?,
        _ => Vec::new(),
    };
    if remote.json {
        ended.print(true, |_: Job| String::new())?;
    }
    for path in &paths {
        if remote.json { eprintln!("{}", path.display()) } else { print::line(path.display())? }
    }
    match (&*job.status, job.error) {
        ("complete", _) if paths.is_empty() => {
            eprintln!("job {id} is complete and made no files");
            Ok(())
        }
        ("complete", _) => Ok(()),
        ("cancelled", _) => Err(anyhow!("job {id} was cancelled")),
        (_, Some(error)) => Err(anyhow!("job {id} failed: {error}")),
        (status, None) => Err(anyhow!("job {id} ended: {status}")),
    }
}
