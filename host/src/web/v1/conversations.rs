//! `GET /v1/conversations`: which there are, the one with the newest message first.

use easel_core::Actor;
use std::sync::Arc;

use easel_wire::{Conversation, Conversations, Time};

use crate::web::answer::reply;
use crate::web::extract::query::Query;
use crate::web::{Answer, Host};

/// How many conversations a page has, unless it is told otherwise, and at the most: each is counted.
const PAGE: (usize, usize) = (50, 200);

pub(in crate::web) async fn list(host: Arc<Host>, actor: Actor, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let (limit, before) = (query.limit(PAGE.0, PAGE.1)?, query.cursor()?);
    let (conversations, next) = host.scheduler.conversations(&actor.viewer(), before, limit).await?;
    let conversations = conversations
        .into_iter()
        .map(|found| Conversation { id: found.id, count: found.count, updated_at: Time::from_micros(found.updated_at) })
        .collect();
    Ok(reply::json(&Conversations { conversations, next: next.map(|ticket| ticket.to_string()) }))
}
