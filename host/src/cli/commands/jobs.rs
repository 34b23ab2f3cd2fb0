//! `easel jobs`: the newest jobs, as many as asked for, over as many pages as that takes.

use easel_wire::{Job, Jobs};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::cli::args::paging::Paging;
use crate::cli::args::when::When;
use crate::cli::client::problem::ClientError;
use crate::cli::client::{Body, Client, Remote};
use crate::cli::out::print::{self, Table};
use crate::cli::out::short_id::short;
use crate::cli::out::show;
use crate::cli::out::text::one_line;

/// The most jobs that a page has.
const PAGE: usize = 200;
/// How many pages are read for a list that finds less than it was asked for. Each looks at some twenty thousand jobs.
const PAGES: usize = 20;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListArgs {
    /// Only these: pending, queued, processing, complete, error or cancelled; may be repeated
    #[arg(long)]
    status: Vec<String>,
    /// Only those of this backend; may be repeated
    #[arg(long, value_name = "NAME")]
    backend: Vec<String>,
    /// Only those of this user; may be repeated
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Only those of this owner; may be repeated
    #[arg(long, value_name = "NAME")]
    owner: Vec<String>,
    /// Only those of this conversation; may be repeated
    #[arg(long, value_name = "ID")]
    conversation: Vec<String>,
    /// Only those created since: 30m, 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only those with all of these words in their prompt
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

pub(in crate::cli) async fn list(remote: &Remote, args: &ListArgs) -> anyhow::Result<()> {
    let client = Client::new(remote)?;
    let mut url = client.url(["v1", "jobs"]);
    let mut add = |key, value: &str| _ = url.query_pairs_mut().append_pair(key, value);
    for (key, values) in [
        ("status", &args.status),
        ("backend", &args.backend),
        ("user", &args.user),
        ("owner", &args.owner),
        ("conversation_id", &args.conversation),
    ] {
        values.iter().for_each(|value| add(key, value));
    }
    if let Some(since) = &args.since {
        add("since", &since.to_string());
    }
    if let Some(words) = &args.search {
        add("q", words);
    }
    let wanted = args.paging.wanted();
    if remote.json {
        return pass_on(&client, &url, wanted).await;
    }
    let Jobs { jobs, next } = read(&client, &url, wanted, Body::parse::<Jobs>).await?;
    let enough = wanted.is_some_and(|wanted| jobs.len() >= wanted);
    if jobs.is_empty() {
        print::line("no jobs")?;
    } else {
        print::line(table(&jobs, args.paging.wide))?;
    }
    match (next.is_some(), enough) {
        (true, true) => print::aside(args.paging.more()),
        (true, false) => print::aside("older jobs were not looked at: --all looks at all of them"),
        (false, _) => {}
    }
    Ok(())
}

/// Prints as many jobs as wanted, or all, as the host sends them.
pub(in crate::cli) async fn pass_on(client: &Client, url: &Url, wanted: Option<usize>) -> anyhow::Result<()> {
    print::shape(&read(client, url, wanted, Body::as_sent::<Jobs<Value>>).await?)
}

/// As many jobs as wanted, or all, and where to go on.
pub(in crate::cli) async fn read<J>(
    client: &Client,
    url: &Url,
    wanted: Option<usize>,
    of: impl Fn(&Body) -> Result<Jobs<J>, ClientError>,
) -> anyhow::Result<Jobs<J>> {
    let (mut jobs, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let missing = wanted.map_or(PAGE, |wanted| wanted.saturating_sub(jobs.len()));
        if missing == 0 || (wanted.is_some() && pages == PAGES) {
            return Ok(Jobs { jobs, next: cursor });
        }
        let mut page = url.clone();
        page.query_pairs_mut().append_pair("limit", &missing.min(PAGE).to_string());
        if let Some(cursor) = &cursor {
            page.query_pairs_mut().append_pair("cursor", cursor);
        }
        let Jobs { jobs: more, next } = of(&client.ask(client.request(Method::GET, page)).await?)?;
        pages = if more.is_empty() { pages + 1 } else { 0 };
        jobs.extend(more);
        cursor = next;
        if cursor.is_none() {
            return Ok(Jobs { jobs, next: None });
        }
    }
}

/// The jobs as a table, one line each. What is the same for all of them is said only where there is room for everything.
pub(in crate::cli) fn table(jobs: &[Job], wide: bool) -> String {
    let several = |of: fn(&Job) -> &str| jobs.iter().any(|job| jobs.first().is_some_and(|first| of(first) != of(job)));
    let (backends, owners) = (wide || several(|job| &job.backend), wide || several(|job| &job.owner));
    let shown = |show: bool, text: &str| if show { text.to_owned() } else { String::new() };
    let mut table = Table::new(["ID", "STATUS", "OWNER", "USER", "BACKEND", "AGE", "PROMPT"]).uncut(wide);
    for job in jobs {
        table.row([
            if wide { job.id.to_string() } else { short(job.id) },
            status(job),
            shown(owners, &job.owner),
            job.user.as_deref().map(one_line).unwrap_or_default(),
            shown(backends, &job.backend),
            print::age(job.created_at.utc()),
            one_line(&show::prompt(job)),
        ]);
    }
    table.to_string()
}

/// Where it stands, and until when if it waits for a time.
fn status(job: &Job) -> String {
    match show::until(job) {
        Some(time) => format!("{} {}", show::status(job), print::until(time.utc())),
        None => show::status(job),
    }
}

#[cfg(test)]
mod tests {
    use easel_wire::{Status, Waiting};

    use super::*;
    use crate::cli::out::sample;

    const ID: u128 = 0x0199_aaaa_bbbb_7ccc_8ddd_eeee_1234_5678;

    #[test]
    fn a_list_names_jobs_by_the_end_of_their_ids_and_leaves_the_room_to_the_prompt() {
        let jobs = [sample::job(ID, Status::Complete)];
        let text = table(&jobs, false);
        assert_eq!(console::strip_ansi_codes(&text), "ID        STATUS    AGE  PROMPT\n12345678  complete  0s   a fox");
    }

    #[test]
    fn a_job_that_waits_for_a_time_is_listed_with_it() {
        let in_an_hour = (chrono::Utc::now() + chrono::Duration::minutes(120)).timestamp_micros();
        let (waiting_for, not_before) = (Some(Waiting::Time), Some(easel_wire::Time::from_micros(in_an_hour)));
        let text = table(&[Job { waiting_for, not_before, ..sample::job(ID, Status::Pending) }], false);
        assert!(text.contains("pending") && text.contains(" until ") && text.contains(", in 2 h"), "{text}");
    }

    #[test]
    fn what_differs_between_jobs_has_a_column() {
        let ann = Job { user: Some("ann".to_owned()), ..sample::job(10, Status::Complete) };
        let stub = Job { backend: "stub".to_owned(), ..sample::job(11, Status::Complete) };
        let text = table(&[ann, stub], false);
        let expected = "\
            ID        STATUS    USER  BACKEND  AGE  PROMPT\n\
            0000000a  complete  ann   forge    0s   a fox\n\
            0000000b  complete        stub     0s   a fox";
        assert_eq!(console::strip_ansi_codes(&text), expected);
    }
}
