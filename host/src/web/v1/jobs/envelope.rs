//! From what a client sends to the job that it asks for, as far as that can be known without the writer.

use std::collections::HashSet;
use std::time::Duration;

use chrono::DateTime;
use easel_core::OnDependencyFailure;
use easel_core::command::NewJob;
use easel_core::order::PRIORITIES;
use easel_core::{Actor, JobId, Json, MessageId, Party, Timestamp, json};
use easel_wire::{self as wire, NewInput};
use serde_json::Value;
use uuid::Uuid;

use crate::backends::{Entry, Standing};
use crate::web::extract::body::{Opaque, object};
use crate::web::v1::backends::unknown;
use crate::web::{Host, Problem};

/// The longest name of a conversation, or of a user.
pub(in crate::web) const NAME: usize = 200;
/// The largest `metadata`.
const METADATA: usize = 4 * 1024;
/// The most inputs of a job.
const INPUTS: usize = 16;
/// The most attempts that a job may ask for.
const ATTEMPTS: u32 = 100;
/// The most that a job may depend on.
const DEPENDENCIES: usize = 1_000;
/// The longest time that a job may ask for, in seconds: a week.
const LONGEST: u32 = 7 * 24 * 3600;

/// The job that is wished for, and the uploads that it is to have.
pub(in crate::web) struct Wish {
    pub(in crate::web) job: NewJob,
    pub(in crate::web) inputs: Vec<NewInput>,
}

/// Reads an envelope, which is also given as it was sent. `before` are the jobs of the batch that it may name.
pub(in crate::web) fn read(
    host: &Host,
    actor: &Actor,
    envelope: wire::NewJob<Opaque>,
    sent: &Value,
    before: &[JobId],
) -> Result<Wish, Problem> {
    let backend = backend(host, envelope.backend.as_deref())?;
    let params = small("params", Value::Object(object(sent, "params")), host.config.web.max_params.as_u64())?;
    let inputs = inputs(sent, envelope.inputs.unwrap_or_default())?;
    let params = match &backend.standing {
        Standing::Ready(placed) => {
            let backend = placed.anywhere();
            backend.check_inputs(inputs.iter().map(|input| input.name.as_str()))?;
            backend.check_params(params)?
        }
        // Nobody knows yet what it takes. It is checked when the job begins.
        Standing::Loading | Standing::Broken(_) => params,
    };
    let metadata = small("metadata", Value::Object(object(sent, "metadata")), METADATA as u64)?;
    let priority = envelope.priority.unwrap_or_default();
    within("priority", priority, *PRIORITIES.start(), *PRIORITIES.end())?;
    if let Some(attempts) = envelope.max_attempts {
        within("max_attempts", attempts, 1, ATTEMPTS)?;
    }
    if let Some(seconds) = envelope.timeout_s {
        within("timeout_s", seconds, 1, LONGEST)?;
        granted(seconds, &backend)?;
    }
    let party = actor.party_for(envelope.user.map(|user| name("user", user)).transpose()?);
    let job = NewJob {
        priority,
        work: work(&params),
        metadata: Json::of(&metadata),
        conversation_id: envelope.conversation_id.map(|id| name("conversation_id", id)).transpose()?,
        message_id: envelope.message_id.map(MessageId),
        max_attempts: envelope.max_attempts.unwrap_or(backend.configured.retry.attempts),
        not_before: envelope.not_before.map(|text| moment("not_before", &text)).transpose()?,
        timeout_s: envelope.timeout_s,
        depends_on: depends_on(&envelope.depends_on.unwrap_or_default(), before)?,
        on_dependency_failure: match envelope.on_dependency_failure {
            None | Some(wire::OnDependencyFailure::Fail) => OnDependencyFailure::Fail,
            Some(wire::OnDependencyFailure::Run) => OnDependencyFailure::Run,
        },
        ..NewJob::new(JobId(Uuid::now_v7()), backend.name.to_owned(), party, Json::of(&params))
    };
    Ok(Wish { job, inputs })
}

/// Whose it would be, as far as what was sent can be read.
pub(in crate::web) fn party(actor: &Actor, sent: &Value) -> Party {
    actor.party_for(sent.get("user").and_then(Value::as_str).map(str::to_owned))
}

fn within<T: PartialOrd + std::fmt::Display>(field: &str, value: T, least: T, most: T) -> Result<(), Problem> {
    if value >= least && value <= most {
        return Ok(());
    }
    let detail = format!("{field} is {value} and must be from {least} to {most}");
    Err(Problem::invalid(field, detail))
}

/// A job may ask for less time than its backend has, and not for more: it would not get it.
fn granted(seconds: u32, backend: &Entry<'_>) -> Result<(), Problem> {
    let (name, most) = (backend.name, backend.configured.timeout);
    if Duration::from_secs(seconds.into()) <= most {
        return Ok(());
    }
    let detail = format!(
        "timeout_s is {seconds}, and backend {name} gives an attempt {} s at most (backend.{name}.timeout): ask for less, or \
         leave it out",
        most.as_secs_f64()
    );
    Err(Problem::invalid("timeout_s", detail))
}

/// How much work image params mean: pixels, steps and images multiplied. That is how the time of a diffusion model grows;
/// of params that do not say so nothing is known.
fn work(params: &Value) -> Option<u64> {
    let number = |name: &str| params.get(name).and_then(Value::as_u64);
    let pixels = number("width")?.checked_mul(number("height")?)?;
    let images = number("count").or_else(|| number("batch_size")).unwrap_or(1);
    // In units of 4,096 pixels: sums over a million jobs have to stay numbers.
    (pixels / 4096).max(1).checked_mul(number("steps")?)?.checked_mul(images)
}

pub(in crate::web) fn moment(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| {
        Problem::invalid(field, format!("{field} is {text:?} and must be a time, such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(time.timestamp_micros())
}

fn depends_on(names: &[String], before: &[JobId]) -> Result<Vec<JobId>, Problem> {
    if names.len() > DEPENDENCIES {
        let detail = format!("a job may depend on at most {DEPENDENCIES} others");
        return Err(Problem::invalid("depends_on", detail));
    }
    let mut ids = Vec::with_capacity(names.len());
    let mut seen = HashSet::new();
    for name in names {
        let id = match name.strip_prefix('#') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| before.get(index)).copied(),
            None => name.parse().ok().map(JobId),
        };
        let id = id.ok_or_else(|| {
            let detail = format!("depends_on has {name:?}, which is neither the id of a job nor, in a batch, #N for an earlier entry, such as #0");
            Problem::invalid("depends_on", detail)
        })?;
        if seen.insert(id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn backend<'a>(host: &'a Host, name: Option<&str>) -> Result<Entry<'a>, Problem> {
    let name = name.unwrap_or(&host.config.default_backend);
    host.registry.entry(name).ok_or_else(|| Problem::invalid("backend", unknown(host, name)))
}

fn inputs(sent: &Value, inputs: Vec<NewInput>) -> Result<Vec<NewInput>, Problem> {
    // serde also takes a struct from an array of its fields, which nobody promised to anybody.
    let listed = sent.get("inputs").and_then(Value::as_array);
    if listed.is_some_and(|listed| !listed.iter().all(Value::is_object)) {
        return Err(Problem::invalid(
            "inputs",
            r#"an input must be an object, such as {"name": "init", "upload": "ID"}"#,
        ));
    }
    if inputs.len() > INPUTS {
        return Err(Problem::invalid("inputs", format!("a job may have at most {INPUTS} inputs")));
    }
    let mut names: Vec<_> = inputs.iter().map(|input| &input.name).collect();
    names.sort();
    names.dedup();
    if names.len() < inputs.len() {
        return Err(Problem::invalid("inputs", "two inputs have the same name: give each its own"));
    }
    Ok(inputs)
}

/// Checks a name of the client's choice: of a conversation, or of a user.
pub(in crate::web) fn name(field: &str, id: String) -> Result<String, Problem> {
    if (1..=NAME).contains(&id.chars().count()) {
        Ok(id)
    } else {
        Err(Problem::invalid(field, format!("{field} must have 1 to {NAME} characters")))
    }
}

/// Checks the size of a value, as compact JSON.
pub(in crate::web) fn small(field: &str, value: Value, max: u64) -> Result<Value, Problem> {
    if json::text(&value).len() as u64 <= max { Ok(value) } else { Err(Problem::too_large(field, max).in_field(field)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_work_of_an_image_is_its_pixels_times_its_steps_times_its_number() {
        assert_eq!(work(&json!({"width": 512, "height": 512, "steps": 20})), Some(64 * 20));
        assert_eq!(work(&json!({"width": 512, "height": 512, "steps": 20, "count": 3})), Some(64 * 20 * 3));
        assert_eq!(work(&json!({"width": 16, "height": 16, "steps": 1, "batch_size": 2})), Some(2));
        assert_eq!(work(&json!({"steps": 20})), None);
        assert_eq!(work(&json!({"width": u64::MAX, "height": 2, "steps": 1})), None);
    }

    #[test]
    fn an_entry_of_a_batch_names_only_those_before_it() {
        let before = [JobId(Uuid::from_u128(1)), JobId(Uuid::from_u128(2))];
        let named =
            |names: &[&str]| depends_on(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), &before);
        assert_eq!(named(&["#1", "#0", "#1"]).unwrap(), [before[1], before[0]]);
        for wrong in ["#2", "#-1", "#", "seven", ""] {
            named(&[wrong]).unwrap_err();
        }
        depends_on(&["#0".to_owned()], &[]).unwrap_err();
    }

    #[test]
    fn a_time_has_a_zone() {
        assert_eq!(moment("not_before", "1970-01-01T01:00:01+01:00").unwrap(), 1_000_000);
        moment("not_before", "1970-01-01T00:00:01").unwrap_err();
    }

    #[test]
    fn a_conversation_is_counted_in_characters() {
        assert!(name("c", "🦊".repeat(200)).is_ok());
        name("c", "x".repeat(201)).unwrap_err();
        name("c", String::new()).unwrap_err();
    }
}
