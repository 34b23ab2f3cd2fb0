//! `GET /v1/events`: the durable log over HTTP.

use easel_core::Actor;
use std::sync::Arc;

use easel_wire::Events;

use crate::events::{Cursor, Logged};
use crate::show;
use crate::web::answer::reply;
use crate::web::extract::query::Query;
use crate::web::{Answer, Host, Problem};

/// How many events a page has, unless it is told otherwise, and at the most.
const PAGE: (usize, usize) = (100, 1000);
/// How often the beginning of the log is looked for while it moves.
const TRIES: u32 = 10;
const CUT: &str = "the log is being cut faster than it is read: try again, with a smaller limit";

pub(in crate::web) async fn list(host: Arc<Host>, actor: Actor, query: Query) -> Answer {
    query.only(&["since", "until", "limit"])?;
    let limit = query.limit(PAGE.0, PAGE.1)?;
    let hub = host.scheduler.hub();
    // The store may be ahead of what has been published: what lies beyond the head is for the next reader.
    let head = hub.head();
    let (after, mut events, end) = match (query.one("since")?, query.one("until")?) {
        (Some(_), Some(_)) => {
            let detail = "until cannot be combined with since: it lists the events before it, since those after it";
            return Err(Problem::invalid("until", detail));
        }
        (Some(text), None) => {
            let after = since(&host, text, head)?;
            (after, host.scheduler.events(after, limit).await?.ok_or_else(gone)?, head)
        }
        (None, Some(text)) => last(&host, limit, until(&host, text, head)?).await?,
        (None, None) => {
            let (after, events) = oldest(&host, limit).await?;
            (after, events, head)
        }
    };
    events.retain(|logged| logged.event.seq <= end);
    let last = events.last().map_or(after, |logged| logged.event.seq);
    let cursor = Cursor { log: hub.log(), seq: last }.to_string();
    let next = (last < head).then(|| cursor.clone());
    let viewer = actor.viewer();
    let events = events
        .iter()
        .filter(|logged| viewer.sees_event(&logged.event))
        .map(|logged| show::event(logged, hub.log(), &host.links))
        .collect();
    Ok(reply::json(&Events { events, cursor, next }))
}

/// The first events that there are, and the number before them. While they are read, they may go, and others are the first.
async fn oldest(host: &Host, limit: usize) -> Result<(u64, Vec<Arc<Logged>>), Problem> {
    for _ in 0..TRIES {
        let after = host.scheduler.state().oldest_event() - 1;
        if let Some(events) = host.scheduler.events(after, limit).await? {
            return Ok((after, events));
        }
    }
    Err(Problem::busy(CUT))
}

/// The last events up to this one that there are, the number before them, and where they end.
async fn last(host: &Host, limit: usize, end: u64) -> Result<(u64, Vec<Arc<Logged>>, u64), Problem> {
    for _ in 0..TRIES {
        let oldest = host.scheduler.state().oldest_event() - 1;
        let after = end.saturating_sub(limit as u64).max(oldest.min(end));
        if let Some(events) = host.scheduler.events(after, limit).await? {
            return Ok((after, events, end));
        }
    }
    Err(Problem::busy(CUT))
}

/// The number behind a cursor of this log, whether or not the log still has what it stands for.
fn until(host: &Host, text: &str, head: u64) -> Result<u64, Problem> {
    let cursor = cursor("until", text)?;
    if cursor.log == host.scheduler.hub().log() && cursor.seq <= head { Ok(cursor.seq) } else { Err(gone()) }
}

/// The number behind a cursor, if the log still has what follows it.
fn since(host: &Host, text: &str, head: u64) -> Result<u64, Problem> {
    let hub = host.scheduler.hub();
    let cursor = cursor("since", text)?;
    let here = cursor.log == hub.log() && cursor.seq <= head;
    let kept = here && (hub.since(cursor.seq, 0).is_ok() || host.scheduler.state().oldest_event() <= cursor.seq + 1);
    if kept { Ok(cursor.seq) } else { Err(gone()) }
}

fn cursor<'a>(name: &str, text: &'a str) -> Result<Cursor<'a>, Problem> {
    let wrong = || format!("{name} is {text:?} and must be a `cursor` or a `next` that this host gave out");
    Cursor::parse(text).ok_or_else(|| Problem::invalid(name, wrong()))
}

fn gone() -> Problem {
    Problem::gone(
        "the log does not have what follows this cursor: read what there is now (GET /v1/queue and \
         GET /v1/conversations/ID/messages, or the snapshot of the WebSocket) and go on from the cursor that comes with it",
    )
    .in_field("since")
}
