//! Messages, and the one read that restores a page: a conversation with its jobs, and the cursor to follow on from.

use std::sync::Arc;

use easel_core::command::NewMessage;
use easel_core::message::JOB_KEYS;
use easel_core::{Actor, Command, Job, JobId, Message, MessageId, Refusal, Viewer};
use easel_wire::{self as wire, ConversationPage};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::jobs::envelope::{name as checked_name, small};
use crate::events::Cursor;
use crate::web::answer::reply;
use crate::web::extract::body::{Body, Opaque, object};
use crate::web::extract::path::{Id, Segment};
use crate::web::extract::query::Query;
use crate::web::{Answer, Host, Problem};

/// How many messages a page has, unless it is told otherwise, and at the most.
const PAGE: (usize, usize) = (100, 500);
/// How many jobs of a conversation that have not ended come with a page, the oldest first.
const JOBS: usize = 500;
/// The longest role, in bytes.
const ROLE: usize = 64;
/// The longest text of a message, in bytes. A row is written whole each time its job reports.
const CONTENT: usize = 256 * 1024;
/// The most metadata that is taken at once.
const METADATA: u64 = 64 * 1024;

pub(in crate::web) async fn create(host: Arc<Host>, actor: Actor, body: Body) -> Answer {
    let document = body?;
    let form: wire::NewMessage<Opaque> = document.read()?;
    if form.role.is_empty() || form.role.len() > ROLE {
        return Err(Problem::invalid("role", format!("role must have 1 to {ROLE} bytes")));
    }
    let id = MessageId(form.id.unwrap_or_else(Uuid::now_v7));
    let new = NewMessage {
        id,
        conversation_id: checked_name("conversation_id", form.conversation_id)?,
        role: form.role,
        content: content(form.content)?,
        extra_metadata: metadata(object(document.value(), "extra_metadata"))?,
        party: actor.party_for(form.user.map(|user| checked_name("user", user)).transpose()?),
    };
    let viewer = actor.viewer();
    host.scheduler.ask(actor, Command::CreateMessage(Box::new(new))).await?;
    let created = read(&host, &viewer, id).await?;
    Ok(reply::created(&host.links.message(id), &created))
}

pub(in crate::web) async fn show(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    Ok(reply::json(&read(&host, &actor.viewer(), id.message()?).await?))
}

pub(in crate::web) async fn patch(host: Arc<Host>, actor: Actor, id: Id, body: Body) -> Answer {
    let id = id.message()?;
    let document = body?;
    let form: wire::MessagePatch<Opaque> = document.read()?;
    let command = Command::PatchMessage {
        id,
        content: form.content.map(content).transpose()?,
        extra_metadata: Some(metadata(object(document.value(), "extra_metadata"))?),
    };
    let viewer = actor.viewer();
    host.scheduler.ask(actor, command).await?;
    Ok(reply::json(&read(&host, &viewer, id).await?))
}

pub(in crate::web) async fn delete(host: Arc<Host>, actor: Actor, id: Id) -> Answer {
    host.scheduler.ask(actor, Command::DeleteMessage(id.message()?)).await?;
    Ok(reply::done())
}

pub(in crate::web) async fn conversation(host: Arc<Host>, actor: Actor, name: Segment, query: Query) -> Answer {
    let viewer = actor.viewer();
    query.only(&["expand", "limit", "cursor"])?;
    let expand = match query.one("expand")? {
        None => false,
        Some("jobs") => true,
        Some(_) => return Err(Problem::invalid("expand", "expand must be jobs, or be left out")),
    };
    let (limit, after) = (query.limit(PAGE.0, PAGE.1)?, query.cursor()?.unwrap_or(0));
    // The cursor is taken before the messages are read: what happens in between is told twice rather than never.
    let state = host.scheduler.state();
    let hub = host.scheduler.hub();
    let mut messages = host.scheduler.conversation(&viewer, &name.0, after, limit + 1).await?;
    let more = messages.len() > limit;
    messages.truncate(limit);
    let next = messages.last().filter(|_| more).map(|message| message.ticket.to_string());
    let mut jobs: Vec<Arc<Job>> = Vec::new();
    if expand {
        jobs.extend(state.jobs_of(&name.0).filter(|job| viewer.sees_job(job)).take(JOBS).cloned());
        let ended: Vec<JobId> = messages.iter().filter_map(reporter).filter(|id| state.job(*id).is_none()).collect();
        let ended = host.scheduler.jobs_by_id(&viewer, &ended).await?.into_iter();
        // What has been retried since that state is told after the cursor.
        jobs.extend(ended.filter(|job| job.status.ended()).map(Arc::new));
        jobs.sort_by_key(|job| job.ticket);
        jobs.dedup_by_key(|job| job.id);
    }
    let shown = host.show(&state);
    Ok(reply::json(&ConversationPage {
        messages: messages.iter().map(|message| shown.message(message)).collect(),
        jobs: jobs.iter().map(|job| shown.job(job)).collect(),
        cursor: Cursor { log: hub.log(), seq: state.seq }.to_string(),
        next,
    }))
}

/// The job that reports to a message.
fn reporter(message: &Message) -> Option<JobId> {
    let id = message.extra_metadata.get("job_id")?;
    serde_json::from_value(id.clone()).ok()
}

async fn read(host: &Host, viewer: &Viewer, id: MessageId) -> Result<wire::Message, Problem> {
    let message = host.scheduler.message(viewer, id).await?.ok_or(Refusal::NoMessage(id))?;
    Ok(host.show(&host.scheduler.state()).message(&message))
}

fn content(text: String) -> Result<String, Problem> {
    if text.len() <= CONTENT {
        Ok(text)
    } else {
        Err(Problem::too_large("content", CONTENT as u64).in_field("content"))
    }
}

/// Checks metadata of a client: what a job writes there is not for clients to write.
fn metadata(fields: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    if let Some(key) = JOB_KEYS.iter().find(|key| fields.contains_key(**key)) {
        let field = format!("extra_metadata.{key}");
        let detail = format!("{field} is written by the message's job; use another name");
        return Err(Problem::invalid(field, detail));
    }
    match small("extra_metadata", Value::Object(fields), METADATA)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_belongs_to_a_job_is_not_for_clients() {
        for key in JOB_KEYS {
            let fields = [("mine".to_owned(), json!(1)), (key.to_owned(), json!(1))].into_iter().collect();
            metadata(fields).unwrap_err();
        }
        let deeper: Map<_, _> = [("ui".to_owned(), json!({"status": "open"}))].into_iter().collect();
        assert_eq!(metadata(deeper.clone()).unwrap(), deeper);
    }

    #[test]
    fn metadata_is_taken_up_to_a_limit() {
        metadata([("a".to_owned(), json!("x".repeat(70_000)))].into_iter().collect()).unwrap_err();
    }
}
