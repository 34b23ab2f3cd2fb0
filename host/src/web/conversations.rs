//! `GET /v1/conversations`: which there are, the one with the newest message first.

use std::sync::Arc;

use serde_json::{Value, json};

use super::query::Query;
use super::{Answer, Host, reply};
use crate::time;

/// How many conversations a page has, unless it is told otherwise, and at the most: each is counted.
const PAGE: (usize, usize) = (50, 200);

pub(super) async fn list(host: Arc<Host>, query: Query) -> Answer {
    query.only(&["limit", "cursor"])?;
    let (limit, before) = (query.limit(PAGE.0, PAGE.1)?, query.cursor()?);
    let (conversations, next) = host.scheduler.conversations(before, limit).await?;
    let conversations: Vec<Value> = conversations
        .into_iter()
        .map(|found| json!({"id": found.id, "count": found.count, "updated_at": time::text(found.updated_at)}))
        .collect();
    Ok(reply::json(&json!({"conversations": conversations, "next": next.map(|ticket| ticket.to_string())})))
}
