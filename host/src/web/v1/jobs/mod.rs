//! Single jobs, and cancelling many: show, cancel, retry, delete, and what their backends logged.

pub(in crate::web) mod envelope;
pub(in crate::web) mod list;
pub(in crate::web) mod submit;

use std::future::Future;
use std::sync::Arc;

use easel_core::{Actor, BatchId, Command, Job, JobId, MessageId, MoveTo, Refusal, Reply, Status, Viewer, Which};
use easel_wire::{self as wire, CancelMany, Cancelled, End, JobPatch, Log, Move, OneOrMany, Time};

use crate::artifacts::LogLine;
use crate::scheduler::Rejected;
use crate::web::answer::reply;
use crate::web::extract::body::Body;
use crate::web::extract::path::Id;
use crate::web::{Answer, Host, Problem};

pub(in crate::web) async fn show(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let id = id.job()?;
    // Of one state throughout, so that a job's status and its place fit together.
    let state = host.scheduler.state();
    let viewer = actor.viewer();
    let job = match state.job(id).filter(|job| viewer.sees_job(job)) {
        Some(job) => job.clone(),
        None => found(&host, &viewer, id).await?,
    };
    Ok(reply::json(&host.show(&state).job(&job)))
}

pub(in crate::web) async fn cancel(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    changed(host, actor, Command::Cancel { job: id.job()? }).await
}

/// What a field names. A list without anything in it names nothing, which is not the same as no field.
fn named<T>(field: &str, given: Option<OneOrMany<T>>) -> Result<Vec<T>, Problem> {
    match given {
        None => Ok(Vec::new()),
        Some(OneOrMany::One(one)) => Ok(vec![one]),
        Some(OneOrMany::Many(many)) if many.is_empty() => {
            Err(Problem::invalid(field, format!("{field} is empty: name at least one, or leave it out")))
        }
        Some(OneOrMany::Many(many)) => Ok(many),
    }
}

fn status(status: wire::Status) -> Status {
    match status {
        wire::Status::Pending => Status::Pending,
        wire::Status::Queued => Status::Queued,
        wire::Status::Processing => Status::Processing,
        wire::Status::Complete => Status::Complete,
        wire::Status::Error => Status::Error,
        wire::Status::Cancelled => Status::Cancelled,
    }
}

pub(in crate::web) async fn cancel_by_filter(host: Arc<Host>, actor: Actor, body: Body) -> Answer {
    let form: CancelMany = body?.read()?;
    let which = Which {
        ids: named("ids", form.ids)?.into_iter().map(JobId).collect(),
        batches: named("batch_id", form.batch_id)?.into_iter().map(BatchId).collect(),
        owners: named("owner", form.owner)?,
        users: named("user", form.user)?,
        conversations: named("conversation_id", form.conversation_id)?,
        messages: named("message_id", form.message_id)?.into_iter().map(MessageId).collect(),
        backends: named("backend", form.backend)?,
        statuses: named("status", form.status)?.into_iter().map(status).collect(),
        of: Viewer::Everything,
    };
    if which == Which::default() {
        let detail = "name what to cancel: ids, batch_id, conversation_id, message_id, backend, owner, user or status";
        return Err(Problem::invalid("ids", detail));
    }
    cancel_many(&host, actor, which).await
}

/// Cancels whatever fits and has not ended. Of very many, some at once and the rest by and by, whatever happens.
pub(in crate::web) async fn cancel_many(host: &Host, actor: Actor, which: Which) -> Answer {
    match host.scheduler.ask(actor, Command::CancelMany { which }).await? {
        Reply::Many { jobs, more } => Ok(reply::json(&Cancelled { cancelled: jobs as u64, more })),
        other => Err(Problem::internal(format!("a cancellation of many was answered with {other:?}"))),
    }
}

pub(in crate::web) async fn move_to(host: Arc<Host>, actor: Actor, id: Id, body: Body) -> Answer {
    let job = id.job()?;
    let to = match body?.read()? {
        Move { to: Some(End::Front), before: None } => MoveTo::Front,
        Move { to: Some(End::Back), before: None } => MoveTo::Back,
        Move { to: None, before: Some(other) } => MoveTo::Before(JobId(other)),
        _ => return Err(Problem::invalid("to", "give either \"to\": \"front\" or \"back\", or \"before\": a job id")),
    };
    changed(host, actor, Command::Move { job, to }).await
}

pub(in crate::web) async fn patch(host: Arc<Host>, actor: Actor, id: Id, body: Body) -> Answer {
    let job = id.job()?;
    let JobPatch { priority } = body?.read()?;
    changed(host, actor, Command::Reprioritise { job, priority }).await
}

pub(in crate::web) async fn retry(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    host.takes_jobs()?;
    changed(host, actor, Command::Retry { job: id.job()? }).await
}

pub(in crate::web) async fn delete(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let id = id.job()?;
    to_the_end(async move {
        ask(&host, actor, Command::Delete { job: id }).await?;
        // The job is gone, so its files are out of reach; if they stay, the next start removes them.
        if let Err(error) = host.files.forget(id).await {
            tracing::error!(job = %id, "cannot remove the files of a deleted job: {error}");
        }
        Ok(reply::done())
    })
    .await
}

pub(in crate::web) async fn log(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    let job = found(&host, &actor.viewer(), id.job()?).await?;
    let lines = host.files.read_log(job.id).await?;
    let line =
        |LogLine { at, attempt, level, message }| wire::LogLine { at: Time::from_micros(at), attempt, level, message };
    Ok(reply::json(&Log { lines: lines.into_iter().map(line).collect() }))
}

/// The job, or 404.
pub(in crate::web) async fn found(host: &Host, viewer: &Viewer, id: JobId) -> Result<Arc<Job>, Problem> {
    host.scheduler.job(viewer, id).await?.ok_or_else(|| Refusal::NoJob(id).into())
}

async fn changed(host: Arc<Host>, actor: Actor, command: Command) -> Answer {
    match ask(&host, actor, command).await? {
        Reply::Job(job, position) => Ok(reply::json(&view_as_told(&host, &job, position))),
        other => Err(Problem::internal(format!("a command about a job was answered with {other:?}"))),
    }
}

/// Has a command carried out. A job that is not in a state for it is shown with the refusal.
async fn ask(host: &Host, actor: Actor, command: Command) -> Result<Reply, Problem> {
    host.scheduler.ask(actor, command).await.map_err(|rejected| match &rejected {
        Rejected::Refused(Refusal::Unfit { job, queue_position, .. }) => {
            let job = view_as_told(host, job, *queue_position);
            Problem::from(rejected).with_job(job)
        }
        Rejected::Refused(Refusal::InUse { job, .. }) => {
            let job = view_as_told(host, job, 0);
            Problem::from(rejected).with_job(job)
        }
        _ => rejected.into(),
    })
}

/// The job with the place that the writer gave it: by now, it may have another.
pub(in crate::web) fn view_as_told(host: &Host, job: &Job, queue_position: u64) -> wire::Job {
    wire::Job { queue_position, ..host.show(&host.scheduler.state()).job(job) }
}

/// Does something to its end, even if the client goes away in the middle: files and rows have to agree afterwards.
pub(in crate::web) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|error| Problem::internal(error.to_string()))?
}
