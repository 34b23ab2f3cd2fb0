//! What has been committed and is not in the rows yet. Whoever reads rows lays this over them, so nobody can tell.
//!
//! A row is here as the newest commit that wrote it left it. So one that was written by several is written to its table once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use easel_core::{Job, JobId};
use tokio::sync::watch;

use super::StoreError;
use super::log::Head;
use super::rows::{Row, RowName, Table};

/// What may wait to be written to its tables before commits wait for that: what a start has to read again.
const ROWS: usize = 16_384;
const BYTES: usize = 32 * 1024 * 1024;

/// How far the rows are behind the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Distance {
    /// The last commit that the rows have.
    pub(super) projected: u64,
    /// The last commit.
    pub(super) committed: u64,
    /// The first commit that the log has.
    pub(super) first: u64,
    /// There is more than may wait.
    pub(super) full: bool,
    /// Somebody waits for the rows.
    pub(super) wanted: bool,
    /// Why the rows are not written at the moment.
    pub(super) failed: Option<String>,
}

impl Distance {
    /// Whether somebody waits for the rows.
    pub(super) fn is_due(&self) -> bool {
        self.full || self.wanted
    }
}

/// Rows that are on their way to their tables, of commits up to one.
pub(super) struct Slice {
    pub(super) commit: u64,
    pub(super) rows: Vec<(RowName, Option<Row>)>,
}

#[derive(Default)]
struct Inner {
    head: Head,
    rows: HashMap<RowName, Held>,
    /// The rows that each commit was the last to write.
    order: BTreeMap<u64, Vec<RowName>>,
    bytes: usize,
}

struct Held {
    commit: u64,
    row: Option<Row>,
    weight: usize,
}

pub(super) struct Tail {
    inner: Mutex<Inner>,
    distance: watch::Sender<Distance>,
    /// Why nobody knows any more what the log has.
    unknown: OnceLock<String>,
}

impl Tail {
    /// Behind a log and its rows, which both are at this commit.
    pub(super) fn new(commit: u64, first: u64, head: Head) -> Self {
        let distance = Distance { projected: commit, committed: commit, first, ..Distance::default() };
        Self {
            inner: Mutex::new(Inner { head, ..Inner::default() }),
            distance: watch::Sender::new(distance),
            unknown: OnceLock::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit has taken place, which wrote these rows; of those of one name the last counts.
    pub(super) fn push(&self, commit: u64, head: Head, rows: impl IntoIterator<Item = (RowName, Option<Row>)>) {
        let mut inner = self.inner();
        inner.head = head;
        for (name, row) in rows {
            let weight = row.as_ref().map_or(0, Row::weight);
            inner.bytes += weight;
            let old = inner.rows.insert(name.clone(), Held { commit, row, weight });
            let new = old.as_ref().is_none_or(|old| old.commit != commit);
            inner.bytes -= old.map_or(0, |old| old.weight);
            if new {
                inner.order.entry(commit).or_default().push(name);
            }
        }
        let full = inner.is_full();
        drop(inner);
        self.distance.send_modify(|distance| (distance.committed, distance.full) = (commit, full));
    }

    /// Rows of the oldest commits, about so many, and so many bytes, at the most: whole commits, and one at least.
    pub(super) fn oldest(&self, limit: usize, most: usize) -> Slice {
        let inner = self.inner();
        let (mut rows, mut commit, mut bytes) = (Vec::new(), self.distance.borrow().committed, 0);
        for (number, names) in &inner.order {
            let more: usize = names.iter().filter_map(|name| inner.rows.get(name)).map(|held| held.weight).sum();
            bytes += more;
            if !rows.is_empty() && (rows.len() + names.len() > limit || bytes > most) {
                commit = number - 1;
                break;
            }
            // Names that a later commit wrote again are left to that one.
            let ours = names.iter().filter_map(|name| {
                let held = inner.rows.get(name).filter(|held| held.commit == *number)?;
                Some((name.clone(), held.row.clone()))
            });
            rows.extend(ours);
        }
        Slice { commit, rows }
    }

    /// The rows have all commits up to this one, and the log begins with another one.
    pub(super) fn projected(&self, commit: u64, first: u64) {
        let mut inner = self.inner();
        let later = inner.order.split_off(&(commit + 1));
        let done = std::mem::replace(&mut inner.order, later);
        for name in done.into_values().flatten() {
            if inner.rows.get(&name).is_some_and(|held| held.commit <= commit) {
                inner.bytes -= inner.rows.remove(&name).map_or(0, |held| held.weight);
            }
        }
        let full = inner.is_full();
        drop(inner);
        self.distance.send_modify(|distance| {
            (distance.projected, distance.first, distance.full, distance.failed) = (commit, first, full, None);
            distance.wanted &= distance.projected < distance.committed;
        });
    }

    /// The rows cannot be written at the moment.
    pub(super) fn failed(&self, why: String) {
        self.distance.send_modify(|distance| distance.failed = Some(why));
    }

    /// Nobody knows any more what the log has: no commit may follow.
    pub(super) fn doubt(&self, why: String) {
        self.failed(why.clone());
        if self.unknown.set(why).is_err() {
            tracing::debug!("it was in doubt before");
        }
    }

    /// Fails if nobody knows what the log has.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.unknown.get().map_or(Ok(()), |why| Err(StoreError::Unknown(why.clone())))
    }

    /// How far the rows are behind, and news of that.
    pub(super) fn watch(&self) -> watch::Receiver<Distance> {
        self.distance.subscribe()
    }

    /// The first commit that the log has.
    pub(super) fn first(&self) -> u64 {
        self.distance.borrow().first
    }

    /// Where everything stands.
    pub(super) fn head(&self) -> Head {
        self.inner().head.clone()
    }

    /// What a row is, if it is here: nothing, if it went.
    pub(super) fn row(&self, name: &RowName) -> Option<Option<Row>> {
        self.inner().rows.get(name).map(|held| held.row.clone())
    }

    /// The names of the rows of a table that are here, those that went among them.
    pub(super) fn names(&self, table: Table) -> Vec<RowName> {
        self.inner().rows.keys().filter(|name| name.0 == table).cloned().collect()
    }

    /// The jobs whose rows are here, and those that went.
    pub(super) fn jobs(&self) -> Jobs {
        let mut jobs = Jobs::default();
        for (name, held) in &self.inner().rows {
            match &held.row {
                Some(Row::Job(job)) => jobs.there.push(job.clone()),
                _ if name.0 == Table::Job => jobs.gone.extend(serde_json::from_value::<JobId>(name.1.clone())),
                _ => {}
            }
        }
        jobs
    }

    /// Waits until the rows have what is committed now.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut distance = self.watch();
        let committed = distance.borrow_and_update().committed;
        if distance.borrow().projected >= committed {
            return Ok(());
        }
        self.distance.send_modify(|distance| distance.wanted = true);
        let ready = |distance: &Distance| distance.projected >= committed || distance.failed.is_some();
        let reached = distance.wait_for(ready).await.map_err(|_| StoreError::Closed)?;
        match &reached.failed {
            Some(why) if reached.projected < committed => Err(StoreError::Database(why.clone())),
            _ => Ok(()),
        }
    }

    /// Waits until less waits for its table than may, or until that cannot be.
    pub(super) async fn room(&self) {
        let mut distance = self.watch();
        // It fails only when nobody writes rows any more.
        if distance.wait_for(|distance| !distance.full || distance.failed.is_some()).await.is_err() {
            tracing::debug!("the rows are not written any more");
        }
    }
}

impl Inner {
    fn is_full(&self) -> bool {
        self.rows.len() > ROWS || self.bytes > BYTES
    }
}

/// Jobs of a tail.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) there: Vec<Arc<Job>>,
    pub(super) gone: Vec<JobId>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(id: &str) -> RowName {
        RowName::new(Table::Message, &id)
    }

    fn put(tail: &Tail, commit: u64, id: &str, text: &str) {
        tail.push(commit, Head::default(), [(name(id), Some(Row::Document(json!(text))))]);
    }

    fn texts(slice: &Slice) -> Vec<String> {
        let text =
            |(_, row): &(RowName, Option<Row>)| row.as_ref().map(|row| row.content().to_string()).unwrap_or_default();
        slice.rows.iter().map(text).collect()
    }

    #[test]
    fn a_row_that_several_commits_wrote_is_written_once_as_the_last_of_them_left_it() {
        let tail = Tail::new(0, 1, Head::default());
        put(&tail, 1, "a", "old");
        put(&tail, 2, "b", "other");
        put(&tail, 3, "a", "new");
        let slice = tail.oldest(9, 999);
        assert_eq!((slice.commit, texts(&slice)), (3, vec![r#""other""#.to_owned(), r#""new""#.to_owned()]));
    }

    #[test]
    fn a_slice_ends_with_a_commit_and_what_a_later_one_wrote_again_is_left_to_that_one() {
        let tail = Tail::new(0, 1, Head::default());
        put(&tail, 1, "a", "old");
        put(&tail, 2, "b", "other");
        put(&tail, 3, "a", "new");
        let slice = tail.oldest(1, 999);
        assert_eq!((slice.commit, texts(&slice)), (2, vec![r#""other""#.to_owned()]));
        tail.projected(2, 1);
        assert!(tail.row(&name("b")).is_none() && tail.row(&name("a")).is_some());
        assert_eq!((tail.watch().borrow().projected, tail.inner().rows.len()), (2, 1));
    }

    #[test]
    fn a_slice_is_bounded_in_bytes_but_has_one_commit_at_least() {
        let tail = Tail::new(0, 1, Head::default());
        (1..=3).for_each(|commit| put(&tail, commit, &commit.to_string(), &"x".repeat(100)));
        assert_eq!((tail.oldest(9, 50).commit, tail.oldest(9, 200).commit, tail.oldest(9, 300).commit), (1, 2, 3));
    }

    #[test]
    fn a_row_that_was_written_while_its_slice_was_on_the_way_stays() {
        let tail = Tail::new(0, 1, Head::default());
        put(&tail, 1, "a", "old");
        let slice = tail.oldest(9, 999);
        put(&tail, 2, "a", "new");
        tail.projected(slice.commit, 1);
        assert_eq!(texts(&tail.oldest(9, 999)), [r#""new""#]);
        tail.projected(2, 1);
        let inner = tail.inner();
        assert_eq!((inner.bytes, inner.order.len()), (0, 0));
    }

    #[tokio::test]
    async fn whoever_waits_for_the_rows_is_told_why_they_do_not_come() {
        let tail = Tail::new(0, 1, Head::default());
        tail.catch_up().await.unwrap();
        put(&tail, 1, "a", "new");
        tail.failed("the disk is full".to_owned());
        assert!(matches!(tail.catch_up().await, Err(StoreError::Database(why)) if why == "the disk is full"));
        tail.projected(1, 1);
        tail.catch_up().await.unwrap();
    }
}
