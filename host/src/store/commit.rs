//! One batch, one document.
//!
//! A commit is the document of its number, and there is no other of that: so it took place if it can be read, and is ours if its
//! epoch is. The rows come later (`projection`); until then the tail has them.

use easel_core::{Draft, Timestamp};

use super::engine::{Engine, Mended};
use super::events::with_messages;
use super::log::{self, Head};
use super::read::messages_of;
use super::rows::{Row, RowName};
use super::written::Written;
use super::{Store, StoreError};
use crate::events::Logged;

/// What came of a commit.
#[derive(Debug)]
pub enum Committed {
    /// It took place: its events, ready to be told.
    Yes(Vec<Logged>),
    /// It did not, for this reason: nothing was written.
    No(StoreError),
}

impl Store {
    /// Writes all that `draft` changed, and its events, as one document. `commits` is the number of this commit: one more
    /// than that of the last, and `now` what the wall clock says. Fails if there is another writer, or if nobody can tell whether the
    /// commit took place.
    pub async fn commit(&self, draft: &Draft, commits: u64, now: Timestamp) -> Result<Committed, StoreError> {
        let _writing = self.writing.lock().await;
        self.tail.check()?;
        if let Some(error) = mend(&*self.engine, commits - 1).await? {
            return Ok(Committed::No(error));
        }
        let head = Head::of(draft, self.epoch, now);
        let (written, text) = match self.written(draft).await {
            Ok(written) => written,
            Err(error) => return Ok(Committed::No(error)),
        };
        let error = match self.engine.commit(head.query(commits, text)).await {
            Ok(_) => return self.told(draft, commits, head, written),
            Err(error) => error.into_error(),
        };
        tracing::warn!("a commit has failed: {error}");
        let unknown = |why: StoreError| match why {
            StoreError::Fenced => why,
            why => StoreError::Unknown(format!("{error}; and then: {why}")),
        };
        if !self.took_place(commits).await.map_err(unknown)? {
            return Ok(Committed::No(error));
        }
        // It can be read, which says nothing of the disk: it may not be there. What is read of an engine that was opened anew is.
        if let Mended::NotYet(why) = self.engine.mend().await.map_err(unknown)? {
            return Err(unknown(why));
        }
        match self.took_place(commits).await.map_err(unknown)? {
            true => self.told(draft, commits, head, written),
            false => Ok(Committed::No(error)),
        }
    }

    /// What a draft changed, and that and its events as text.
    async fn written(&self, draft: &Draft) -> Result<(Written, String), StoreError> {
        let written = Written::of(self, draft).await?;
        let text = log::text_of(&written, &draft.events)?;
        Ok((written, text))
    }

    /// Whether the commit of this number took place, and not another's.
    async fn took_place(&self, commit: u64) -> Result<bool, StoreError> {
        match log::epoch(&*self.engine, commit).await? {
            None => Ok(false),
            Some(epoch) if epoch == self.epoch => Ok(true),
            Some(_) => Err(StoreError::Fenced),
        }
    }

    /// A commit took place: from here on its rows can be read.
    fn told(&self, draft: &Draft, commit: u64, head: Head, written: Written) -> Result<Committed, StoreError> {
        let Written { jobs, rows, messages } = written;
        let jobs = jobs.into_iter().map(|job| (RowName::job(job.id), Some(Row::Job(job))));
        let rows = rows.into_iter().map(|(name, row)| (name, row.map(Row::Document)));
        self.tail.push(commit, head, jobs.chain(rows));
        Ok(Committed::Yes(with_messages(draft.events.clone(), messages_of("message", messages)?)))
    }
}

/// Makes the database fit to be written to, after the commit of this number; or says why that is not possible yet.
pub(super) async fn mend(engine: &dyn Engine, last: u64) -> Result<Option<StoreError>, StoreError> {
    match engine.mend().await? {
        Mended::Whole => Ok(None),
        Mended::NotYet(error) => Ok(Some(error)),
        // What was refused must not have come back, nor may anything be gone.
        Mended::Anew => {
            let there = log::epoch(engine, last).await?.is_some();
            let more = log::epoch(engine, last + 1).await?.is_some();
            let what = match (there, more) {
                (true, false) => return Ok(None),
                (false, _) => "does not have",
                (true, true) => "goes on after",
            };
            Err(StoreError::Unknown(format!("opened again, the log {what} commit {last}")))
        }
    }
}
