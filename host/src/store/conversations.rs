//! Lists of conversations: there is no table of them, they are what messages name.

use std::collections::HashSet;

use easel_core::{Ticket, Timestamp, Viewer};
use serde::Deserialize;

use super::engine::Query;
use super::read::read_as;
use super::seen::Seen;
use super::{Store, StoreError};

/// How many messages are read at once, and for one page at the most.
const SLICE: u64 = 500;
const LOOKED_AT: u64 = 5_000;

/// A conversation, summed up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Conversation {
    /// The name that its messages have for it.
    pub id: String,
    /// How many messages it has.
    pub count: u64,
    /// When one of them last changed.
    pub updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Message {
    ticket: Ticket,
    conversation_id: String,
}

#[derive(Deserialize)]
struct Sum {
    count: u64,
    updated_at: Timestamp,
    newest: Ticket,
}

impl Store {
    /// The conversations of which this viewer sees a message, by the newest that it sees, newest first, of tickets below `before`; and the ticket below which to go on. A page may
    /// hold fewer than `limit`, and still have a next one.
    pub async fn conversations(
        &self,
        viewer: &Viewer,
        before: Option<Ticket>,
        limit: usize,
    ) -> Result<(Vec<Conversation>, Option<Ticket>), StoreError> {
        self.tail.catch_up().await?;
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let (mut before, mut read) = (before.unwrap_or(i64::MAX as u64), 0);
        while read < LOOKED_AT {
            let slice = self.messages_below(viewer, before).await?;
            read += SLICE;
            let last = (slice.len() as u64) < SLICE;
            for message in slice {
                before = message.ticket;
                if !seen.insert(message.conversation_id.clone()) {
                    continue;
                }
                let Some(sum) = self.sum(viewer, &message.conversation_id).await? else { continue };
                // With a newer message it was on a page before this one.
                if sum.newest != message.ticket {
                    continue;
                }
                let Sum { count, updated_at, .. } = sum;
                found.push(Conversation { id: message.conversation_id, count, updated_at });
                if found.len() == limit {
                    let more = !self.messages_below(viewer, before).await?.is_empty();
                    return Ok((found, more.then_some(before)));
                }
            }
            if last {
                return Ok((found, None));
            }
        }
        Ok((found, Some(before)))
    }

    async fn messages_below(&self, viewer: &Viewer, before: Ticket) -> Result<Vec<Message>, StoreError> {
        let Seen { sql, owner, user } = Seen::by(viewer);
        let sql = format!(
            "SELECT ticket, conversation_id FROM message WHERE ticket < $before {sql} ORDER BY ticket DESC LIMIT $limit"
        );
        let query = Query::new(sql).bind("before", before).bind("limit", SLICE);
        read_as("message", self.rows(query.bind("owner", owner).bind("user", user)).await?)
    }

    async fn sum(&self, viewer: &Viewer, conversation: &str) -> Result<Option<Sum>, StoreError> {
        let Seen { sql, owner, user } = Seen::by(viewer);
        let sql = format!(
            "SELECT count() AS count, math::max(updated_at) AS updated_at, math::max(ticket) AS newest FROM message
             WHERE conversation_id = $id {sql} GROUP ALL"
        );
        let query = Query::new(sql).bind("id", conversation).bind("owner", owner).bind("user", user);
        Ok(read_as("message", self.rows(query).await?)?.pop())
    }
}
