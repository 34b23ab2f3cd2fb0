//! `GET /v1/devices/{name}/lease`: a place in line for a command that the client runs itself, and then the device.
//!
//! The client gives an idempotency key of its own making. Who connects again with that key goes on where it was: the key is what
//! makes it the holder, and like any key it outlasts a restart. Who knows its job already names it, and is not put in line again
//! should the key be free by then. What is said on the WebSocket is `session`'s.

mod session;

use std::sync::Arc;

use easel_core::command::NewJob;
use easel_core::order::PRIORITIES;
use easel_core::{Actor, Command, Job, JobId, Json, Reply};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use uuid::Uuid;
use warp::http::HeaderMap;

use super::connection::Connection;
use super::extract::path::Segment;
use super::extract::query::Query;
use super::v1::jobs::{submit, to_the_end};
use super::v1::queue::no_device;
use super::websocket::Asked;
use super::{Answer, Host, Problem};
use crate::leases::{Attendance, Terms, backend_of_leases};
use crate::scheduler::Rejected;

/// The longest name of a command, in characters.
const NAME: usize = 200;

pub(super) async fn lease(
    host: Arc<Host>,
    actor: Actor,
    device: Segment,
    query: Query,
    headers: HeaderMap,
    asked: Asked,
    held: Connection,
) -> Answer {
    let handshake = asked.handshake(&headers)?;
    query.only(&["priority", "command", "name", "unload", "timeout_s", "job_id"])?;
    if host.scheduler.state().device(&device.0).is_none() {
        return Err(Problem::not_found(no_device(&host, &device.0)));
    }
    let key = submit::key(&headers)?.ok_or_else(|| {
        Problem::invalid(
            "Idempotency-Key",
            "a lease needs the header Idempotency-Key, with a value that only its holder knows, such as a random UUID",
        )
    })?;
    let place = held.seat.places().lease().map_err(|most| {
        Problem::busy(format!(
            "this host serves {most} commands at a time that hold a device or wait for one, and all places are taken: try again \
             when one has ended"
        ))
    })?;
    let attendance = match query.one("job_id")? {
        Some(id) => come_back(&host, &actor, &device.0, id, &key).await?,
        None => {
            host.takes_jobs()?;
            let new = new_job(&host, &actor, &device.0, &query, key)?;
            to_the_end(take_place(host.clone(), actor, new)).await?
        }
    };
    held.seat.becomes_socket();
    Ok(handshake.complete(&Handle::current(), async move |socket| {
        session::talk(socket, host, attendance, held.stop.clone()).await;
        // The places are taken until here.
        drop((held, place));
    }))
}

/// Puts the command in line, or finds it where it is. Should the client be gone by now, its time to come back begins.
async fn take_place(host: Arc<Host>, actor: Actor, new: NewJob) -> Result<Attendance, Problem> {
    match host.scheduler.ask(actor, Command::Submit(Box::new(new))).await? {
        Reply::Job(job, _) | Reply::Known(job, _) => Ok(host.holders.attend(job)),
        other => Err(Problem::internal(format!("a command was answered with {other:?}"))),
    }
}

/// Finds the command where it is, for its holder.
async fn come_back(host: &Host, actor: &Actor, device: &str, id: &str, key: &str) -> Result<Attendance, Problem> {
    let gone = || {
        Problem::gone(format!(
            "the host knows no command {id} with this key any more: connect without job_id to take a new place in line"
        ))
        .in_field("job_id")
    };
    let id = id.parse().map(JobId).map_err(|_| gone())?;
    let backend = backend_of_leases(device);
    let is_theirs = |job: &Arc<Job>| {
        job.party() == actor.party && (job.backend.as_str(), job.key.as_deref()) == (backend.as_str(), Some(key))
    };
    let job = host.scheduler.job(&actor.viewer(), id).await?.filter(is_theirs).ok_or_else(gone)?;
    Ok(host.holders.attend(job))
}

fn new_job(host: &Host, actor: &Actor, device: &str, query: &Query, key: String) -> Result<NewJob, Problem> {
    let program = text(query, "command")?.ok_or_else(|| {
        Problem::invalid(
            "command",
            "command is required: the name of the program that will run, without its arguments, such as python",
        )
    })?;
    let name = text(query, "name")?.unwrap_or_else(|| program.clone());
    let unload = query.one("unload")?.map(|text| boolean("unload", text)).transpose()?.unwrap_or_default();
    if unload {
        actor.operates("free a device's memory").map_err(Rejected::from)?;
    }
    let (least, most) = (*PRIORITIES.start(), *PRIORITIES.end());
    let priority = number(query, "priority", i64::from(least), i64::from(most))?.unwrap_or_default();
    let timeout_s = number(query, "timeout_s", 1, i64::from(u32::MAX))?;
    let said = format!("{device} {:?}", query.pairs());
    let params = Terms { unload, ..host.holders.usual() }.params(&program, &name);
    Ok(NewJob {
        priority: i32::try_from(priority).unwrap_or_default(),
        // Events carry no params, and those who follow them want to know what holds the device.
        metadata: Json::of(&json!({ "name": name })),
        timeout_s: timeout_s.and_then(|seconds| u32::try_from(seconds).ok()),
        key: Some((key, format!("{:x}", Sha256::digest(said)))),
        ..NewJob::new(JobId(Uuid::now_v7()), backend_of_leases(device), actor.party.clone(), params)
    })
}

fn text(query: &Query, field: &'static str) -> Result<Option<String>, Problem> {
    match query.one(field)? {
        Some(text) if !(1..=NAME).contains(&text.chars().count()) => {
            Err(Problem::invalid(field, format!("{field} must have 1 to {NAME} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn boolean(field: &'static str, text: &str) -> Result<bool, Problem> {
    text.parse().map_err(|_| Problem::invalid(field, format!("{field} is {text:?} and must be true or false")))
}

fn number(query: &Query, field: &'static str, least: i64, most: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = query.one(field)? else { return Ok(None) };
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let detail = format!("{field} is {text:?} and must be a whole number from {least} to {most}");
            Err(Problem::invalid(field, detail))
        }
    }
}
