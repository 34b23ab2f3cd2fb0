//! `GET /v1/jobs`: the newest first, narrowed by filters; the line in its order; or whatever an id begins or ends like.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use easel_core::{Actor, BatchId, Body, Job, JobId, State, Status, Timestamp, Viewer};
use easel_wire::Jobs;
use uuid::Uuid;

use super::envelope::moment;
use crate::choice::one_of;
use crate::events::Logged;
use crate::store::JobFilter;
use crate::web::answer::reply;
use crate::web::extract::body::ID;
use crate::web::extract::query::Query;
use crate::web::{Answer, Host, Problem};

/// How many jobs a page has, unless it is told otherwise, and at the most: params come along, up to 64 KiB each.
const PAGE: (usize, usize) = (50, 200);
/// How many events may come while a page is read.
const CHANGES: usize = 10_000;
/// How many batches a list can be of.
const BATCHES: usize = 10;
/// How many words can be looked for at once, and how long they may be together, in bytes.
const WORDS: (usize, usize) = (16, 400);
/// How far into the line a list goes.
const LINE: usize = 20_000;
/// How many jobs are shown whose id has the same part.
const ALIKE: usize = 10;
/// How long an id is.
const LENGTH: usize = 36;

pub(in crate::web) async fn list(host: Arc<Host>, actor: Actor, query: Query) -> Answer {
    query.only(&[
        "id",
        "status",
        "backend",
        "owner",
        "user",
        "conversation_id",
        "message_id",
        "batch_id",
        "since",
        "until",
        "q",
        "order",
        "limit",
        "cursor",
    ])?;
    let viewer = actor.viewer();
    if let Some(part) = query.one("id")? {
        return alike(&host, &viewer, part, &query).await;
    }
    let filter = filter(&host, viewer, &query).await?;
    match query.one("order")? {
        None | Some("newest") => newest(&host, &filter, &query).await,
        Some("line") => line(&host, &filter, &query),
        Some("oldest" | "ended") => Err(Problem::not_supported_yet("this order").in_field("order")),
        Some(other) => Err(Problem::invalid("order", format!("unknown order {other:?}; use newest or line"))),
    }
}

async fn newest(host: &Host, filter: &JobFilter, query: &Query) -> Answer {
    let (limit, before) = (query.limit(PAGE.0, PAGE.1)?, query.cursor()?);
    let begun = host.scheduler.hub().head();
    let (jobs, mut next) = host.scheduler.jobs(filter, before, limit).await?;
    let (state, mut jobs) = in_one_state(host, &filter.viewer, jobs).await?;
    // Some may have gone on since they were read, others may belong here only since then: a page is of one state.
    jobs.retain(|job| filter.matches(job));
    let listed: HashSet<JobId> = jobs.iter().map(|job| job.id).collect();
    let here = |job: &&Arc<Job>| {
        before.is_none_or(|before| job.ticket < before)
            && next.is_none_or(|next| job.ticket >= next)
            && !listed.contains(&job.id)
            && filter.matches(job)
    };
    let changed = changed_since(host, begun, &state).await;
    jobs.extend(changed.iter().filter_map(|id| state.job(*id)).filter(here).cloned());
    jobs.sort_unstable_by_key(|job| Reverse(job.ticket));
    if jobs.len() > limit {
        jobs.truncate(limit);
        next = jobs.last().map(|job| job.ticket);
    }
    Ok(page(host, &state, jobs.iter().map(|job| &**job), next.map(|ticket| ticket.to_string())))
}

/// The jobs to which something has happened after an event, up to this state.
async fn changed_since(host: &Host, seq: u64, state: &State) -> BTreeSet<JobId> {
    let hub = host.scheduler.hub();
    // A state is known a moment before its events are.
    if hub.watch_head().wait_for(|head| *head >= state.seq).await.is_err() {
        return BTreeSet::new();
    }
    // Those that are not in memory any more happened long ago.
    let events = hub.since(seq, CHANGES).unwrap_or_default();
    let of = |logged: &Arc<Logged>| match &logged.event.body {
        Body::Job { job, .. } => Some(job.id),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// What has not ended, in the order in which it would start. The line moves: a page is of its own moment, and its cursor the number of
/// those before it.
fn line(host: &Host, filter: &JobFilter, query: &Query) -> Answer {
    let (limit, skipped) = (query.limit(PAGE.0, PAGE.1)?, query.cursor()?.unwrap_or(0));
    let state = host.scheduler.state();
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let mut rest = in_line(&state).into_iter().enumerate().skip(skipped).filter(|(_, job)| filter.matches(job));
    let shown: Vec<(usize, Arc<Job>)> = rest.by_ref().take(limit).collect();
    let next = rest.next().map(|(index, _)| index.to_string());
    Ok(page(host, &state, shown.iter().map(|(_, job)| &**job), next))
}

/// What runs, then each device's line, then what waits for something else than its turn.
fn in_line(state: &State) -> Vec<Arc<Job>> {
    let running = state.devices().filter_map(|device| state.job(device.occupant.as_ref()?.job));
    let mut jobs: Vec<Arc<Job>> = running.cloned().collect();
    for device in state.devices() {
        jobs.extend(state.line(&device.name, LINE));
    }
    // Devices of a pool have one line.
    let mut known: HashSet<JobId> = HashSet::new();
    jobs.retain(|job| known.insert(job.id));
    let room = LINE.saturating_sub(jobs.len());
    jobs.extend(state.jobs().filter(|job| !known.contains(&job.id)).take(room).cloned());
    jobs.truncate(LINE);
    jobs
}

/// The jobs whose id begins or ends like this.
async fn alike(host: &Host, viewer: &Viewer, part: &str, query: &Query) -> Answer {
    if let Some((other, _)) = query.pairs().iter().find(|(name, _)| name != "id") {
        let detail =
            format!("id cannot be combined with {other}: it lists the jobs whose id it fits, {ALIKE} at the most");
        return Err(Problem::invalid(other, detail));
    }
    let part = part.to_ascii_lowercase();
    if part.is_empty() || part.len() > LENGTH || !part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        let detail = "id must be the beginning or the end of a job id: digits, a to f, and hyphens";
        return Err(Problem::invalid("id", detail));
    }
    let jobs = host.scheduler.jobs_like(viewer, &part, ALIKE).await?;
    let (state, jobs) = in_one_state(host, viewer, jobs).await?;
    Ok(page(host, &state, jobs.iter().map(|job| &**job), None))
}

/// Jobs that were read from the store, as they are in one state of the queue.
async fn in_one_state(host: &Host, viewer: &Viewer, jobs: Vec<Job>) -> Result<(Arc<State>, Vec<Arc<Job>>), Problem> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    Ok(host.scheduler.in_one_state(viewer, &ids, jobs).await?)
}

fn page<'a>(
    host: &Host,
    state: &State,
    jobs: impl Iterator<Item = &'a Job>,
    next: Option<String>,
) -> warp::reply::Response {
    let jobs = jobs.map(|job| host.show(state).job(job)).collect();
    reply::json(&Jobs { jobs, next })
}

async fn filter(host: &Host, viewer: Viewer, query: &Query) -> Result<JobFilter, Problem> {
    let time = |name: &str| query.one(name)?.map(|text| time(name, text)).transpose();
    Ok(JobFilter {
        status: statuses(query.all("status"))?,
        backend: query.all("backend"),
        owner: query.all("owner"),
        user: query.all("user"),
        conversation_id: query.all("conversation_id"),
        message_id: message_ids(&query.all("message_id"))?,
        since: time("since")?,
        until: time("until")?,
        words: query.one("q")?.map(words).transpose()?.unwrap_or_default(),
        ids: batches(host, &viewer, query.all("batch_id")).await?,
        viewer,
    })
}

/// A time in an address, where a + stands for a space.
fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    moment(name, text).map_err(|problem| match text.contains(' ') {
        true => Problem::invalid(name, format!("{name} is {text:?} and must be a time; write %2B for the + of an offset, as in 2026-01-31T12:00:00%2B01:00")),
        false => problem,
    })
}

/// The jobs of these batches; none if no batch is named.
async fn batches(host: &Host, viewer: &Viewer, mut batches: Vec<String>) -> Result<Option<Vec<JobId>>, Problem> {
    batches.sort();
    batches.dedup();
    if batches.len() > BATCHES {
        return Err(Problem::invalid("batch_id", format!("batch_id may be given {BATCHES} times at most")));
    }
    let mut ids = None;
    for batch in batches {
        let batch = id("batch_id", &batch)?;
        ids.get_or_insert_with(Vec::new)
            .extend(host.scheduler.batch(viewer, BatchId(batch)).await?.unwrap_or_default());
    }
    Ok(ids)
}

fn words(text: &str) -> Result<Vec<String>, Problem> {
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    if words.len() > WORDS.0 || text.len() > WORDS.1 {
        let detail = format!("q must have at most {} words and {} bytes", WORDS.0, WORDS.1);
        return Err(Problem::invalid("q", detail));
    }
    Ok(words)
}

fn statuses(names: Vec<String>) -> Result<Vec<String>, Problem> {
    use Status::{Cancelled, Complete, Error, Pending, Processing, Queued};

    let known = [Pending, Queued, Processing, Complete, Error, Cancelled].map(Status::name);
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Problem::invalid("status", format!("unknown status {name:?}; use {}", one_of(known)))),
        None => Ok(names),
    }
}

/// Ids as the store spells them.
fn message_ids(ids: &[String]) -> Result<Vec<String>, Problem> {
    ids.iter().map(|text| id("message_id", text).map(|id| id.to_string())).collect()
}

fn id(field: &str, text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::invalid(field, format!("{field} is {text:?} and must be {ID}")))
}
