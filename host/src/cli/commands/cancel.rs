//! `easel cancel`: jobs by their ids, or all that have something in common.

use anyhow::bail;
use easel_wire::{CancelMany, Cancelled, Job, OneOrMany, Status};
use reqwest::{Method, StatusCode};
use uuid::Uuid;

use crate::cli::Usage;
use crate::cli::args::id::JobRef;
use crate::cli::client::problem::ClientError;
use crate::cli::client::{Client, Remote};
use crate::cli::out::short_id::short;
use crate::cli::out::{print, show};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The jobs: their ids, or any beginnings or ends of them that are no other job's
    #[arg(value_name = "ID", conflicts_with = "filter")]
    ids: Vec<JobRef>,
    #[command(flatten)]
    filter: Filter,
}

/// What jobs have in common. Of each that is named, one has to fit.
#[derive(Debug, clap::Args)]
#[group(id = "filter", multiple = true)]
struct Filter {
    /// Every job of this user that has not ended; may be repeated, like the other filters
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Every job of this owner
    #[arg(long, value_name = "NAME")]
    owner: Vec<String>,
    /// Every job for this backend
    #[arg(long, value_name = "NAME")]
    backend: Vec<String>,
    /// Every job with this status: pending, queued or processing
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Vec<Status>,
    /// Every job of this batch
    #[arg(long = "batch", value_name = "ID")]
    batch_id: Vec<Uuid>,
    /// Every job of this conversation
    #[arg(long = "conversation", value_name = "ID")]
    conversation_id: Vec<String>,
}

fn status(word: &str) -> Result<Status, &'static str> {
    match word {
        "pending" => Ok(Status::Pending),
        "queued" => Ok(Status::Queued),
        "processing" => Ok(Status::Processing),
        _ => Err("write pending, queued or processing"),
    }
}

impl Filter {
    /// The same for the host.
    fn asked(&self) -> CancelMany {
        fn named<T: Clone>(values: &[T]) -> Option<OneOrMany<T>> {
            (!values.is_empty()).then(|| OneOrMany::Many(values.to_vec()))
        }
        CancelMany {
            batch_id: named(&self.batch_id),
            conversation_id: named(&self.conversation_id),
            backend: named(&self.backend),
            owner: named(&self.owner),
            user: named(&self.user),
            status: named(&self.status),
            ..CancelMany::default()
        }
    }
}

pub(in crate::cli) async fn run(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    if args.ids.is_empty() {
        return many(remote, &client, &args.filter).await;
    }
    let ids = JobRef::resolve_all(&args.ids, &client).await?;
    let (last, mut failed) = (ids.len() == 1, 0);
    for id in ids.iter().copied() {
        match one(remote, &client, id).await {
            Ok(()) => {}
            Err(error) if last => return Err(error),
            Err(error) => {
                failed += 1;
                print::aside(format!("{error:#}"));
            }
        }
    }
    if failed > 0 { bail!("{failed} of {} could not be cancelled", print::count(ids.len(), "job")) } else { Ok(()) }
}

async fn one(remote: &Remote, client: &Client, id: Uuid) -> anyhow::Result<()> {
    match client.post(&["v1", "jobs", &id.to_string(), "cancel"]).await {
        Ok(answer) => answer.print(remote.json, |job: Job| cancelled(&job)),
        // The conflict carries the job: what the user wants to know is how it ended instead.
        Err(ClientError::Refused(refusal)) if refusal.status == StatusCode::CONFLICT && !remote.json => {
            match refusal.job().map(|job| job.status) {
                Some(Status::Complete) => bail!("job {} is already complete", short(id)),
                Some(Status::Error) => bail!("job {} has already failed", short(id)),
                Some(status) => bail!("job {} has already ended with status {status}", short(id)),
                None => Err(ClientError::Refused(refusal).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn cancelled(job: &Job) -> String {
    let id = short(job.id);
    match job.status {
        Status::Cancelled => format!("job {id} is cancelled"),
        _ if show::is_command(job) => format!("job {id} is being cancelled: its command has been told to end"),
        _ => format!("job {id} is being cancelled: its backend has been told to stop"),
    }
}

async fn many(remote: &Remote, client: &Client, filter: &Filter) -> anyhow::Result<()> {
    let asked = filter.asked();
    if asked == CancelMany::default() {
        let rule = "name jobs by their ids, or what they have in common: --user, --owner, --backend, --status, --batch, --conversation";
        return Err(Usage(rule.to_owned()).into());
    }
    let request = client.request(Method::POST, client.url(["v1", "jobs", "cancel"]));
    let answer = client.ask(request.json(&asked)).await?;
    let Cancelled { cancelled, more } = answer.parse()?;
    if cancelled == 0 && !more {
        bail!("nothing was cancelled: no job that waits or runs fits");
    }
    answer.print(remote.json, |_: Cancelled| {
        let rest = if more { ", and the rest follow" } else { "" };
        format!("{} cancelled{rest}", print::count(cancelled, "job"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn who_is_told_to_stop_is_the_backend_or_the_command() {
        let job = sample::job(1, Status::Processing);
        assert_eq!(cancelled(&job), "job 00000001 is being cancelled: its backend has been told to stop");
        let command = Job { backend: "command@gpu0".to_owned(), ..job };
        assert_eq!(cancelled(&command), "job 00000001 is being cancelled: its command has been told to end");
    }
}
