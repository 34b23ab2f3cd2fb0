//! Commands about one job, or a few: show, log, retry, delete, save, open.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{anyhow, bail};
use console::style;
use easel_wire::{Job, Log, LogLine, Status};
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::save;
use crate::cli::args::id::JobRef;
use crate::cli::client::{Client, Remote};
use crate::cli::interrupt::until_interrupted;
use crate::cli::out::short_id::short;
use crate::cli::out::text::cause;
use crate::cli::out::{print, show};

/// How often the log of a job that runs is read again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct JobArgs {
    /// The job: its id, or any beginning or end of it that is no other job's
    id: JobRef,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct JobsArgs {
    /// The jobs: their ids, or any beginnings or ends of them that are no other job's
    #[arg(required = true, value_name = "ID")]
    pub(in crate::cli) ids: Vec<JobRef>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct LogArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Go on until the job has ended
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SaveArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The directory to save them to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(in crate::cli) async fn show(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    client.get(&["v1", "jobs", &id.to_string()]).await?.print(remote.json, |job: Job| show::details(&job, &client))
}

pub(in crate::cli) async fn log(remote: &Remote, args: &LogArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.job.id.resolve(&client).await?;
    if args.follow {
        return until_interrupted(follow_log(remote, &client, id)).await?.unwrap_or(Ok(()));
    }
    let answer = client.get(&["v1", "jobs", &id.to_string(), "log"]).await?;
    let Log { lines }: Log = answer.parse()?;
    if lines.is_empty() && !remote.json {
        let job = client.get(&["v1", "jobs", &id.to_string()]).await?.parse()?;
        return print::line(nothing_logged(&job));
    }
    answer.print(remote.json, |_: Log| lines.iter().map(log_line).collect::<Vec<_>>().join("\n"))
}

/// Why there is no line to show.
fn nothing_logged(job: &Job) -> String {
    let id = short(job.id);
    match job.has_ended() {
        _ if show::is_command(job) => {
            format!(
                "job {id} is a command of `easel with`: what it wrote went to where it was started, and not to the host"
            )
        }
        true => format!("job {id} is over ({}), and its backend logged nothing", job.status),
        false => format!("job {id} is {}, and its backend has logged nothing so far", job.status),
    }
}

/// Prints what is logged until the job has ended; with `--json`, one line of JSON for each.
async fn follow_log(remote: &Remote, client: &Client, id: Uuid) -> anyhow::Result<()> {
    let (mut seen, id) = (0, id.to_string());
    loop {
        // Asked before the log is read: what a job logs before its end is in the log that is read after it.
        let job: Job = client.get(&["v1", "jobs", &id]).await?.parse()?;
        let answer = client.get(&["v1", "jobs", &id, "log"]).await?;
        if remote.json {
            let Log { lines } = answer.as_sent::<Log<Value>>()?;
            for line in lines.iter().skip(seen) {
                print::shape(line)?;
            }
            seen = seen.max(lines.len());
        } else {
            let Log { lines }: Log = answer.parse()?;
            for line in lines.iter().skip(seen) {
                print::line(log_line(line))?;
            }
            seen = seen.max(lines.len());
        }
        if job.has_ended() {
            // Whoever sees nothing is to know that there is nothing more to come.
            return if seen == 0 && !remote.json { print::line(nothing_logged(&job)) } else { Ok(()) };
        }
        sleep(AGAIN).await;
    }
}

fn log_line(line: &LogLine) -> String {
    let level = match &*line.level {
        "error" => style("error").red(),
        "warn" => style("warn ").yellow(),
        "info" => style("info ").green(),
        other => style(other).dim(),
    };
    let (time, attempt) = (print::clock(line.at.utc()), format!("#{}", line.attempt));
    // A line of the log that has several must not look like several of the log.
    let message = line.message.replace('\n', "\n    ");
    format!("{} {} {level:<5} {message}", style(time).dim(), style(attempt).dim())
}

pub(in crate::cli) async fn retry(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    client.post(&["v1", "jobs", &id.to_string(), "retry"]).await?.print(remote.json, |job: Job| match job.status {
        Status::Queued => format!("job {} is queued again, at place {}", short(job.id), job.queue_position),
        status => format!("job {} is {status} again", short(job.id)),
    })
}

/// A job that is gone.
#[derive(Serialize)]
struct Deleted {
    deleted: Uuid,
}

/// Each that can be deleted is; what cannot is said, and is a failure.
pub(in crate::cli) async fn delete(remote: &Remote, args: &JobsArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let ids = JobRef::resolve_all(&args.ids, &client).await?;
    let (last, mut failed) = (ids.len() == 1, 0);
    for id in ids.iter().copied() {
        let request = client.request(Method::DELETE, client.url(["v1", "jobs", &id.to_string()]));
        match client.send(request).await {
            Ok(_) if remote.json => print::shape(&Deleted { deleted: id })?,
            Ok(_) => print::line(format_args!("job {} is deleted", short(id)))?,
            Err(error) if last => return Err(error.into()),
            Err(error) => {
                failed += 1;
                print::aside(error);
            }
        }
    }
    if failed > 0 { bail!("{failed} of {} could not be deleted", print::count(ids.len(), "job")) } else { Ok(()) }
}

pub(in crate::cli) async fn save(remote: &Remote, args: &SaveArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.job.id.resolve(&client).await?;
    let answer = client.get(&["v1", "jobs", &id.to_string()]).await?;
    let job = with_files(answer.parse()?)?;
    let paths = save::artifacts(&client, &job, &args.out).await?;
    if remote.json {
        answer.print(true, |_: Job| String::new())?;
    }
    save::tell(remote, &paths)
}

/// Shows what the job made, in whatever the desktop shows such files with.
pub(in crate::cli) async fn open(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let answer = client.get(&["v1", "jobs", &id.to_string()]).await?;
    let job = with_files(answer.parse()?)?;
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    for artifact in &job.artifacts {
        let url = client.on_server(&artifact.url)?;
        let outcome = tokio::process::Command::new(opener)
            .arg(url.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .map_err(|error| {
                anyhow!(
                    "cannot run {opener} ({}): open {url} in a browser, or use `easel save {}`",
                    cause(&error),
                    short(id)
                )
            })?;
        if !outcome.success() {
            bail!("{opener} could not open {url} ({outcome}): open it in a browser, or use `easel save {}`", short(id));
        }
        if !remote.json {
            print::line(&url)?;
        }
    }
    if remote.json { answer.print(true, |_: Job| String::new()) } else { Ok(()) }
}

fn with_files(job: Job) -> anyhow::Result<Job> {
    match (job.status, job.artifacts.is_empty()) {
        (_, false) => Ok(job),
        (Status::Complete, true) => bail!("job {} made no files", short(job.id)),
        (status, true) if job.has_ended() => {
            bail!(
                "job {} has no files: {}",
                short(job.id),
                if status == Status::Error { "it failed" } else { "it was cancelled" }
            )
        }
        (status, true) => {
            bail!("job {id} has no files yet: it is {status}; `easel wait {id}` waits for its end", id = short(job.id))
        }
    }
}
