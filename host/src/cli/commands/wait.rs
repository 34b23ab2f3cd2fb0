//! `easel wait`: until jobs have ended; and how an end is told.

use anyhow::{anyhow, bail};
use easel_wire::{Job, Status};
use futures_util::{StreamExt as _, stream};
use indicatif::MultiProgress;
use uuid::Uuid;

use super::follow;
use super::job::JobsArgs;
use crate::cli::args::id::JobRef;
use crate::cli::client::patience::outlast;
use crate::cli::client::{Body, Client, Remote};
use crate::cli::interrupt::until_interrupted;
use crate::cli::out::short_id::short;
use crate::cli::out::{print, show};

/// How long the host may be away while it is asked how a job ended.
pub(in crate::cli) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// So many jobs are followed at once, each over a connection of its own.
const AT_ONCE: usize = 16;

pub(in crate::cli) async fn run(remote: &Remote, args: &JobsArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let ids = JobRef::resolve_all(&args.ids, &client).await?;
    let bars = MultiProgress::new();
    let waiting = async {
        let mut failed: Vec<anyhow::Error> = Vec::new();
        // All at once, and each is told of when it has ended: nobody knows which one is first.
        let mut ends = stream::iter(&ids).map(|id| ended(&client, *id, &bars)).buffer_unordered(AT_ONCE);
        while let Some(end) = ends.next().await {
            let (answer, job) = end?;
            match outcome(&job) {
                _ if remote.json => bars.suspend(|| answer.print(true, |_: Job| String::new()))?,
                Ok(()) => bars.suspend(|| print::line(format_args!("job {} is complete", short(job.id))))?,
                Err(_) => {}
            }
            failed.extend(outcome(&job).err());
        }
        anyhow::Ok(failed)
    };
    let Some(outcome) = until_interrupted(waiting).await? else {
        bail!("stopped waiting: the jobs go on without you");
    };
    let mut failed = outcome?;
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
pub(in crate::cli) async fn ended(client: &Client, id: Uuid, bars: &MultiProgress) -> anyhow::Result<(Body, Job)> {
    follow::until_ended(client, id, bars).await?;
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
