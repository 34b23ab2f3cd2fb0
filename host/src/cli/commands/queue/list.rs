//! `easel queue list`: the line in its order; and what keeps it from moving.

use easel_wire::{Job, Jobs};

use crate::cli::args::paging::Paging;
use crate::cli::client::{Body, Client, Remote};
use crate::cli::commands::jobs;
use crate::cli::out::print::{self, Table};
use crate::cli::out::short_id::short;
use crate::cli::out::show;
use crate::cli::out::text::one_line;

/// How many jobs are asked why they wait, and how many answers are shown.
const ASKED: usize = 200;
const REASONS: usize = 5;
/// How much of a prompt is shown where there are reasons beside it.
const PROMPT: usize = 24;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    paging: Paging,
}

pub(in crate::cli) async fn list(remote: &Remote, client: &Client, args: &Args) -> anyhow::Result<()> {
    let wanted = args.paging.wanted();
    let url = url(client);
    if remote.json {
        return jobs::pass_on(client, &url, wanted).await;
    }
    let Jobs { jobs, next } = jobs::read(client, &url, wanted, Body::parse::<Jobs>).await?;
    if jobs.is_empty() {
        return print::line("nothing runs, and nothing waits");
    }
    print::line(table(&jobs, args.paging.wide))?;
    if next.is_some() {
        print::aside(args.paging.more());
    }
    Ok(())
}

fn url(client: &Client) -> reqwest::Url {
    let mut url = client.url(["v1", "jobs"]);
    url.query_pairs_mut().append_pair("order", "line");
    url
}

fn table(jobs: &[Job], wide: bool) -> String {
    let reasons = jobs.iter().any(|job| show::why_waiting(job).is_some());
    let mut table = Table::new(["ID", "STATUS", "BACKEND", "USER", "START", "PROMPT", "WAITS FOR"]).uncut(wide);
    for job in jobs {
        let prompt = one_line(&show::prompt(job));
        table.row([
            if wide { job.id.to_string() } else { short(job.id) },
            show::status(job),
            job.backend.clone(),
            job.user.as_deref().map(one_line).unwrap_or_default(),
            job.estimated_start_at.map(|time| print::clock(time.utc())).unwrap_or_default(),
            if reasons && !wide { console::truncate_str(&prompt, PROMPT, "…").into_owned() } else { prompt },
            show::why_waiting(job).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// What keeps jobs from starting besides their turn, and how many of those at the head of the line.
pub(in crate::cli) async fn reasons(client: &Client) -> anyhow::Result<Vec<String>> {
    let Jobs { jobs, next } = jobs::read(client, &url(client), Some(ASKED), Body::parse::<Jobs>).await?;
    let mut told: Vec<(String, usize)> = Vec::new();
    for why in jobs.iter().filter_map(show::why_several_wait) {
        match told.iter_mut().find(|(known, _)| *known == why) {
            Some((_, jobs)) => *jobs += 1,
            None => told.push((why, 1)),
        }
    }
    let others = told.len().saturating_sub(REASONS);
    told.truncate(REASONS);
    let at_least = if next.is_some() { " or more" } else { "" };
    let mut reasons: Vec<String> = told
        .into_iter()
        .map(|(why, jobs)| format!("{}{at_least}: {}", print::count(jobs, "job"), of_several(&why)))
        .collect();
    if others > 0 {
        reasons.push(format!("{} more: `easel queue list` has them", print::count(others, "reason")));
    }
    Ok(reasons)
}

/// What is said of one job, said of several.
fn of_several(why: &str) -> &str {
    why.strip_prefix("it was ").unwrap_or(why)
}

#[cfg(test)]
mod tests {
    use easel_wire::{Status, Waiting};

    use super::*;
    use crate::cli::out::sample;

    #[test]
    fn the_line_says_why_a_job_waits_unless_it_is_its_turn() {
        let waiting = |job: Job, reason, detail: &str| Job {
            waiting_for: Some(reason),
            waiting_detail: Some(detail.to_owned()),
            params: None,
            ..job
        };
        let next = Job { queue_position: 1, ..sample::job(10, Status::Queued) };
        let jobs = [
            waiting(next, Waiting::Turn, "next on gpu0"),
            waiting(sample::job(11, Status::Pending), Waiting::Dependency, "job A has not ended"),
        ];
        let text = table(&jobs, false);
        let expected = "\
            ID        STATUS     BACKEND  WAITS FOR\n\
            0000000a  queued #1  forge\n\
            0000000b  pending    forge    job A has not ended";
        assert_eq!(console::strip_ansi_codes(&text), expected);
    }
}
