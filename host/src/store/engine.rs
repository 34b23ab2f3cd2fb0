//! The engine under the store, and its whole life: opened so that a crash costs nothing, flushed before it would, closed.
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

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb_cnf::ConfigMap;
use surrealdb_engine_local::Datastore;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::{spawn_blocking, yield_now};

use super::StoreError;
use super::place::Place;
use crate::space;

/// What the disk must have room for besides what is in the log, before the engine is closed: it cannot be half closed.
const MARGIN: u64 = 16 * 1024 * 1024;
/// Enough for the hot end of every table.
const BLOCK_CACHE: u64 = 16 * 1024 * 1024;
/// How many turns the engine's tasks get to do what opening and closing leaves to them: it takes one or two.
const TURNS: usize = 16;
/// SurrealKV's directory of logs, within the store's.
const LOGS: &str = "wal";
/// Where SurrealKV repairs a torn log. What a crash leaves there spoils the next repair.
const REPAIR: &str = "repair_temp";

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

/// The database, which readers and the writer share.
pub(super) struct Engine {
    location: Location,
    sizes: Sizes,
    /// None only while it is being flushed and after it was closed.
    open: RwLock<Option<Open>>,
    /// An append has failed: whatever came after it would stand behind a tear.
    torn: AtomicBool,
    /// Keeps other processes out.
    place: Option<Place>,
}

struct Open {
    db: Surreal<Db>,
    datastore: Arc<Datastore>,
    tasks: Tasks,
}

/// What runs the engine's own tasks: only while it is opened and closed, when nobody asks it for anything.
struct Tasks(Option<Runtime>);

impl Engine {
    pub(super) async fn open(location: Location, sizes: Sizes) -> Result<Self, StoreError> {
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
                return Err(StoreError::NoRoom { directory: directory.clone(), needed: ByteSize(needed) });
            }
            try_write(directory)?;
        }
        let open = RwLock::new(Some(connect(&location, sizes).await?));
        Ok(Self { location, sizes, open, torn: AtomicBool::new(false), place })
    }

    /// Makes sure that its directory is still where it was.
    pub(super) fn check_place(&self) -> Result<(), StoreError> {
        self.place.as_ref().map_or(Ok(()), Place::check)
    }

    /// Why nothing can be written, as far as that can be told: a write has failed, and there is no room yet for the next.
    pub(super) fn blocked(&self) -> Option<StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return None };
        if !self.torn.load(Ordering::Relaxed) {
            return None;
        }
        match room(directory) {
            Ok(Some(needed)) => Some(StoreError::NoRoom { directory: directory.clone(), needed: ByteSize(needed) }),
            Ok(None) => try_write(directory).err(),
            Err(error) => Some(error),
        }
    }

    /// The database; waits while it is being flushed.
    pub(super) async fn db(&self) -> Result<RwLockReadGuard<'_, Surreal<Db>>, StoreError> {
        RwLockReadGuard::try_map(self.open.read().await, |open| open.as_ref().map(|open| &open.db))
            .map_err(|_| StoreError::Closed)
    }

    /// Empties the log if it has grown large, and there is room for that. Queries wait meanwhile.
    pub(super) async fn flush_if_due(&self) -> Result<(), StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return Ok(()) };
        let bytes = log_bytes(directory)?;
        if bytes < self.sizes.log || room(directory)?.is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        self.reopen(directory).await?;
        tracing::info!(bytes, "emptied the database's log in {:?}", begun.elapsed());
        Ok(())
    }

    /// An append has failed.
    pub(super) fn tear(&self) {
        self.torn.store(true, Ordering::Relaxed);
    }

    /// Makes the engine fit to be written to after an append that failed: whether that was necessary. As long as the disk has no
    /// room for it, it is not tried, and nothing has changed (`NoRoom`); any other error is the end.
    pub(super) async fn mend(&self) -> Result<bool, StoreError> {
        let Location::SurrealKv(directory) = &self.location else { return Ok(false) };
        if !self.torn.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if let Some(needed) = room(directory)? {
            return Err(StoreError::NoRoom { directory: directory.clone(), needed: ByteSize(needed) });
        }
        self.reopen(directory).await?;
        self.torn.store(false, Ordering::Relaxed);
        tracing::warn!("opened the database again, after a write to its log had failed");
        Ok(true)
    }

    /// Closes the engine, which empties its log, and opens it again. What it had in memory is on the disk then, whatever
    /// became of the log. After an error it is closed: to open what was not closed to its end would be to have it twice.
    async fn reopen(&self, directory: &Path) -> Result<(), StoreError> {
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
        Ok(())
    }

    /// Closes it: after this, the directory can be opened by another process at once.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        match self.open.write().await.take() {
            Some(open) => open.close().await,
            None => Ok(()),
        }
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
        let internal = |what: String| StoreError::Database(surrealdb::Error::internal(what));
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
        drop(self.db);
        closed.map_err(|error| StoreError::Database(surrealdb::Error::internal(format!("{error:#}"))))
    }
}

/// A directory as the engine takes it: to it, a question mark begins options, and it knows no path that is not UTF-8.
fn address(directory: &Path) -> Result<String, StoreError> {
    match directory.to_str() {
        Some(path) if !path.contains('?') => Ok(format!("surrealkv://{path}")),
        _ => Err(StoreError::Address(directory.to_owned())),
    }
}

/// Writes a little and takes it away again, to learn what the system says.
fn try_write(directory: &Path) -> Result<(), StoreError> {
    let written = tempfile::tempfile_in(directory).and_then(|mut file| {
        file.write_all(&[0; 64 * 1024])?;
        file.sync_all()
    });
    written.map_err(|error| StoreError::Io { what: "cannot write to", path: directory.to_owned(), error })
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
        Location::Memory => StoreError::Database(surrealdb::Error::internal(error)),
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
    Ok(Open { db, datastore, tasks })
}

/// The engine lets the user's group look into its logs, whatever it is told.
fn close_to_others(directory: &Path) -> io::Result<()> {
    let logs = directory.join(LOGS);
    match fs::metadata(&logs) {
        Ok(metadata) => fs::set_permissions(&logs, fs::Permissions::from_mode(metadata.permissions().mode() & !0o077)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives the engine an empty log file after the last one, which is the one that it goes on with.
fn begin_log(directory: &Path) -> io::Result<()> {
    let logs = directory.join(LOGS);
    let Some((last, bytes)) = log_files(directory)?.into_iter().max() else { return Ok(()) };
    match fs::remove_dir_all(logs.join(REPAIR)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // What a process that died had written and not waited for is read again, and shown: by then it has to be on the disk.
    for (number, _) in log_files(directory)? {
        File::open(log_file(&logs, number))?.sync_all()?;
    }
    if bytes > 0 {
        File::create_new(log_file(&logs, last + 1))?;
        File::open(&logs)?.sync_all()?;
    }
    Ok(())
}

fn log_file(logs: &Path, number: u64) -> PathBuf {
    logs.join(format!("{number:020}.wal"))
}

/// How much room the disk ought to have for the engine to be closed, if it has less.
fn room(directory: &Path) -> Result<Option<u64>, StoreError> {
    let needed = log_bytes(directory)? + MARGIN;
    let what = "cannot tell how much is free on the disk of";
    let free = space::free(directory).map_err(|error| StoreError::Io { what, path: directory.to_owned(), error })?;
    Ok((free < needed).then_some(needed))
}

fn log_bytes(directory: &Path) -> Result<u64, StoreError> {
    let files = log_files(directory).map_err(|error| StoreError::Io {
        what: "cannot read the store's log in",
        path: directory.to_owned(),
        error,
    })?;
    Ok(files.iter().map(|(_, bytes)| bytes).sum())
}

/// The numbers of the log files, and their sizes.
fn log_files(directory: &Path) -> io::Result<Vec<(u64, u64)>> {
    let entries = match fs::read_dir(directory.join(LOGS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".wal")).and_then(|stem| stem.parse().ok());
        if let Some(number) = number {
            // Files that the engine has just flushed go away under our eyes.
            match entry.metadata() {
                Ok(metadata) => files.push((number, metadata.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
