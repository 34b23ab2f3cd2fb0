//! `easel move`, `easel prioritise`: another place in line.

use reqwest::Method;
use serde_json::json;

use super::client::{Client, Remote};
use super::id::{JobRef, short};
use super::view::Job;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub(super) struct Args {
    /// The job
    id: JobRef,
    /// To the front of its line
    #[arg(long, group = "place")]
    front: bool,
    /// To the end of its line
    #[arg(long, group = "place")]
    back: bool,
    /// Right before this job
    #[arg(long, value_name = "ID", group = "place")]
    before: Option<JobRef>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Priority {
    /// The job
    id: JobRef,
    /// From -100 to 100
    #[arg(allow_negative_numbers = true)]
    priority: i32,
}

pub(super) async fn to(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let place = match &args.before {
        Some(other) => json!({ "before": other.resolve(&client).await? }),
        None => json!({"to": if args.front { "front" } else { "back" }}),
    };
    let request = client.request(Method::POST, client.url(["v1", "jobs", &id, "move"])).json(&place);
    client.ask(request).await?.print(remote.json, stands)
}

pub(super) async fn prioritise(remote: &Remote, args: &Priority) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let request = client.request(Method::PATCH, client.url(["v1", "jobs", &id]));
    client.ask(request.json(&json!({"priority": args.priority}))).await?.print(remote.json, stands)
}

fn stands(job: Job) -> String {
    match &*job.status {
        "queued" => format!("job {} is now at place {}", short(&job.id), job.queue_position),
        status => format!("job {} is {status}", short(&job.id)),
    }
}
