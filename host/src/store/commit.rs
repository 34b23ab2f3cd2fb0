//! One batch, one transaction.
//!
//! Every commit moves the writer's row on, and fails unless the epoch there is ours: that fences a second writer, and
//! gives the commits their order. What is written is `script`'s.

use easel_core::{Draft, Message, Timestamp};
use serde_json::Value;

use super::read::{events_of, messages_of, with_messages};
use super::rows::{Writer, document};
use super::script::Script;
use super::{Store, StoreError};
use crate::events::Logged;

/// What the transaction throws when the writer's row is another's.
const FENCED: &str = "easel: another writer has taken over";

/// What came of a commit.
#[derive(Debug)]
pub enum Committed {
    /// It took place: its events, ready to be told.
    Yes(Vec<Logged>),
    /// It did not, for this reason: nothing was written.
    No(StoreError),
}

impl Store {
    /// Writes all that `draft` changed, and its events, in one transaction. `commits` is the number of this commit: one more
    /// than that of the last, and `now` what the wall clock says. Fails if there is another writer, or if nobody can tell whether the commit took place.
    pub async fn commit(&self, draft: &Draft, commits: u64, now: Timestamp) -> Result<Committed, StoreError> {
        match self.engine.mend().await {
            Ok(false) => {}
            // What was refused must not have come back, nor may anything be gone.
            Ok(true) => match self.commits().await? {
                Some(last) if last + 1 == commits => {}
                last => {
                    return Err(StoreError::Unknown(format!(
                        "opened again, it ends with {last:?}, not {}",
                        commits - 1
                    )));
                }
            },
            Err(error @ StoreError::NoRoom { .. }) => return Ok(Committed::No(error)),
            Err(error) => return Err(error),
        }
        let script = Script::of(draft);
        let error = match self.run(script, draft, commits, now).await {
            Ok(messages) => return Ok(Committed::Yes(with_messages(draft.events.clone(), messages))),
            Err(error) if error.to_string().contains(FENCED) => return Err(StoreError::Fenced),
            Err(error) => error,
        };
        self.engine.tear();
        tracing::warn!("a commit has failed: {error}");
        let unknown = |why: StoreError| StoreError::Unknown(format!("{error}; and then: {why}"));
        if !self.took_place(commits).await.map_err(unknown)? {
            return Ok(Committed::No(error));
        }
        // It can be read, which says nothing of the disk: the log may not be there. What is read when the engine was closed and
        // opened again is.
        self.engine.mend().await.map_err(unknown)?;
        match self.took_place(commits).await.map_err(unknown)? {
            true => Ok(Committed::Yes(self.told(draft).await?)),
            false => Ok(Committed::No(error)),
        }
    }

    /// Whether the commit of this number was the last, or else the one before it.
    async fn took_place(&self, commits: u64) -> Result<bool, StoreError> {
        match self.commits().await? {
            Some(found) if found == commits => Ok(true),
            Some(found) if found + 1 == commits => Ok(false),
            _ => Err(StoreError::Fenced),
        }
    }

    async fn run(
        &self,
        script: Script,
        draft: &Draft,
        commits: u64,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let writer = document(&Writer {
            epoch: self.epoch,
            commits,
            seq: draft.state.seq,
            ticket: draft.state.ticket,
            floor: draft.state.floor(),
            kept: draft.state.kept(),
            oldest: draft.state.oldest_event(),
            at: Some(now),
        });
        let sql = format!(
            "BEGIN;
             IF (UPDATE ONLY meta:writer REPLACE $writer WHERE epoch = $writer.epoch RETURN VALUE epoch) = NONE {{ THROW '{FENCED}' }};
             {} COMMIT;",
            script.sql
        );
        let db = self.db().await?;
        let mut query = db.query(sql).bind(("writer", writer));
        for (name, value) in script.values {
            query = query.bind((name, value));
        }
        let mut response = query.await?.check()?;
        if draft.events.is_empty() {
            return Ok(Vec::new());
        }
        // The row of the events comes last, and says what became of the messages.
        let last = response.num_statements() - 2;
        let row: Option<Value> = response.take(last)?;
        let messages = row.and_then(|mut row| row.get_mut("messages").map(Value::take)).unwrap_or(Value::Null);
        messages_of("message", messages.as_array().cloned().unwrap_or_default())
    }

    /// The events of a commit that took place although its answer was lost.
    async fn told(&self, draft: &Draft) -> Result<Vec<Logged>, StoreError> {
        let Some(last) = draft.events.last().map(|event| event.seq) else { return Ok(Vec::new()) };
        let sql = "SELECT list, messages FROM ONLY type::record('event', $last)";
        let row: Option<Value> = self.db().await?.query(sql).bind(("last", last)).await?.take(0)?;
        events_of(row.unwrap_or_default())
    }
}
