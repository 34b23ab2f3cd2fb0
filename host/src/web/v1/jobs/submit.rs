//! `POST /v1/jobs`: a job comes to be.
//!
//! Everything that can be known to be wrong is refused before the writer is bothered. Inputs become the job's own files
//! first, durably, since a job that exists must be able to run; should the job not come to be, they go again.

use std::sync::Arc;

use easel_core::command::NewJob;
use easel_core::{Actor, Command, Job, JobId, Party, Refusal, Reply};
use easel_wire::NewInput;
use warp::http::HeaderMap;

use super::{envelope, to_the_end, view_as_told};
use crate::scheduler::Rejected;
use crate::web::answer::reply;
use crate::web::extract::body::{Body, Document};
use crate::web::{Answer, Host, Problem};

/// The header that makes a repeated request harmless.
const KEY: &str = "idempotency-key";
/// The longest idempotency key.
const LONGEST_KEY: usize = 200;

pub(in crate::web) async fn submit(host: Arc<Host>, actor: Actor, headers: HeaderMap, body: Body) -> Answer {
    let key = key(&headers)?;
    let document = body?;
    if let Some(key) = &key
        && let Some(job) =
            made_before(&host, &actor, &envelope::party(&actor, document.value()), (key, key), &document).await?
    {
        return Ok(reply::json(&host.show(&host.scheduler.state()).job(&job)));
    }
    host.takes_jobs()?;
    let wish = envelope::read(&host, &actor, document.read()?, document.value(), &[])?;
    let key = key.map(|key| (key, document.digest()));
    let new = NewJob { key, ..wish.job };
    match to_the_end(place(host.clone(), actor, new, wish.inputs)).await? {
        Reply::Job(job, position) => Ok(reply::created(&host.links.job(job.id), &view_as_told(&host, &job, position))),
        Reply::Known(job, position) => Ok(reply::json(&view_as_told(&host, &job, position))),
        other => Err(Problem::internal(format!("a submission was answered with {other:?}"))),
    }
}

/// The job of a request that was carried out before under the client's `key`, which is kept as `stored`. What has changed
/// since (an upload that expired, a backend that is configured no more) is no reason to deny what was acknowledged. Two
/// requests that come at once are told apart by the writer.
pub(in crate::web) async fn made_before(
    host: &Host,
    actor: &Actor,
    party: &Party,
    (key, stored): (&str, &str),
    document: &Document,
) -> Result<Option<Arc<Job>>, Problem> {
    let viewer = actor.viewer();
    // Whoever may not ask for it is told so, whatever was made before.
    if !viewer.sees(party) {
        return Ok(None);
    }
    let Some(used) = host.scheduler.key(party, stored).await? else { return Ok(None) };
    let same = |job: &Arc<Job>| used.digest == document.digest() && job.party() == *party;
    let job = host.scheduler.job(&viewer, used.job).await?.filter(same);
    job.map(Some).ok_or_else(|| Refusal::KeyReused(key.to_owned()).into())
}

pub(in crate::web) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None)
            if (1..=LONGEST_KEY).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic) =>
        {
            Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned()))
        }
        _ => {
            let detail = format!("send at most one Idempotency-Key, of 1 to {LONGEST_KEY} visible ASCII characters");
            Err(Problem::invalid("Idempotency-Key", detail))
        }
    }
}

/// Gives the job its files, then makes it.
async fn place(host: Arc<Host>, actor: Actor, mut new: NewJob, inputs: Vec<NewInput>) -> Result<Reply, Problem> {
    let id = new.id;
    let with_files = !inputs.is_empty();
    let reply = match adopt(&host, &mut new, inputs).await {
        Err(problem) => Err(problem),
        Ok(()) => match host.scheduler.ask(actor, Command::Submit(Box::new(new))).await {
            Ok(reply) => Ok(reply),
            // A host that is stopping may have written the job all the same; what it has not is swept at the next start.
            Err(Rejected::Closing) => return Err(Rejected::Closing.into()),
            Err(rejected) => Err(named(rejected)),
        },
    };
    if with_files && !matches!(reply, Ok(Reply::Job(..))) {
        forget_inputs(&host, id).await;
    }
    reply
}

/// The job has not come to be: its inputs go again.
pub(in crate::web) async fn forget_inputs(host: &Host, id: JobId) {
    if let Err(error) = host.files.forget(id).await {
        tracing::error!(job = %id, "cannot remove the inputs of a job that was refused: {error}");
    }
}

/// Makes the uploads that a job names its own files.
pub(in crate::web) async fn adopt(host: &Host, new: &mut NewJob, inputs: Vec<NewInput>) -> Result<(), Problem> {
    for input in inputs {
        new.inputs.push(host.files.adopt(input.upload, new.id, &input.name).await?);
    }
    Ok(())
}

/// The problem, with the field of the envelope that it is about.
fn named(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Refused(refusal @ Refusal::NoMessage(_)) => Problem::from(refusal).in_field("message_id"),
        Rejected::Refused(refusal @ Refusal::NoDependency(_)) => Problem::from(refusal).in_field("depends_on"),
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
}
