//! Opening the store: the rows that were left to be written, the migrations, and the commit that says who writes from here on.

use std::path::Path;
use std::sync::Arc;

use easel_core::state::Binding;
use easel_core::{Bindings, Device, History, Intent, Job, Kept, Pool, Queue, State, Ticket, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::engine::{Engine, Query, Uncommitted};
use super::index::{self, Index};
use super::log::Head;
use super::place::Place;
use super::projection::{self, Projection};
use super::schema::Step;
use super::tail::Tail;
use super::{StoreError, schema, stamp};

/// A store that is open.
#[derive(Clone)]
pub struct Store {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) id: Arc<str>,
    pub(super) epoch: u64,
    pub(super) data: Arc<Place>,
    /// What has been committed and is not in the rows yet.
    pub(super) tail: Arc<Tail>,
    /// Held while the log is written to.
    pub(super) writing: Arc<Mutex<()>>,
    /// Whoever writes the rows.
    projection: Arc<Task>,
}

/// A task that ends with the last handle of its store.
struct Task {
    stop: CancellationToken,
    _dropped: DropGuard,
    ended: Mutex<Option<JoinHandle<()>>>,
}

/// A store that is open, with all that the queue is rebuilt from.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The last event.
    pub seq: u64,
    /// The last ticket.
    pub ticket: Ticket,
    /// What all ended jobs come to.
    pub kept: Kept,
    /// The oldest event that the log is sure to have.
    pub oldest_event: u64,
    /// What the wall clock said at the last commit, in microseconds; none before the first.
    pub at: Option<Timestamp>,
    /// Commits so far, over all processes.
    pub commits: u64,
    /// Jobs that have not ended.
    pub jobs: Vec<Job>,
    /// Devices that any configuration had.
    pub devices: Vec<Device>,
    /// The pools as they were, by their first devices.
    pub pools: Vec<Pool>,
    /// The queue's own row.
    pub queue: Queue,
    /// What ran the jobs of the backends; none before the first start.
    pub bindings: Option<Bindings>,
    /// How long the backends' jobs took.
    pub histories: Vec<History>,
    /// What was being done to many jobs.
    pub intents: Vec<Intent>,
}

impl Opened {
    /// The store, the queue as of its last commit, and the number of that commit. A device that the store does not know is
    /// a new one; a backend is what the configuration says.
    pub fn rebuild(self, devices: Vec<String>, backends: Vec<(String, Binding)>) -> (Store, State, u64) {
        let known = |name: String| {
            let row = self.devices.iter().find(|device| device.name == name);
            row.cloned().unwrap_or(Device { name, ..Device::default() })
        };
        let devices = devices.into_iter().map(known).collect();
        let mut state = State::new(self.seq, self.ticket, devices, backends);
        state.restore_queue(self.queue);
        state.restore_pools(&self.pools);
        state.restore_kept(self.kept, self.oldest_event);
        self.bindings.into_iter().for_each(|bindings| state.restore_bindings(bindings));
        state.restore_histories(self.histories);
        state.restore_intents(self.intents);
        state.restore(self.jobs);
        (self.store, state, self.commits)
    }
}

impl Store {
    /// Opens or creates the store in this database, brings its schema up to date, and makes the first commit of its own: from here on
    /// whoever opened it before changes nothing any more. `data` is where the files of its jobs are.
    pub async fn open(engine: Arc<dyn Engine>, data: &Path) -> Result<Opened, StoreError> {
        let what = "cannot open the data directory";
        let place = Place::open(data).map_err(|error| StoreError::Io { what, path: data.to_owned(), error })?;
        let id = migrate(&*engine).await?;
        stamp::check(data, &id)?;
        let (mark, found) = projection::recover(&engine).await?;
        let (commits, head) = take_over(&*engine, mark.commit, found).await?;
        let (tail, writing) = (Arc::new(Tail::new(commits, mark.first, head.clone())), Arc::default());
        let stop = CancellationToken::new();
        let projection = Projection {
            engine: engine.clone(),
            tail: tail.clone(),
            writing: Arc::clone(&writing),
            epoch: head.epoch,
            mark,
            index: Index::default(),
        };
        let ended = Mutex::new(Some(tokio::spawn(projection.run(stop.clone()))));
        let projection = Arc::new(Task { _dropped: stop.clone().drop_guard(), stop, ended });
        let data = Arc::new(place);
        let store = Self { engine, id: id.into(), epoch: head.epoch, data, tail, writing, projection };
        let jobs = store.live_jobs().await?;
        Ok(Opened {
            jobs,
            devices: store.devices().await?,
            pools: store.pools().await?,
            queue: store.queue().await?,
            bindings: store.bindings().await?,
            histories: store.histories().await?,
            intents: store.intents().await?,
            store,
            seq: head.seq,
            ticket: head.ticket,
            kept: head.kept,
            at: head.at,
            oldest_event: head.oldest,
            commits,
        })
    }

    /// The store's identity.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes sure that the directories are where they were: what is written by name would go elsewhere.
    pub fn check_places(&self) -> Result<(), StoreError> {
        self.engine.check_place()?;
        self.data.check()
    }

    /// Why nothing can be written, as far as that can be told.
    pub fn blocked(&self) -> Option<StoreError> {
        self.engine.blocked()
    }

    /// For the writer, between two commits: what the database wants done now and then. Readers wait meanwhile.
    pub async fn maintain(&self) -> Result<(), StoreError> {
        self.tail.room().await;
        self.engine.maintain().await
    }

    /// Waits until the rows have all that is committed now.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        self.tail.catch_up().await
    }

    /// Writes what is left of the rows, and closes the database: once that is dropped, another process can open it at once.
    pub async fn close(self) -> Result<(), StoreError> {
        self.projection.stop.cancel();
        if let Some(ended) = self.projection.ended.lock().await.take()
            && let Err(error) = ended.await
        {
            tracing::warn!("the task that writes rows crashed: {error}");
        }
        self.engine.close().await
    }
}

/// Brings the schema up to date; the store's id.
async fn migrate(engine: &dyn Engine) -> Result<String, StoreError> {
    let sql = "DEFINE TABLE IF NOT EXISTS meta; SELECT schema, store FROM ONLY meta:store";
    let found = commit(engine, Query::new(sql)).await?.pop().unwrap_or_default();
    let schema = found.get("schema").and_then(Value::as_u64).unwrap_or_default() as u32;
    if schema > schema::KNOWN {
        return Err(StoreError::Newer { found: schema, known: schema::KNOWN });
    }
    let id = found.get("store").and_then(Value::as_str).map(str::to_owned);
    let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    for (step, number) in schema::STEPS.iter().zip(1u32..).skip(schema as usize) {
        let statements = match step {
            Step::Statements(statements) => statements,
            Step::Index => {
                index::build(engine).await?;
                ""
            }
        };
        let sql = format!("{statements} UPSERT meta:store CONTENT {{ schema: $number, store: $id }};");
        commit(engine, Query::new(sql).bind("number", number).bind("id", id.as_str())).await?;
    }
    Ok(id)
}

/// Makes this process the writer: its first commit says so. The number of that, and where everything stands then.
async fn take_over(engine: &dyn Engine, last: u64, found: Head) -> Result<(u64, Head), StoreError> {
    let first = found.epoch <= 1 && last == 0;
    let head = if first { Head { oldest: 1, ..found } } else { found };
    let commit = last + 1;
    engine.commit(head.query(commit, "{}".to_owned())).await.map_err(Uncommitted::into_error)?;
    Ok((commit, head))
}

/// A transaction while the store is opened: any failure is the end of that.
async fn commit(engine: &dyn Engine, query: Query) -> Result<Vec<Value>, StoreError> {
    engine.commit(query).await.map_err(Uncommitted::into_error)
}
