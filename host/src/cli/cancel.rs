//! `easel cancel`: jobs by their ids, or all that have something in common.

use anyhow::bail;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::Usage;
use super::client::{Client, Remote};
use super::id::{JobRef, short};
use super::print;
use super::problem::ClientError;
use super::view::Job;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The jobs: their ids, or any beginnings or ends of them that are no other job's
    #[arg(value_name = "ID", conflicts_with = "filter")]
    ids: Vec<JobRef>,
    #[command(flatten)]
    filter: Filter,
}

/// What jobs have in common. Of each that is named, one has to fit.
#[derive(Debug, clap::Args, Serialize)]
#[group(id = "filter", multiple = true)]
struct Filter {
    /// All of this user that have not ended; may be repeated, as the others may
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<String>,
    /// All of this owner
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owner: Vec<String>,
    /// All for this backend
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backend: Vec<String>,
    /// All with this status: pending, queued or processing
    #[arg(long, value_name = "STATUS")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    status: Vec<String>,
    /// All of this batch
    #[arg(long = "batch", value_name = "ID")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batch_id: Vec<String>,
    /// All of this conversation
    #[arg(long = "conversation", value_name = "ID")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conversation_id: Vec<String>,
}

/// What came of a filter.
#[derive(Debug, Deserialize)]
struct Many {
    cancelled: usize,
    #[serde(default)]
    more: bool,
}

pub(super) async fn run(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    if args.ids.is_empty() {
        return many(remote, &client, &args.filter).await;
    }
    let ids = JobRef::resolve_all(&args.ids, &client).await?;
    let (last, mut failed) = (ids.len() == 1, 0);
    for id in &ids {
        match one(remote, &client, id).await {
            Ok(()) => {}
            Err(error) if last => return Err(error),
            Err(error) => {
                failed += 1;
                print::aside(format!("{error:#}"));
            }
        }
    }
    if failed > 0 { bail!("{} of {} not cancelled", failed, print::count(ids.len(), "job")) } else { Ok(()) }
}

async fn one(remote: &Remote, client: &Client, id: &str) -> anyhow::Result<()> {
    match client.post(&["v1", "jobs", id, "cancel"]).await {
        Ok(answer) => answer.print(remote.json, |job: Job| match &*job.status {
            "cancelled" => format!("job {} is cancelled", short(&job.id)),
            _ => format!("job {} is being cancelled: its backend has been told to stop", short(&job.id)),
        }),
        // The conflict carries the job: what the user wants to know is how it ended instead.
        Err(ClientError::Refused(refusal)) if refusal.status == StatusCode::CONFLICT && !remote.json => {
            match refusal.job().as_ref().map(|job| &*job.status) {
                Some("complete") => bail!("job {} is already complete", short(id)),
                Some("error") => bail!("job {} has already failed", short(id)),
                Some(status) => bail!("job {} has already ended with status {status}", short(id)),
                None => Err(ClientError::Refused(refusal).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn many(remote: &Remote, client: &Client, filter: &Filter) -> anyhow::Result<()> {
    let body = serde_json::to_value(filter)?;
    if body.as_object().is_none_or(|named| named.is_empty()) {
        let rule = "name jobs by their ids, or what they have in common: --user, --owner, --backend, --status, --batch, --conversation";
        return Err(Usage(rule.to_owned()).into());
    }
    let request = client.request(Method::POST, client.url(["v1", "jobs", "cancel"]));
    let answer = client.ask(request.json(&body)).await?;
    let Many { cancelled, more } = answer.parse()?;
    if cancelled == 0 && !more {
        bail!("nothing was cancelled: no job that waits or runs matches");
    }
    answer.print(remote.json, |_: Many| {
        let rest = if more { ", and the rest follow" } else { "" };
        format!("{} cancelled{rest}", print::count(cancelled, "job"))
    })
}
