//! The log as events: from any place, without gap or repeat.

use easel_core::{Event, Message};
use serde_json::Value;

use super::engine::Query;
use super::log::{self, Commit, Text};
use super::read::messages_of;
use super::{Store, StoreError};
use crate::events::Logged;

/// How many commits' events are read first: mostly one each, and up to thousands.
const COMMITS: u64 = 4;

impl Store {
    /// The events after `seq`, at least one commit's if there is one, and about `limit`.
    pub async fn events(&self, seq: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let (engine, committed) = (&*self.engine, self.tail.watch().borrow().committed);
        let mut next = log::first_after(engine, seq, self.tail.first(), committed + 1).await?;
        let (mut logged, mut commits) = (Vec::<Logged>::new(), COMMITS);
        while next <= committed && logged.len() < limit {
            let found = log::read(engine, next, commits).await?;
            if found.is_empty() {
                break;
            }
            for Commit { number, text, .. } in found {
                next = number + 1;
                let mut events = Text::parse(&text)?.into_events()?;
                events.retain(|logged| logged.event.seq > seq);
                let follows = |last: u64| events.first().is_none_or(|first| first.event.seq == last + 1);
                if logged.is_empty() && !follows(seq) {
                    // From before there was a log, unless they are gone.
                    logged = self.events_before_the_log(seq, limit).await?;
                }
                if logged.last().is_some_and(|last| !follows(last.event.seq)) || logged.len() >= limit {
                    // The oldest may go while somebody reads: what follows a gap is another's to read.
                    return Ok(logged);
                }
                logged.extend(events);
                if logged.len() >= limit {
                    break;
                }
            }
            commits = (commits * 2).min(limit.max(1) as u64).max(COMMITS);
        }
        match logged.is_empty() {
            true => self.events_before_the_log(seq, limit).await,
            false => Ok(logged),
        }
    }

    /// The same of what earlier versions wrote: a row for each commit, by its last event.
    async fn events_before_the_log(&self, seq: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let (mut logged, mut last, mut rows) = (Vec::<Logged>::new(), seq, COMMITS);
        loop {
            let (from, until) = (last + 1, i64::MAX);
            let sql = format!(
                "SELECT VALUE {{ list: list, messages: messages }} FROM event:{from}..{until} ORDER BY id LIMIT {rows}"
            );
            let found = self.rows(Query::new(sql)).await?;
            let read = found.len() as u64;
            for row in found {
                let events = events_of(row)?;
                // The oldest may go while somebody reads: what follows a gap is another's to read.
                if !logged.is_empty() && events.first().is_some_and(|first| first.event.seq != last + 1) {
                    return Ok(logged);
                }
                last = events.last().map_or(last, |logged| logged.event.seq);
                logged.extend(events.into_iter().filter(|logged| logged.event.seq > seq));
                if logged.len() >= limit {
                    return Ok(logged);
                }
            }
            if read < rows {
                return Ok(logged);
            }
            rows = (rows * 2).min(limit.max(1) as u64).max(COMMITS);
        }
    }
}

/// The events of one commit's row.
pub(super) fn events_of(row: Value) -> Result<Vec<Logged>, StoreError> {
    let broken = |error| StoreError::Row { table: "event", error };
    let list = row.get("list").and_then(Value::as_str).unwrap_or("[]");
    let events: Vec<Event> = serde_json::from_str(list).map_err(broken)?;
    let messages = row.get("messages").cloned().unwrap_or(Value::Array(Vec::new()));
    let messages: Vec<Value> = serde_json::from_value(messages).map_err(broken)?;
    let messages = messages_of("event", messages)?;
    Ok(with_messages(events, messages))
}

/// Events, each with the message that it left behind.
pub(super) fn with_messages(events: Vec<Event>, messages: Vec<Message>) -> Vec<Logged> {
    let mut messages = messages.into_iter().peekable();
    let mut logged = Vec::with_capacity(events.len());
    for event in events {
        let message = messages.next_if(|message| message.seq == event.seq);
        logged.push(Logged::new(event, message));
    }
    logged
}
