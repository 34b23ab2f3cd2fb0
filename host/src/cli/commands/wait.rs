//! `easel wait`: until jobs have ended; and how an end is told.

use anyhow::{anyhow, bail};
use easel_wire::{Job, Status};
use uuid::Uuid;

use super::follow;
use super::job::JobsArgs;
use crate::cli::args::id::JobRef;
use crate::cli::client::patience::outlast;
use crate::cli::client::{Body, Client, Remote};
use crate::cli::out::short_id::short;
use crate::cli::out::{print, show};

/// How long the host may be away while it is asked how a job ended.
pub(in crate::cli) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(in crate::cli) async fn run(remote: &Remote, args: &JobsArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let ids = JobRef::resolve_all(&args.ids, &client).await?;
    let waiting = async {
        let mut failed: Vec<anyhow::Error> = Vec::new();
        for id in ids.iter().copied() {
            let (answer, job) = ended(&client, id).await?;
            if remote.json {
                answer.print(true, |_: Job| String::new())?;
            }
            match outcome(&job) {
                Ok(()) if remote.json => {}
                Ok(()) => print::line(format_args!("job {} is complete", short(id)))?,
                Err(error) => failed.push(error),
            }
        }
        anyhow::Ok(failed)
    };
    let mut failed = tokio::select! {
        failed = waiting => failed?,
        _ = tokio::signal::ctrl_c() => bail!("stopped waiting: the jobs go on without you"),
    };
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0)),
        several => {
            failed.iter().for_each(print::aside);
            bail!("{several} of {} did not complete", print::count(ids.len(), "job"))
        }
    }
}

/// The job when it has ended: as the host sends it, and what that means.
pub(in crate::cli) async fn ended(client: &Client, id: Uuid) -> anyhow::Result<(Body, Job)> {
    follow::until_ended(client, id).await?;
    let answer = outlast(PATIENCE, true, async || client.get(&["v1", "jobs", &id.to_string()]).await).await?;
    let job = answer.parse()?;
    Ok((answer, job))
}

/// An error unless the job has completed.
pub(in crate::cli) fn outcome(job: &Job) -> anyhow::Result<()> {
    let id = short(job.id);
    match (job.status, &job.error) {
        (Status::Complete, _) => Ok(()),
        (Status::Cancelled, _) => Err(anyhow!("job {id} was cancelled")),
        (_, Some(error)) => Err(anyhow!("job {id} failed: {}", show::error(error))),
        (status, None) => Err(anyhow!("job {id} ended with status {status}")),
    }
}
