//! The rows, written behind the log: one task takes the oldest of what is committed and not in them yet, in slices, each with the number
//! of the commit that they have then. A slice that is written twice, or in part again, comes to the same.
//!
//! It also cuts the log: commits whose rows are written and whose events nobody has to keep.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::commit::mend;
use super::engine::{Engine, Query, Uncommitted};
use super::index::Index;
use super::log::{self, Commit, Head};
use super::rows::Rows;
use super::tail::{Distance, Tail};

/// How many rows are written at once: more would keep a commit waiting that comes meanwhile.
const ROWS: usize = 256;
/// How many bytes: what one transaction writes has to fit into the engine's memory.
const BYTES: usize = 4 * 1024 * 1024;
/// How many commits are cut at once.
const CUT: u64 = 512;
/// How many commits a start reads at once.
const READ: u64 = 64;
/// How long what is committed may wait for its rows when nobody asks for them: much of it is written again by then.
const LINGER: Duration = Duration::from_millis(500);
/// The wait after the database could not write.
const AGAIN: Duration = Duration::from_secs(1);

/// What the transaction throws when the rows are another's.
const FENCED: &str = "easel: another process writes the rows";

/// How far the rows are, and where the log begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Mark {
    /// The last commit that the rows have.
    pub(super) commit: u64,
    /// The first commit that the log has.
    pub(super) first: u64,
    /// The oldest event that had to be kept when the log was last cut.
    pub(super) oldest: u64,
}

/// Whoever writes the rows of a store.
pub(super) struct Projection {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) tail: Arc<Tail>,
    /// Held while the log is written to.
    pub(super) writing: Arc<Mutex<()>>,
    pub(super) epoch: u64,
    pub(super) mark: Mark,
    pub(super) index: Index,
}

impl Mark {
    /// As the store has it. None in a store that has none yet.
    pub(super) async fn read(engine: &dyn Engine) -> Result<Option<Self>, StoreError> {
        let found = engine.read(Query::new("SELECT commit, first, oldest FROM ONLY meta:projection")).await?.pop();
        let row = found.filter(|row| !row.is_null());
        row.map(serde_json::from_value).transpose().map_err(|error| StoreError::Row { table: "meta", error })
    }
}

impl Projection {
    /// Writes rows until it is told to stop, and all that are left then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut distance = self.tail.watch();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = distance.wait_for(|distance| distance.projected < distance.committed) => if changed.is_err() { break },
            }
            let committed = distance.borrow_and_update().committed;
            let due = distance.wait_for(Distance::is_due);
            tokio::select! {
                () = stop.cancelled() => break,
                _ = timeout(LINGER, due) => {}
            }
            // While commits come, only as much as is due; when none has come for a while, all there is.
            let Err(error) = self.steps(|now| now.is_due() || now.committed == committed).await else { continue };
            self.tail.failed(error.to_string());
            if let StoreError::Fenced = error {
                return;
            }
            tracing::warn!("cannot write rows, trying again: {error}");
            tokio::select! { () = stop.cancelled() => break, () = sleep(AGAIN) => {} }
            if let Err(error) = self.mend().await {
                return self.tail.doubt(error.to_string());
            }
        }
        if let Err(error) = self.steps(|_| true).await {
            tracing::warn!("rows are left to be written by the next start: {error}");
        }
        // Nobody waits for rows that will not come.
        self.tail.failed(StoreError::Closed.to_string());
    }

    /// Writes a slice, and more as long as rows are behind and `on` says so.
    async fn steps(&mut self, on: impl Fn(&Distance) -> bool) -> Result<(), StoreError> {
        while self.is_behind() {
            self.step().await?;
            if !on(&self.tail.watch().borrow()) {
                break;
            }
        }
        Ok(())
    }

    /// Makes the database fit to be written to again, as far as that is possible yet. An error is the end, for the log as well.
    async fn mend(&mut self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let last = self.tail.watch().borrow().committed;
        mend(&*self.engine, last).await?;
        // Where the rows are is in their transaction: a mark of before does no harm but to cut again what is cut.
        match Mark::read(&*self.engine).await {
            Ok(mark) => self.mark = mark.unwrap_or_default(),
            Err(error) => tracing::debug!("cannot read how far the rows are: {error}"),
        }
        Ok(())
    }

    fn is_behind(&self) -> bool {
        let distance = self.tail.watch();
        let distance = distance.borrow();
        distance.projected < distance.committed
    }

    /// Writes a slice of rows, and cuts the log if it is due.
    pub(super) async fn step(&mut self) -> Result<(), StoreError> {
        let slice = self.tail.oldest(ROWS, BYTES);
        let cut = self.cut(slice.commit).await?;
        let mark = Mark { commit: slice.commit, ..cut };
        let mut rows = Rows { put: slice.rows, ..Rows::default() };
        let written = match self.index.follow(&*self.engine, &mut rows).await {
            Ok(()) => self.engine.write_behind(write(&rows, self.mark, mark, self.epoch)).await,
            Err(error) => Err(Uncommitted::Failed(error)),
        };
        if written.is_err() {
            self.index.forget();
        }
        match written {
            Ok(()) => {}
            Err(Uncommitted::Thrown(what)) if what.contains(FENCED) => return Err(StoreError::Fenced),
            Err(Uncommitted::Thrown(what)) => return Err(StoreError::Database(what)),
            Err(Uncommitted::Failed(error)) => {
                // Whether it took place can be read; if it did, and is gone after a crash, it is written again.
                if Mark::read(&*self.engine).await? != Some(mark) {
                    return Err(error);
                }
            }
        }
        self.mark = mark;
        self.tail.projected(slice.commit, mark.first);
        Ok(())
    }

    /// Where the log may begin when the rows are at `commit`. The last commit stays: it says where everything stands.
    async fn cut(&self, commit: u64) -> Result<Mark, StoreError> {
        let oldest = self.tail.head().oldest;
        let last = (self.mark.first + CUT).min(commit);
        if self.mark.first >= last || oldest <= self.mark.oldest {
            return Ok(self.mark);
        }
        let first = log::first_after(&*self.engine, oldest.saturating_sub(1), self.mark.first, last).await?;
        // Only when all of its events are gone is it known that there is nothing more to cut.
        let oldest = if first == last && last < commit { self.mark.oldest } else { oldest };
        Ok(Mark { commit, first, oldest })
    }
}

/// The transaction that writes these rows, and moves the mark on from where it was to where it is then.
fn write(rows: &Rows, was: Mark, mark: Mark, epoch: u64) -> Query {
    let mut sql = format!(
        "IF (UPDATE ONLY meta:projection SET commit = $commit, first = $first, oldest = $oldest WHERE epoch = $epoch RETURN VALUE epoch) \
         = NONE {{ THROW '{FENCED}' }};"
    );
    if was.first < mark.first {
        sql += &format!("DELETE log:{}..{} RETURN NONE;", was.first, mark.first);
    }
    if was.oldest < mark.oldest {
        // From before there was a log.
        sql += &format!("DELETE event:{}..{} RETURN NONE;", was.oldest, mark.oldest);
    }
    let query = Query::new(sql)
        .bind("commit", mark.commit)
        .bind("first", mark.first)
        .bind("oldest", mark.oldest)
        .bind("epoch", epoch);
    rows.write(query)
}

/// Takes the rows over, and writes all that a process which ended left to be written; where everything stands then.
pub(super) async fn recover(engine: &Arc<dyn Engine>) -> Result<(Mark, Head), StoreError> {
    let sql = "
        IF !record::exists(meta:projection) { CREATE meta:projection CONTENT { commit: 0, first: 1, oldest: 1, epoch: 0 } };
        UPDATE ONLY meta:projection SET epoch += 1 RETURN VALUE epoch;
    ";
    let answer = engine.commit(Query::new(sql)).await.map_err(Uncommitted::into_error)?.pop();
    let epoch = answer.and_then(|epoch| epoch.as_u64()).ok_or(StoreError::Fenced)?;
    let mark = Mark::read(&**engine).await?.unwrap_or_default();
    let last = log::read(&**engine, mark.commit, 1).await?.pop();
    let head = last.map_or_else(Head::default, |commit| commit.head);
    let tail = Arc::new(Tail::new(mark.commit, mark.first, head));
    let mut projection = Projection {
        engine: engine.clone(),
        tail: tail.clone(),
        writing: Arc::default(),
        epoch,
        mark,
        index: Index::default(),
    };
    let mut last = mark.commit;
    loop {
        let found = log::read(&**engine, last + 1, READ).await?;
        if found.is_empty() {
            break;
        }
        for Commit { number, head, text } in found {
            tail.push(number, head, log::Text::parse(&text)?.into_rows());
            last = number;
        }
        projection.steps(|_| true).await?;
    }
    Ok((projection.mark, Head { epoch, ..tail.head() }))
}
