//! `easel move`, `easel prioritise`: another place in line.

use easel_wire::{End, Job, JobPatch, Move, Status};
use reqwest::Method;

use super::client::{Client, Remote};
use super::id::{JobRef, short};

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
        Some(other) => Move { before: Some(other.resolve(&client).await?), to: None },
        None => Move { to: Some(if args.front { End::Front } else { End::Back }), before: None },
    };
    let request = client.request(Method::POST, client.url(["v1", "jobs", &id.to_string(), "move"])).json(&place);
    client.ask(request).await?.print(remote.json, stands)
}

pub(super) async fn prioritise(remote: &Remote, args: &Priority) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let request = client.request(Method::PATCH, client.url(["v1", "jobs", &id.to_string()]));
    client.ask(request.json(&JobPatch { priority: args.priority })).await?.print(remote.json, stands)
}

fn stands(job: Job) -> String {
    match job.status {
        Status::Queued => format!("job {} is now at place {}", short(job.id), job.queue_position),
        status => format!("job {} is {status}", short(job.id)),
    }
}
