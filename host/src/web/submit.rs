//! `POST /v1/jobs`: from an envelope to a job.
//!
//! Everything that can be known to be wrong is refused before the writer is bothered. Inputs become the job's own files
//! first, durably, since a job that exists must be able to run; should the job not come to be, they go again.

use std::sync::Arc;

use easel_core::command::NewJob;
use easel_core::{Command, JobId, Json, MessageId, Refusal, Reply};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;
use warp::http::HeaderMap;
use warp::reply::Response;

use super::body::{Body, Document};
use super::jobs::{to_the_end, view_as_told};
use super::{Answer, Host, OWNER, Problem, reply};
use crate::backend::Backend;
use crate::scheduler::Rejected;
use crate::view;

/// The header that makes a repeated request harmless.
const KEY: &str = "idempotency-key";
/// The longest idempotency key.
const LONGEST_KEY: usize = 200;
/// The largest `metadata`.
const METADATA: usize = 4 * 1024;
/// The longest name of a conversation.
pub(super) const CONVERSATION: usize = 200;
/// The most inputs of a job.
const INPUTS: usize = 16;
/// The most attempts that a job may ask for.
const ATTEMPTS: u32 = 100;

/// What a client sends. `null` is the same as absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    params: Map<String, Value>,
    backend: Option<String>,
    inputs: Option<Vec<InputField>>,
    metadata: Option<Map<String, Value>>,
    conversation_id: Option<String>,
    message_id: Option<Uuid>,
    max_attempts: Option<u32>,
    // What is not built yet. It may be sent with the value that means nothing.
    priority: Option<i64>,
    depends_on: Option<Vec<Uuid>>,
    on_dependency_failure: Option<String>,
    not_before: Option<String>,
    timeout_s: Option<f64>,
    user: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputField {
    name: String,
    upload: Uuid,
}

pub(super) async fn submit(host: Arc<Host>, headers: HeaderMap, body: Body) -> Answer {
    let key = key(&headers)?;
    let document = body?;
    if let Some(key) = &key
        && let Some(known) = made_before(&host, key, &document).await?
    {
        return Ok(known);
    }
    let (new, inputs) = read(&host, &document, key)?;
    match to_the_end(place(host.clone(), new, inputs)).await? {
        Reply::Job(job, position) => {
            let location = format!("/v1/jobs/{}", job.id);
            Ok(reply::created(&location, &view_as_told(&host, &job, position)))
        }
        Reply::Known(job, position) => Ok(reply::json(&view_as_told(&host, &job, position))),
        other => Err(Problem::internal(format!("a submission was answered with {other:?}"))),
    }
}

/// The answer to a request that was carried out before. What has changed since (an upload that expired, a backend that is
/// configured no more) is no reason to deny what was acknowledged. Two that come at once are told apart by the writer.
async fn made_before(host: &Host, key: &str, document: &Document) -> Result<Option<Response>, Problem> {
    let Some(used) = host.scheduler.key(OWNER, key).await? else { return Ok(None) };
    match host.scheduler.job(used.job).await? {
        Some(job) if used.digest == document.digest() => {
            Ok(Some(reply::json(&view::job(&job, &host.scheduler.state(), host.scheduler.hub()))))
        }
        _ => Err(Refusal::KeyReused(key.to_owned()).into()),
    }
}

/// The job that the envelope asks for, as far as it can be known without the writer.
fn read(host: &Host, document: &Document, key: Option<String>) -> Result<(NewJob, Vec<InputField>), Problem> {
    let envelope: Envelope = document.read()?;
    envelope.asks_for_what_there_is()?;
    let inputs = inputs(document, envelope.inputs.unwrap_or_default())?;
    let conversation_id = envelope.conversation_id.map(|id| conversation("conversation_id", id)).transpose()?;
    let metadata = small("metadata", Value::Object(envelope.metadata.unwrap_or_default()), METADATA as u64)?;
    let backend = backend(host, envelope.backend)?;
    let params = small("params", Value::Object(envelope.params), host.config.web.max_params.as_u64())?;
    let params = backend.check_params(&params)?;
    let max_attempts = envelope.max_attempts.unwrap_or(backend.max_attempts);
    if envelope.max_attempts.is_some() && !(1..=ATTEMPTS).contains(&max_attempts) {
        let detail = format!("max_attempts must be from 1 to {ATTEMPTS}");
        return Err(Problem::invalid("max_attempts", detail));
    }
    let new = NewJob {
        id: JobId(Uuid::now_v7()),
        backend: backend.name.clone(),
        owner: OWNER.to_owned(),
        params: Json::of(&params),
        inputs: Vec::new(),
        metadata: Json::of(&metadata),
        conversation_id,
        message_id: envelope.message_id.map(MessageId),
        max_attempts,
        key: key.map(|key| (key, document.digest())),
    };
    Ok((new, inputs))
}

impl Envelope {
    fn asks_for_what_there_is(&self) -> Result<(), Problem> {
        let wanted = [
            ("priority", self.priority.is_some_and(|priority| priority != 0)),
            ("depends_on", self.depends_on.as_ref().is_some_and(|jobs| !jobs.is_empty())),
            ("on_dependency_failure", self.on_dependency_failure.is_some()),
            ("not_before", self.not_before.is_some()),
            ("timeout_s", self.timeout_s.is_some()),
            ("user", self.user.is_some()),
        ];
        match wanted.iter().find(|(_, wanted)| *wanted) {
            Some((field, _)) => Err(Problem::not_supported_yet(field).in_field(*field)),
            None => Ok(()),
        }
    }
}

fn backend(host: &Host, name: Option<String>) -> Result<Arc<Backend>, Problem> {
    let name = name.unwrap_or_else(|| host.config.default_backend.clone());
    host.registry.get(&name).ok_or_else(|| {
        let known: Vec<_> = host.registry.iter().map(|backend| backend.name.as_str()).collect();
        Problem::invalid("backend", format!("there is no backend {name:?}; these are: {}", known.join(", ")))
    })
}

fn inputs(document: &Document, inputs: Vec<InputField>) -> Result<Vec<InputField>, Problem> {
    // serde also takes a struct from an array of its fields, which nobody promised to anybody.
    let listed = document.value().get("inputs").and_then(Value::as_array);
    if listed.is_some_and(|listed| !listed.iter().all(Value::is_object)) {
        return Err(Problem::invalid("inputs", "an input must be an object with a name and an upload"));
    }
    if inputs.len() > INPUTS {
        return Err(Problem::invalid("inputs", format!("a job may have {INPUTS} inputs at the most")));
    }
    let mut names: Vec<_> = inputs.iter().map(|input| &input.name).collect();
    names.sort();
    names.dedup();
    if names.len() < inputs.len() {
        return Err(Problem::invalid("inputs", "two inputs have the same name"));
    }
    Ok(inputs)
}

/// Checks the name of a conversation.
pub(super) fn conversation(field: &str, id: String) -> Result<String, Problem> {
    if (1..=CONVERSATION).contains(&id.chars().count()) {
        Ok(id)
    } else {
        Err(Problem::invalid(field, format!("{field} must have 1 to {CONVERSATION} characters")))
    }
}

/// Checks the size of a value, as compact JSON.
pub(super) fn small(field: &str, value: Value, max: u64) -> Result<Value, Problem> {
    if value.to_string().len() as u64 <= max { Ok(value) } else { Err(Problem::too_large(field, max).in_field(field)) }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None)
            if (1..=LONGEST_KEY).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic) =>
        {
            Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned()))
        }
        _ => {
            let detail = format!("there may be one Idempotency-Key of 1 to {LONGEST_KEY} visible ASCII characters");
            Err(Problem::invalid("Idempotency-Key", detail))
        }
    }
}

/// Gives the job its files, then makes it.
async fn place(host: Arc<Host>, mut new: NewJob, inputs: Vec<InputField>) -> Result<Reply, Problem> {
    let (id, has_files) = (new.id, !inputs.is_empty());
    let placed = adopt(&host, &mut new, inputs).await;
    let (unused, reply) = match placed {
        Err(problem) => (true, Err(problem)),
        Ok(()) => match host.scheduler.send(Command::Submit(Box::new(new))).await {
            Ok(Reply::Job(job, position)) => (false, Ok(Reply::Job(job, position))),
            Ok(other) => (true, Ok(other)),
            // A host that is stopping may have written the job all the same; what it has not is swept at the next start.
            Err(Rejected::Closing) => (false, Err(Rejected::Closing.into())),
            Err(rejected) => (true, Err(named(rejected))),
        },
    };
    if unused
        && has_files
        && let Err(error) = host.files.forget(id).await
    {
        tracing::error!(job = %id, "cannot remove the inputs of a job that was refused: {error}");
    }
    reply
}

async fn adopt(host: &Host, new: &mut NewJob, inputs: Vec<InputField>) -> Result<(), Problem> {
    for input in inputs {
        new.inputs.push(host.files.adopt(input.upload, new.id, &input.name).await?);
    }
    Ok(())
}

/// The problem, with the field of the envelope that it is about.
fn named(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Refused(refusal @ Refusal::NoMessage(_)) => Problem::from(refusal).in_field("message_id"),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(values: &[&str]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY, value.parse().unwrap());
        }
        key(&headers)
    }

    #[test]
    fn a_key_is_one_word_of_bearable_length() {
        assert_eq!(keyed(&[]).unwrap(), None);
        assert_eq!(keyed(&["a-b_C/9"]).unwrap().as_deref(), Some("a-b_C/9"));
        assert!(keyed(&["x".repeat(200).as_str()]).is_ok());
        for wrong in [&["", ""][..], &[""], &["a b"], &["a", "a"], &["é"], &["x".repeat(201).as_str()]] {
            keyed(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_conversation_is_counted_in_characters() {
        assert!(conversation("c", "🦊".repeat(200)).is_ok());
        conversation("c", "x".repeat(201)).unwrap_err();
        conversation("c", String::new()).unwrap_err();
    }
}
