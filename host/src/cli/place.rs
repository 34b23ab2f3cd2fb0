//! `easel move`, `easel prioritise`: another place in line.

use reqwest::Method;
use serde_json::json;

use super::client::{Client, Remote};
use super::jobs::job_id;
use super::view::Job;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub(super) struct Args {
    /// The job
    #[arg(value_parser = job_id)]
    id: String,
    /// To the front of its line
    #[arg(long, group = "place")]
    front: bool,
    /// To the end of its line
    #[arg(long, group = "place")]
    back: bool,
    /// Right before this job
    #[arg(long, value_name = "ID", group = "place", value_parser = job_id)]
    before: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Priority {
    /// The job
    #[arg(value_parser = job_id)]
    id: String,
    /// From -100 to 100
    #[arg(allow_negative_numbers = true)]
    priority: i32,
}

pub(super) async fn to(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let place = match &args.before {
        Some(other) => json!({ "before": other }),
        None => json!({"to": if args.front { "front" } else { "back" }}),
    };
    let client = Client::new(remote)?;
    let request = client.request(Method::POST, client.url(["v1", "jobs", &args.id, "move"])).json(&place);
    client.ask(request).await?.print(remote.json, stands)
}

pub(super) async fn prioritise(remote: &Remote, args: &Priority) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let request = client.request(Method::PATCH, client.url(["v1", "jobs", &args.id]));
    client.ask(request.json(&json!({"priority": args.priority}))).await?.print(remote.json, stands)
}

fn stands(job: Job) -> String {
    match &*job.status {
        "queued" => format!("job {} is now at place {}", job.id, job.queue_position),
        status => format!("job {} is {status}", job.id),
    }
}
