//! Commands about jobs that are there: list, show, log, cancel, retry.

use anyhow::bail;
use console::style;
use reqwest::{Method, StatusCode};

use super::client::{Client, Remote};
use super::print::{self, Table};
use super::problem::ClientError;
use super::show;
use super::view::{Job, Jobs, Log, LogLine};

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only these: pending, queued, processing, complete, error or cancelled
    #[arg(long)]
    status: Option<String>,
    /// Only those of this backend
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct JobArgs {
    /// The job
    #[arg(value_parser = job_id)]
    id: String,
}

/// An id as the host writes it. What is none is said here: to the host it is just a path that leads nowhere.
pub(super) fn job_id(text: &str) -> Result<String, String> {
    match uuid::Uuid::try_parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("it is no id of a job: give one in full, `easel jobs` lists them".to_owned()),
    }
}

pub(super) async fn list(remote: &Remote, args: &ListArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let limit = args.limit.map(|limit| limit.to_string());
    let mut url = client.url(["v1", "jobs"]);
    for (key, value) in [("status", &args.status), ("backend", &args.backend), ("limit", &limit)] {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(key, value);
        }
    }
    let answer = client.ask(client.request(Method::GET, url)).await?;
    answer.print(remote.json, |Jobs { jobs, next }: Jobs| {
        if jobs.is_empty() {
            return "no jobs".to_owned();
        }
        let more = if next.is_some() { "\n… and more: --limit N" } else { "" };
        format!("{}{more}", table(&jobs))
    })
}

/// The jobs as a table, one line each.
pub(super) fn table(jobs: &[Job]) -> String {
    let mut table = Table::new(["ID", "STATUS", "BACKEND", "CREATED", "PROMPT"]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            show::status(job),
            job.backend.to_string(),
            job.created_at.map(print::ago).unwrap_or_default(),
            job.prompt().one_line(),
        ]);
    }
    table.to_string()
}

pub(super) async fn show(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let answer = client.get(&["v1", "jobs", &args.id]).await?;
    answer.print(remote.json, |job: Job| show::details(&job, &client))
}

pub(super) async fn log(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let answer = Client::new(remote)?.get(&["v1", "jobs", &args.id, "log"]).await?;
    answer.print(remote.json, |Log { lines }: Log| {
        if lines.is_empty() {
            return "the backend logged nothing".to_owned();
        }
        lines.iter().map(log_line).collect::<Vec<_>>().join("\n")
    })
}

fn log_line(line: &LogLine) -> String {
    let level = match &*line.level {
        "error" => style("error").red(),
        "warn" => style("warn ").yellow(),
        "info" => style("info ").green(),
        other => style(other).dim(),
    };
    let time = line.at.map(print::clock).unwrap_or_default();
    let attempt = line.attempt.map(|attempt| format!("#{attempt}")).unwrap_or_default();
    format!("{} {} {level:<5} {}", style(time).dim(), style(attempt).dim(), line.message)
}

pub(super) async fn cancel(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    match Client::new(remote)?.post(&["v1", "jobs", &args.id, "cancel"]).await {
        Ok(answer) => answer.print(remote.json, |job: Job| match &*job.status {
            "cancelled" => format!("job {} is cancelled", job.id),
            _ => format!("job {} will be cancelled: its backend has been told to stop", job.id),
        }),
        // The conflict carries the job, since what the user wants to know is how it ended instead.
        Err(ClientError::Refused(refusal)) if refusal.status == StatusCode::CONFLICT => {
            match serde_json::from_str::<Job>(&refusal.body) {
                Ok(job) => bail!("job {} has already ended: {}", job.id, job.status),
                Err(_) => Err(ClientError::Refused(refusal).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn retry(remote: &Remote, args: &JobArgs) -> anyhow::Result<()> {
    let answer = Client::new(remote)?.post(&["v1", "jobs", &args.id, "retry"]).await?;
    answer.print(remote.json, |job: Job| match &*job.status {
        "queued" => format!("job {} is queued again, place {} in line", job.id, job.queue_position),
        status => format!("job {} is {status} again", job.id),
    })
}
