//! `easel jobs`: the newest jobs, as many as asked for, over as many pages as that takes.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::id::short;
use super::paging::Paging;
use super::print::{self, Table};
use super::show;
use super::view::{Job, Jobs};
use super::when::When;

/// The most jobs that a page has.
const PAGE: usize = 200;
/// How many pages are read for a list that finds less than it was asked for. Each looks at some twenty thousand jobs.
const PAGES: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
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

pub(super) async fn list(remote: &Remote, args: &ListArgs) -> anyhow::Result<()> {
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
        let (jobs, next) = read::<Value>(&client, &url, wanted).await?;
        return print::json(&json!({"jobs": jobs, "next": next}).to_string());
    }
    let (jobs, next) = read::<Job>(&client, &url, wanted).await?;
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

/// As many jobs as wanted, or all, and where to go on.
pub(super) async fn read<T: serde::de::DeserializeOwned>(
    client: &Client,
    url: &Url,
    wanted: Option<usize>,
) -> anyhow::Result<(Vec<T>, Option<String>)> {
    let (mut jobs, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let missing = wanted.map_or(PAGE, |wanted| wanted.saturating_sub(jobs.len()));
        if missing == 0 || (wanted.is_some() && pages == PAGES) {
            return Ok((jobs, cursor));
        }
        let mut page = url.clone();
        page.query_pairs_mut().append_pair("limit", &missing.min(PAGE).to_string());
        if let Some(cursor) = &cursor {
            page.query_pairs_mut().append_pair("cursor", cursor);
        }
        let Jobs::<T> { jobs: more, next } = client.ask(client.request(Method::GET, page)).await?.parse()?;
        pages = if more.is_empty() { pages + 1 } else { 0 };
        jobs.extend(more);
        cursor = next.map(|next| next.to_string());
        if cursor.is_none() {
            return Ok((jobs, None));
        }
    }
}

/// The jobs as a table, one line each. What is the same for all of them is said only where there is room for everything.
pub(super) fn table(jobs: &[Job], wide: bool) -> String {
    let several = |of: fn(&Job) -> &str| jobs.iter().any(|job| jobs.first().is_some_and(|first| of(first) != of(job)));
    let (backends, owners) = (wide || several(|job| &job.backend), wide || several(|job| &job.owner));
    let shown = |show: bool, text: &str| if show { text.to_owned() } else { String::new() };
    let mut table = Table::new(["ID", "STATUS", "OWNER", "USER", "BACKEND", "AGE", "PROMPT"]).uncut(wide);
    for job in jobs {
        table.row([
            if wide { job.id.to_string() } else { short(&job.id).to_owned() },
            show::status(job),
            shown(owners, &job.owner),
            job.user.as_ref().map(|user| user.one_line()).unwrap_or_default(),
            shown(backends, &job.backend),
            job.created_at.map(print::age).unwrap_or_default(),
            job.prompt().one_line(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, more: &Value) -> Job {
        let mut job = json!({"id": id, "status": "complete", "backend": "forge", "owner": "local", "params": {"prompt": "a fox"}});
        if let (Some(job), Some(more)) = (job.as_object_mut(), more.as_object()) {
            job.extend(more.clone());
        }
        serde_json::from_value(job).expect("a job")
    }

    #[test]
    fn a_list_names_jobs_by_the_end_of_their_ids_and_leaves_the_room_to_the_prompt() {
        let jobs = [job("0199aaaa-bbbb-7ccc-8ddd-eeee12345678", &json!({}))];
        let text = table(&jobs, false);
        assert_eq!(console::strip_ansi_codes(&text), "ID        STATUS    PROMPT\n12345678  complete  a fox");
    }

    #[test]
    fn what_differs_between_jobs_has_a_column() {
        let jobs = [job("A", &json!({"user": "ann"})), job("B", &json!({"backend": "stub"}))];
        let text = table(&jobs, false);
        let expected = "ID  STATUS    USER  BACKEND  PROMPT\nA   complete  ann   forge    a fox\nB   complete        stub     a fox";
        assert_eq!(console::strip_ansi_codes(&text), expected);
    }
}
