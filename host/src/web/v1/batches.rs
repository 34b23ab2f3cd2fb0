//! Batches: many jobs in one request, all of them or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use easel_core::command::NewJob;
use easel_core::{Actor, BatchId, Command, Job, JobId, Party, Refusal, Reply, Viewer, Which};
use easel_wire::{self as wire, BatchJobs, NewBatch, NewInput};
use serde_json::Value;
use uuid::Uuid;
use warp::http::HeaderMap;

use super::jobs::submit::{adopt, forget_inputs, key, made_before};
use super::jobs::{cancel_many, envelope, to_the_end, view_as_told};
use crate::scheduler::Rejected;
use crate::show::status;
use crate::web::answer::reply;
use crate::web::extract::body::{Body, Document, Opaque};
use crate::web::extract::path::Id;
use crate::web::{Answer, Host, Problem};

/// The most jobs of a batch.
const JOBS: usize = easel_core::decide::batches::LARGEST;
/// The most that they may depend on, all together: each is in its job's row and in each event of it.
const DEPENDENCIES: usize = 10_000;

pub(in crate::web) async fn submit(host: Arc<Host>, actor: Actor, headers: HeaderMap, body: Body) -> Answer {
    let key = key(&headers)?;
    let document = body?;
    if let Some(key) = &key
        && let Some(first) =
            made_before(&host, &actor, &party(&actor, &document), (key, &key_of_entry(key, 0)), &document).await?
    {
        return again(&host, &actor.viewer(), key, &first).await;
    }
    host.takes_jobs()?;
    let wishes = read(&host, &actor, &document, key)?;
    let batch = BatchId(Uuid::now_v7());
    match to_the_end(place(host.clone(), actor, batch, wishes)).await? {
        Reply::Batch(jobs) => {
            // Those of a request that is repeated are those that it made before.
            let made_before = jobs.first().is_some_and(|(job, _)| job.batch_id != Some(batch));
            let id = jobs.first().and_then(|(job, _)| job.batch_id).unwrap_or(batch);
            let jobs = jobs.iter().map(|(job, place)| view_as_told(&host, job, *place)).collect();
            let view = BatchJobs { id: id.0, jobs };
            Ok(if made_before { reply::json(&view) } else { reply::created(&host.links.batch(id), &view) })
        }
        other => Err(Problem::internal(format!("a batch was answered with {other:?}"))),
    }
}

/// The answer to a batch that was made before, with `first` in it.
async fn again(host: &Host, viewer: &Viewer, key: &str, first: &Job) -> Answer {
    let reused = || Problem::from(Refusal::KeyReused(key.to_owned()));
    let batch = first.batch_id.ok_or_else(reused)?;
    let ids = host.scheduler.batch(viewer, batch).await?.ok_or_else(reused)?;
    let (state, jobs) = host.scheduler.in_one_state(viewer, &ids, Vec::new()).await?;
    if jobs.len() < ids.len() {
        return Err(reused());
    }
    let jobs = jobs.iter().map(|job| host.show(&state).job(job)).collect();
    Ok(reply::json(&BatchJobs { id: batch.0, jobs }))
}

/// Whose the first entry would be.
fn party(actor: &Actor, document: &Document) -> Party {
    envelope::party(actor, document.value().pointer("/jobs/0").unwrap_or(&Value::Null))
}

/// The key of an entry. No client's key has a space in it, so none is taken for another.
fn key_of_entry(key: &str, index: usize) -> String {
    format!("{key} {index}")
}

/// The jobs that are asked for. The key of a batch becomes a key of each of its entries.
fn read(
    host: &Host,
    actor: &Actor,
    document: &Document,
    key: Option<String>,
) -> Result<Vec<(NewJob, Vec<NewInput>)>, Problem> {
    let form: NewBatch<Opaque> = document.read()?;
    if form.atomic == Some(false) {
        return Err(Problem::invalid("atomic", "a batch is always atomic: leave atomic out, or set it to true"));
    }
    if form.jobs.is_empty() || form.jobs.len() > JOBS {
        return Err(Problem::invalid("jobs", format!("a batch has 1 to {JOBS} jobs")));
    }
    let sent = document.value().get("jobs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(index) = sent.iter().position(|entry| !entry.is_object()) {
        return Err(Problem::invalid(format!("jobs.{index}"), "an entry must be an object"));
    }
    let digest = if key.is_some() { document.digest() } else { String::new() };
    let mut dependencies = 0;
    let mut ids: Vec<JobId> = Vec::with_capacity(form.jobs.len());
    let mut wishes = Vec::with_capacity(form.jobs.len());
    for (index, envelope) in form.jobs.into_iter().enumerate() {
        let at = |problem: Problem| problem.under(&format!("jobs.{index}"));
        let wish = envelope::read(host, actor, envelope, sent.get(index).unwrap_or(&Value::Null), &ids).map_err(at)?;
        ids.push(wish.job.id);
        dependencies += wish.job.depends_on.len();
        if dependencies > DEPENDENCIES {
            let detail = format!("the jobs of a batch may depend on at most {DEPENDENCIES} others in total");
            return Err(Problem::invalid(format!("jobs.{index}.depends_on"), detail));
        }
        let key = key.as_ref().map(|key| (key_of_entry(key, index), digest.clone()));
        wishes.push((NewJob { key, ..wish.job }, wish.inputs));
    }
    Ok(wishes)
}

async fn place(
    host: Arc<Host>,
    actor: Actor,
    batch: BatchId,
    wishes: Vec<(NewJob, Vec<NewInput>)>,
) -> Result<Reply, Problem> {
    let with_files: Vec<JobId> =
        wishes.iter().filter(|(_, inputs)| !inputs.is_empty()).map(|(job, _)| job.id).collect();
    let reply = match adopted(&host, wishes).await {
        Err(problem) => Err(problem),
        Ok(jobs) => match host.scheduler.ask(actor, Command::SubmitBatch { batch, jobs }).await {
            Ok(reply) => Ok(reply),
            // As with a single job: what is not written is swept at the next start.
            Err(Rejected::Closing) => return Err(Rejected::Closing.into()),
            Err(rejected) => Err(named(rejected)),
        },
    };
    let made = |id: &JobId| match &reply {
        Ok(Reply::Batch(jobs)) => jobs.iter().any(|(job, _)| job.id == *id),
        _ => false,
    };
    for id in with_files.iter().filter(|id| !made(id)) {
        forget_inputs(&host, *id).await;
    }
    reply
}

async fn adopted(host: &Host, wishes: Vec<(NewJob, Vec<NewInput>)>) -> Result<Vec<NewJob>, Problem> {
    let mut jobs = Vec::with_capacity(wishes.len());
    for (index, (mut job, inputs)) in wishes.into_iter().enumerate() {
        adopt(host, &mut job, inputs).await.map_err(|problem| problem.under(&format!("jobs.{index}")))?;
        jobs.push(job);
    }
    Ok(jobs)
}

/// The problem of an entry, with the field that it is about.
fn named(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Refused(Refusal::Entry { index, refusal }) => {
            let problem = match *refusal {
                refusal @ Refusal::NoMessage(_) => Problem::from(refusal).in_field("message_id"),
                refusal @ Refusal::NoDependency(_) => Problem::from(refusal).in_field("depends_on"),
                Refusal::KeyReused(key) => {
                    let key = key.rsplit_once(' ').map_or(key.clone(), |(key, _)| key.to_owned());
                    return Refusal::KeyReused(key).into();
                }
                refusal => refusal.into(),
            };
            problem.under(&format!("jobs.{index}"))
        }
        other => other.into(),
    }
}

/// `{"id", "total", "counts": {status: n}, "deleted", "progress", "jobs": [ids]}`; `jobs` without those that were deleted.
pub(in crate::web) async fn show(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let (id, viewer) = (id.batch()?, actor.viewer());
    let ids = found(&host, &viewer, id).await?;
    let (state, jobs) = host.scheduler.in_one_state(&viewer, &ids, Vec::new()).await?;
    let jobs: BTreeMap<JobId, _> = jobs.into_iter().map(|job| (job.id, job)).collect();

    let mut counts: BTreeMap<wire::Status, u64> = BTreeMap::new();
    let mut percent = 0;
    for job in jobs.values() {
        *counts.entry(status(job.status)).or_default() += 1;
        percent += if job.status.ended() { 100 } else { u64::from(host.show(&state).percent(job)) };
    }
    let total = jobs.len() as u64;
    Ok(reply::json(&wire::Batch {
        id: id.0,
        total,
        counts,
        deleted: (ids.len() as u64).saturating_sub(total),
        progress: percent / total.max(1),
        jobs: ids.iter().filter(|id| jobs.contains_key(id)).map(|id| id.0).collect(),
    }))
}

pub(in crate::web) async fn cancel(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let id = id.batch()?;
    found(&host, &actor.viewer(), id).await?;
    cancel_many(&host, actor, Which { batches: vec![id], ..Which::default() }).await
}

/// The jobs of the batch, or 404.
async fn found(host: &Host, viewer: &Viewer, id: BatchId) -> Result<Vec<JobId>, Problem> {
    host.scheduler.batch(viewer, id).await?.ok_or_else(|| Problem::not_found(format!("no batch with id {}", id.0)))
}
