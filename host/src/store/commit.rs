//! One batch, one transaction.
//!
//! Every commit moves the writer's row on, and fails unless the epoch there is ours: that fences a second writer, and
//! gives the commits their order. What is written is `script`'s.

use easel_core::{Draft, Timestamp};
use serde_json::Value;

use super::engine::{Answers, Mended, Query, Uncommitted};
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
    /// than that of the last, and `now` what the wall clock says. Fails if there is another writer, or if nobody can tell whether the
    /// commit took place.
    pub async fn commit(&self, draft: &Draft, commits: u64, now: Timestamp) -> Result<Committed, StoreError> {
        match self.engine.mend().await? {
            Mended::Whole => {}
            // What was refused must not have come back, nor may anything be gone.
            Mended::Anew => match self.commits().await? {
                Some(last) if last + 1 == commits => {}
                last => {
                    return Err(StoreError::Unknown(format!(
                        "opened again, it ends with {last:?}, not {}",
                        commits - 1
                    )));
                }
            },
            Mended::NotYet(error) => return Ok(Committed::No(error)),
        }
        let error = match self.engine.commit(self.query(draft, commits, now)).await {
            Ok(answers) => return Ok(Committed::Yes(told(draft, answers)?)),
            Err(Uncommitted::Thrown(what)) if what.contains(FENCED) => return Err(StoreError::Fenced),
            Err(Uncommitted::Thrown(what)) => StoreError::Database(what),
            Err(Uncommitted::Failed(error)) => error,
        };
        tracing::warn!("a commit has failed: {error}");
        let unknown = |why: StoreError| StoreError::Unknown(format!("{error}; and then: {why}"));
        if !self.took_place(commits).await.map_err(unknown)? {
            return Ok(Committed::No(error));
        }
        // It can be read, which says nothing of the disk: it may not be there. What is read of an engine that was opened anew is.
        if let Mended::NotYet(why) = self.engine.mend().await.map_err(unknown)? {
            return Err(unknown(why));
        }
        match self.took_place(commits).await.map_err(unknown)? {
            true => Ok(Committed::Yes(self.logged(draft).await?)),
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

    /// The transaction that moves the writer's row on, if it is still ours, and writes what `draft` changed.
    fn query(&self, draft: &Draft, commits: u64, now: Timestamp) -> Query {
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
        let Query { sql, values } = Script::of(draft).query;
        let sql = format!(
            "IF (UPDATE ONLY meta:writer REPLACE $writer WHERE epoch = $writer.epoch RETURN VALUE epoch) = NONE {{ THROW '{FENCED}' }};
             {sql}"
        );
        Query { sql, values }.bind("writer", writer)
    }

    /// The events of a commit that took place although its answer was lost.
    async fn logged(&self, draft: &Draft) -> Result<Vec<Logged>, StoreError> {
        let Some(last) = draft.events.last().map(|event| event.seq) else { return Ok(Vec::new()) };
        let sql = "SELECT list, messages FROM ONLY type::record('event', $last)";
        let row = self.row(Query::new(sql).bind("last", last)).await?;
        events_of(row.unwrap_or_default())
    }
}

/// The events of a commit, by what its statements answered: the row of the events comes last, and says what became of the messages.
fn told(draft: &Draft, mut answers: Answers) -> Result<Vec<Logged>, StoreError> {
    if draft.events.is_empty() {
        return Ok(Vec::new());
    }
    let messages = answers.pop().and_then(|mut row| row.get_mut("messages").map(Value::take));
    let messages = messages_of("message", messages.and_then(|list| list.as_array().cloned()).unwrap_or_default())?;
    Ok(with_messages(draft.events.clone(), messages))
}
