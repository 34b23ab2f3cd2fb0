//! Opening the store: the engine, the migrations, the writer's row.

use std::path::Path;
use std::sync::Arc;

use easel_core::state::Binding;
use easel_core::{Bindings, Device, History, Intent, Job, Kept, Pool, Queue, State, Ticket, Timestamp};
use serde_json::Value;

use super::engine::{Engine, Query, Uncommitted};
use super::place::Place;
use super::rows::{Writer, document};
use super::{StoreError, schema, stamp};

/// A store that is open.
#[derive(Clone)]
pub struct Store {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) id: Arc<str>,
    pub(super) epoch: u64,
    pub(super) data: Arc<Place>,
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
    /// Opens or creates the store in this database, brings its schema up to date, and takes the writer's row: from here on
    /// whoever opened it before changes nothing any more. `data` is where the files of its jobs are.
    pub async fn open(engine: Arc<dyn Engine>, data: &Path) -> Result<Opened, StoreError> {
        let what = "cannot open the data directory";
        let place = Place::open(data).map_err(|error| StoreError::Io { what, path: data.to_owned(), error })?;
        let id = migrate(&*engine).await?;
        stamp::check(data, &id)?;
        let writer = take_over(&*engine).await?;
        let number = |key: &str| writer.get(key).and_then(Value::as_u64).unwrap_or_default();
        let store = Self { engine, id: id.into(), epoch: number("epoch"), data: Arc::new(place) };
        let kept = writer.get("kept").cloned().map(serde_json::from_value).transpose();
        let kept = kept.map_err(|error| StoreError::Row { table: "meta", error })?.unwrap_or_default();
        let jobs = store.live_jobs(number("floor")).await?;
        let devices = store.devices().await?;
        let pools = store.pools().await?;
        let queue = store.queue().await?;
        let bindings = store.bindings().await?;
        let histories = store.histories().await?;
        let intents = store.intents().await?;
        Ok(Opened {
            pools,
            queue,
            bindings,
            histories,
            intents,
            store,
            seq: number("seq"),
            ticket: number("ticket"),
            kept,
            at: writer.get("at").and_then(Value::as_i64),
            oldest_event: number("oldest"),
            commits: number("commits"),
            jobs,
            devices,
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
        self.engine.maintain().await
    }

    /// Closes its database: once that is dropped, another process can open it at once.
    pub async fn close(self) -> Result<(), StoreError> {
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
        let sql = format!("{step} UPSERT meta:store CONTENT {{ schema: $number, store: $id }};");
        commit(engine, Query::new(sql).bind("number", number).bind("id", id.as_str())).await?;
    }
    Ok(id)
}

/// Makes this process the writer; the writer's row.
async fn take_over(engine: &dyn Engine) -> Result<Value, StoreError> {
    let (epoch, commits, seq, ticket, floor) = (0, 0, 0, 0, 0);
    let new = document(&Writer { epoch, commits, seq, ticket, floor, kept: Kept::default(), oldest: 1, at: None });
    let sql = "
        IF !record::exists(meta:writer) { CREATE meta:writer CONTENT $new };
        UPDATE ONLY meta:writer SET epoch += 1 RETURN epoch, commits, seq, ticket, floor, kept, oldest, at;
    ";
    let row = commit(engine, Query::new(sql).bind("new", new)).await?.pop();
    row.filter(|row| !row.is_null()).ok_or(StoreError::Fenced)
}

/// A transaction while the store is opened: any failure is the end of that.
async fn commit(engine: &dyn Engine, query: Query) -> Result<Vec<Value>, StoreError> {
    engine.commit(query).await.map_err(|error| match error {
        Uncommitted::Thrown(what) => StoreError::Database(what),
        Uncommitted::Failed(error) => error,
    })
}
