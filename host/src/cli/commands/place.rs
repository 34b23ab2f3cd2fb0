//! `easel move`, `easel prioritise`: another place in line.

use easel_core::order::PRIORITIES;
use easel_wire::{End, Job, JobPatch, Move, Status};
use reqwest::Method;

use crate::cli::args::id::JobRef;
use crate::cli::client::{Client, Remote};
use crate::cli::out::short_id::short;
use crate::cli::out::show;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub(in crate::cli) struct Args {
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
pub(in crate::cli) struct Priority {
    /// The job
    id: JobRef,
    /// From -100 to 100: higher starts sooner
    #[arg(allow_negative_numbers = true, value_parser = priority)]
    priority: i32,
}

/// A priority, wherever one is given.
pub(in crate::cli) fn priority(text: &str) -> Result<i32, String> {
    let priority = text.parse().ok().filter(|priority| PRIORITIES.contains(priority));
    priority
        .ok_or_else(|| format!("priority is {text} and must be from {} to {}", PRIORITIES.start(), PRIORITIES.end()))
}

pub(in crate::cli) async fn to(remote: &Remote, args: &Args) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let place = match &args.before {
        Some(other) => Move { before: Some(other.resolve(&client).await?), to: None },
        None => Move { to: Some(if args.front { End::Front } else { End::Back }), before: None },
    };
    let request = client.request(Method::POST, client.url(["v1", "jobs", &id.to_string(), "move"])).json(&place);
    client.ask(request).await?.print(remote.json, |job: Job| match job.status {
        Status::Queued => format!("job {} is at place {} now", short(job.id), job.queue_position),
        // Its turn came meanwhile.
        status => format!("job {} is {status}", short(job.id)),
    })
}

pub(in crate::cli) async fn prioritise(remote: &Remote, args: &Priority) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let id = args.id.resolve(&client).await?;
    let request = client.request(Method::PATCH, client.url(["v1", "jobs", &id.to_string()]));
    client
        .ask(request.json(&JobPatch { priority: args.priority }))
        .await?
        .print(remote.json, |job: Job| prioritised(&job))
}

fn prioritised(job: &Job) -> String {
    let told = format!("job {} has priority {} now, and is {}", short(job.id), job.priority, job.status);
    match (job.status, show::why_waiting(job)) {
        (Status::Queued, _) => format!("{told} at place {}", job.queue_position),
        (_, Some(why)) => format!("{told}: {why}"),
        (_, None) => told,
    }
}

#[cfg(test)]
mod tests {
    use easel_wire::Waiting;

    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn a_new_priority_is_confirmed_whether_the_job_has_a_place_or_not() {
        let queued = Job { priority: 5, queue_position: 2, ..sample::job(1, Status::Queued) };
        assert_eq!(prioritised(&queued), "job 00000001 has priority 5 now, and is queued at place 2");
        let waiting_detail = Some(format!("job {} has not ended", uuid::Uuid::from_u128(2)));
        let waiting_for = Some(Waiting::Dependency);
        let pending = Job { priority: 5, waiting_for, waiting_detail, ..sample::job(1, Status::Pending) };
        let told = "job 00000001 has priority 5 now, and is pending: job 00000002 has not ended";
        assert_eq!(prioritised(&pending), told);
    }

    #[test]
    fn a_priority_that_there_is_not_is_refused_in_the_words_of_the_host() {
        assert_eq!((priority("-100"), priority("100")), (Ok(-100), Ok(100)));
        for number in [101, -101] {
            let told = easel_core::Refusal::BadPriority(number).to_string();
            assert_eq!(priority(&number.to_string()), Err(told));
        }
        for text in ["5.5", "high", ""] {
            assert_eq!(priority(text), Err(format!("priority is {text} and must be from -100 to 100")));
        }
    }
}
