//! `easel queue list`: the line in its order; and what keeps it from moving.

use super::client::{Client, Remote};
use super::id::short;
use super::paging::Paging;
use super::print::{self, Table};
use super::view::Job;
use super::{jobs, show};

/// How many jobs are asked why they wait, and how many answers are shown.
const ASKED: usize = 200;
const REASONS: usize = 5;
/// How much of a prompt is shown where there are reasons beside it.
const PROMPT: usize = 24;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    paging: Paging,
}

pub(super) async fn list(remote: &Remote, client: &Client, args: &Args) -> anyhow::Result<()> {
    let wanted = args.paging.wanted();
    let url = url(client);
    if remote.json {
        let (jobs, next) = jobs::read::<serde_json::Value>(client, &url, wanted).await?;
        return print::json(&serde_json::json!({"jobs": jobs, "next": next}).to_string());
    }
    let (jobs, next) = jobs::read::<Job>(client, &url, wanted).await?;
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
    let reasons = jobs.iter().any(|job| job.why_waiting().is_some());
    let mut table = Table::new(["ID", "STATUS", "BACKEND", "USER", "START", "PROMPT", "WAITS FOR"]).uncut(wide);
    for job in jobs {
        let prompt = job.prompt().one_line();
        table.row([
            if wide { job.id.to_string() } else { short(&job.id).to_owned() },
            show::status(job),
            job.backend.to_string(),
            job.user.as_ref().map(|user| user.one_line()).unwrap_or_default(),
            job.estimated_start_at.map(print::clock).unwrap_or_default(),
            if reasons && !wide { console::truncate_str(&prompt, PROMPT, "…").into_owned() } else { prompt },
            job.why_waiting().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// What keeps jobs from starting besides their turn, and how many of those at the head of the line.
pub(super) async fn reasons(client: &Client) -> anyhow::Result<Vec<String>> {
    let (jobs, next) = jobs::read::<Job>(client, &url(client), Some(ASKED)).await?;
    let mut told: Vec<(String, usize)> = Vec::new();
    for why in jobs.iter().filter_map(Job::why_waiting) {
        match told.iter_mut().find(|(known, _)| *known == why) {
            Some((_, jobs)) => *jobs += 1,
            None => told.push((why, 1)),
        }
    }
    let others = told.len().saturating_sub(REASONS);
    told.truncate(REASONS);
    let at_least = if next.is_some() { " or more" } else { "" };
    let mut reasons: Vec<String> =
        told.into_iter().map(|(why, jobs)| format!("{}{at_least}: {why}", print::count(jobs, "job"))).collect();
    if others > 0 {
        reasons.push(format!("{} more: `easel queue list` has them", print::count(others, "reason")));
    }
    Ok(reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_why_a_job_waits_unless_it_is_its_turn() {
        let jobs: Vec<Job> = serde_json::from_value(serde_json::json!([
            {"id": "A", "status": "queued", "backend": "forge", "queue_position": 1, "waiting_for": "turn", "waiting_detail": "next on gpu0"},
            {"id": "B", "status": "pending", "backend": "forge", "waiting_for": "dependency", "waiting_detail": "job A has not ended"},
        ]))
        .expect("jobs");
        let text = table(&jobs, false);
        let expected =
            "ID  STATUS     BACKEND  WAITS FOR\nA   queued #1  forge\nB   pending    forge    job A has not ended";
        assert_eq!(console::strip_ansi_codes(&text), expected);
    }
}
