//! SurrealDB within this process, and its whole life: opened so that a crash costs nothing, flushed before it would, closed.
//!
//! SurrealKV 0.21 has three ways of losing what it acknowledged, and one of standing still. All are kept from happening here (ADR 6
//! tells how each shows):
//!
//! - After a crash has torn the end of its log, it goes on writing behind the tear, or to a file that its own repair has
//!   just replaced; the next start reads neither. So each opening begins a log file of its own, and nothing is ever
//!   written behind a tear.
//! - When the memtable is full, the commit that found no room in it stands in the old log and in the new memtable. Once
//!   the old memtable is flushed, the old log is deleted, and until the next flush that commit is nowhere on disk. So the
//!   memtable is made far larger than the log may grow, and the log is emptied by closing the engine, which writes all
//!   that the memtable holds, and opening it again.
//! - After an append that failed (a full disk), its log goes on with a part of that in its buffer, and so behind a tear. So
//!   nothing is appended any more until the engine has been closed and opened again, and nobody but us appends at all.
//! - It merges its tables while it is read, and at the end of that it takes two locks in another order than a read of several
//!   rows does. So it merges them only when it is opened, before anybody reads.

mod log;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytesize::ByteSize;
use serde_json::Value;
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb::method;
use surrealdb::types::{self, QueryError, SurrealValue as _};
use surrealdb_cnf::ConfigMap;
use surrealdb_engine_local::Datastore;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::task::{spawn_blocking, yield_now};

use super::{Answers, Engine, Mended, Query, StoreError, Uncommitted};
use crate::store::place::Place;
use log::{begin_log, close_to_others, log_bytes, no_room, room, try_write};

/// Enough for the hot end of every table.
const BLOCK_CACHE: u64 = 16 * 1024 * 1024;
/// How many turns the engine's tasks get to do what opening and closing leaves to them: it takes one or two.
const TURNS: usize = 16;

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Nowhere: gone with the process.
    Memory,
    /// In this directory.
    SurrealKv(PathBuf),
}

/// How large the log may grow, and the memtable.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The log is emptied when it has grown to this many bytes: what a start after a crash has to read again.
    pub log: u64,
    /// What is set aside (as addresses; memory is used as it fills) for what the log says. An entry takes less than twice
    /// its bytes in the log.
    pub memtable: u64,
}

impl Sizes {
    /// For a log of at most `log`, with room for the largest commit beyond that.
    pub fn for_log(log: ByteSize) -> Self {
        Self { log: log.as_u64(), memtable: log.as_u64() * 4 + 256 * 1024 * 1024 }
    }
}

/// A database that only this process has.
pub struct Embedded {
    location: Location,
    sizes: Sizes,
    /// None only while it is being flushed and after it was closed.
    open: RwLock<Option<Open>>,
    /// An append has failed: whatever came after it would stand behind a tear.
    torn: AtomicBool,
    /// Held by whoever writes: what is appended while another append fails would be behind a tear, and nobody would know.
    turn: Mutex<()>,
    /// Keeps other processes out.
    place: Option<Place>,
}

struct Open {
    db: Surreal<Db>,
    /// Another handle, for transactions that stay open for a while.
    behind: Mutex<Option<Surreal<Db>>>,
    datastore: Arc<Datastore>,
    tasks: Tasks,
}

/// What runs the engine's own tasks: only while it is opened and closed, when nobody asks it for anything.
struct Tasks(Option<Runtime>);

impl Embedded {
    /// Opens it, or makes it where there is none.
    pub async fn open(location: Location, sizes: Sizes) -> Result<Self, StoreError> {
        let place = match &location {
            Location::Memory => None,
            Location::SurrealKv(directory) => {
                // Before anything is made at a place that is another one for the engine.
                address(directory)?;
                Some(Place::take(directory)?)
            }
        };
        if let Location::SurrealKv(directory) = &location {
            // What the engine says of a disk that is full is that its files are corrupted.
            if let Some(needed) = room(directory)? {
                return Err(no_room(directory, needed));
            }
            try_write(directory)?;
        }
        let open = RwLock::new(Some(connect(&location, sizes).await?));
        Ok(Self { location, sizes, open, torn: AtomicBool::new(false), turn: Mutex::default(), place })
    }

    /// The database; waits while it is being flushed.
    async fn db(&self) -> Result<RwLockReadGuard<'_, Surreal<Db>>, StoreError> {
        RwLockReadGuard::try_map(self.open.read().await, |open| open.as_ref().map(|open| &open.db))
            .map_err(|_| StoreError::Closed)
    }

    /// Carries statements out by themselves: a transaction is what they say.
    async fn run(&self, sql: String, values: Vec<(String, Value)>) -> Result<Answers, Uncommitted> {
        let db = self.db().await.map_err(Uncommitted::Failed)?;
        answers(db.query(sql), values).await
    }

    /// Fails if an earlier write did, and nothing may be appended before that is mended.
    fn check_whole(&self) -> Result<(), Uncommitted> {
        match self.torn.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Uncommitted::Failed(StoreError::Database("an earlier write has failed".to_owned()))),
        }
    }

    /// An append may have failed.
    fn tear(&self) {
        self.torn.store(self.place.is_some(), Ordering::Relaxed);
    }

    /// Closes the engine, which empties its log, and opens it again. What it had in memory is on the disk then, whatever
    /// became of the log. After an error it is closed: to open what was not closed to its end would be to have it twice.
    async fn reopen(&self, directory: &Path) -> Result<RwLockWriteGuard<'_, Option<Open>>, StoreError> {
        self.check_place()?;
        let mut slot = self.open.write().await;
        if let Some(open) = slot.take() {
            open.close().await?;
        }
        // SurrealKV keeps it to itself when closing fails. The log tells: it is still there.
        let left = log_bytes(directory)?;
        if left > 0 {
            return Err(StoreError::Unflushed { directory: directory.to_owned(), left });
        }
        *slot = Some(connect(&self.location, self.sizes).await?);
        Ok(slot)
    }
}

#[async_trait]
impl Engine for Embedded {
    async fn read(&self, query: Query) -> Result<Answers, StoreError> {
        self.run(query.sql, query.values).await.map_err(|error| match error {
            Uncommitted::Thrown(what) => StoreError::Database(what),
            Uncommitted::Failed(error) => error,
        })
    }

    async fn commit(&self, query: Query) -> Result<Answers, Uncommitted> {
        let _turn = self.turn.lock().await;
        self.check_whole()?;
        let mut answers =
            self.run(format!("BEGIN;\n{};\nCOMMIT;", query.sql), query.values).await.inspect_err(|error| {
                if let Uncommitted::Failed(_) = error {
                    self.tear();
                }
            })?;
        // What `COMMIT` and `BEGIN` answer is nobody's business.
        answers.pop();
        Ok(answers.into_iter().skip(1).collect())
    }

    async fn write_behind(&self, query: Query) -> Result<(), Uncommitted> {
        let open = self.open.read().await;
        let Some(open) = open.as_ref() else { return Err(Uncommitted::Failed(StoreError::Closed)) };
        let mut spare = open.behind.lock().await;
        let client = spare.take().unwrap_or_else(|| open.db.clone());
        let failed = |error: surrealdb::Error| Uncommitted::Failed(error.into());
        let transaction = client.begin().await.map_err(failed)?;
        let worked_out = answers(transaction.query(query.sql), query.values).await;
        // Nothing has been appended so far.
        let _turn = self.turn.lock().await;
        if let Err(error) = worked_out.and_then(|_| self.check_whole()) {
            *spare = Some(transaction.cancel().await.map_err(failed)?);
            return Err(error);
        }
        *spare = Some(transaction.commit().await.map_err(failed).inspect_err(|_| self.tear())?);
        Ok(())
    }

    async fn mend(&self) -> Result<Mended, StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return Ok(Mended::Whole) };
        if !self.torn.load(Ordering::Relaxed) {
            return Ok(Mended::Whole);
        }
        // As long as the disk has no room for it, it is not tried: nothing may be half closed.
        if let Some(needed) = room(directory)? {
            return Ok(Mended::NotYet(no_room(directory, needed)));
        }
        // While nobody can write to it: what fails then is a tear of its own.
        let open = self.reopen(directory).await?;
        self.torn.store(false, Ordering::Relaxed);
        drop(open);
        tracing::warn!("opened the database again, after a write to its log had failed");
        Ok(Mended::Anew)
    }

    /// Empties the log if it has grown large, and there is room for that.
    async fn maintain(&self) -> Result<(), StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return Ok(()) };
        let bytes = log_bytes(directory)?;
        if bytes < self.sizes.log || room(directory)?.is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        drop(self.reopen(directory).await?);
        tracing::info!(bytes, "emptied the database's log in {:.1} s", begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// A write has failed, and there is no room yet for the next.
    fn blocked(&self) -> Option<StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return None };
        if !self.torn.load(Ordering::Relaxed) {
            return None;
        }
        match room(directory) {
            Ok(Some(needed)) => Some(no_room(directory, needed)),
            Ok(None) => try_write(directory).err(),
            Err(error) => Some(error),
        }
    }

    fn check_place(&self) -> Result<(), StoreError> {
        self.place.as_ref().map_or(Ok(()), Place::check)
    }

    async fn close(&self) -> Result<(), StoreError> {
        match self.open.write().await.take() {
            Some(open) => open.close().await,
            None => Ok(()),
        }
    }
}

impl From<surrealdb::Error> for StoreError {
    fn from(error: surrealdb::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl Tasks {
    fn new() -> io::Result<Self> {
        // It waits for no connection, and what that takes would cost files.
        Ok(Self(Some(Builder::new_current_thread().enable_time().build()?)))
    }

    /// Carries this out on a thread of its own, and then whatever tasks have to do.
    async fn run<T: Send + 'static>(
        mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<(Self, T), StoreError> {
        let internal = |what: String| StoreError::Database(what);
        let run = spawn_blocking(move || {
            let runtime = self.0.as_mut().ok_or_else(|| internal("the engine has no threads".to_owned()))?;
            let done = runtime.block_on(async {
                let done = work.await;
                // Each lets all others have their turn, and those do what they were told to in one.
                for _ in 0..TURNS {
                    yield_now().await;
                }
                done
            });
            Ok((self, done))
        });
        run.await.map_err(|error| internal(error.to_string()))?
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Nothing is under way on it, and here nobody may wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Open {
    async fn close(self) -> Result<(), StoreError> {
        // While there is a handle nobody else closes it: of two closings at once, the one that has nothing to do would
        // let others in before the other is done.
        let datastore = self.datastore;
        let (_, closed) = self.tasks.run(async move { datastore.shutdown().await }).await?;
        drop((self.db, self.behind));
        closed.map_err(|error| StoreError::Database(format!("{error:#}")))
    }
}

/// What all statements answered, or the error that made the others fail.
async fn answers(mut query: method::Query<'_, Db>, values: Vec<(String, Value)>) -> Result<Answers, Uncommitted> {
    let failed = |error: surrealdb::Error| match error.is_thrown() {
        true => Uncommitted::Thrown(error.message().to_owned()),
        false => Uncommitted::Failed(error.into()),
    };
    for value in values {
        query = query.bind(value);
    }
    let mut response = query.await.map_err(failed)?;
    // Of a transaction that failed, the other statements only say that they were not executed.
    let is_cause = |error: &surrealdb::Error| !matches!(error.query_details(), Some(QueryError::NotExecuted));
    let errors = response.take_errors().into_iter();
    if let Some((_, error)) = errors.min_by_key(|(statement, error)| (!is_cause(error), *statement)) {
        return Err(failed(error));
    }
    let mut answers = Vec::with_capacity(response.num_statements());
    for statement in 0..response.num_statements() {
        let answer: types::Value = response.take(statement).map_err(failed)?;
        answers.push(Value::from_value(answer).map_err(failed)?);
    }
    Ok(answers)
}

/// A directory as the engine takes it: to it, a question mark begins options, and it knows no path that is not UTF-8.
fn address(directory: &Path) -> Result<String, StoreError> {
    match directory.to_str() {
        Some(path) if !path.contains('?') => Ok(format!("surrealkv://{path}")),
        _ => Err(StoreError::Address(directory.to_owned())),
    }
}

async fn connect(location: &Location, sizes: Sizes) -> Result<Open, StoreError> {
    let path = match location {
        Location::Memory => "mem://".to_owned(),
        Location::SurrealKv(directory) => {
            begin_log(directory).map_err(|error| StoreError::Io {
                what: "cannot begin a log in",
                path: directory.clone(),
                error,
            })?;
            address(directory)?
        }
    };
    let failed = |error: String| match location {
        Location::SurrealKv(directory) => try_write(directory)
            .err()
            .unwrap_or_else(|| StoreError::Unopened { directory: directory.clone(), cause: error }),
        Location::Memory => StoreError::Database(error),
    };
    // Without the maintenance tasks. They are for clusters, change feeds and indexes of texts; they write to the log, so one of
    // theirs that fails would tear it unseen; and every three seconds they wait for the disk.
    let builder = Datastore::builder()
        .with_config(
            ConfigMap::empty()
                .with_key_value("surrealkv_max_memtable_size", sizes.memtable.to_string())
                // Our values are small, and a file less is a file less to be torn.
                .with_key_value("surrealkv_enable_vlog", "false")
                .with_key_value("surrealkv_block_cache_capacity", BLOCK_CACHE.to_string()),
        )
        .with_query_timeout(Some(Duration::from_secs(60)))
        .without_maintenance_tasks();
    let tasks = Tasks::new().map_err(|error| failed(error.to_string()))?;
    let (tasks, built) = tasks.run(async move { builder.build_with_path(&path).await }).await?;
    let datastore = built.map_err(|error| failed(format!("{error:#}")))?;
    if let Location::SurrealKv(directory) = location {
        close_to_others(directory).map_err(|error| StoreError::Io {
            what: "cannot close to others",
            path: directory.clone(),
            error,
        })?;
    }
    datastore.check_version().await.map_err(|error| failed(format!("{error:#}")))?;
    datastore.bootstrap().await.map_err(|error| failed(format!("{error:#}")))?;
    let db: Surreal<Db> = Surreal::unstable_from_datastore(datastore.clone(), None).await?;
    db.use_ns("easel").use_db("easel").await?;
    Ok(Open { db, behind: Mutex::default(), datastore, tasks })
}

#[cfg(test)]
mod tests;
