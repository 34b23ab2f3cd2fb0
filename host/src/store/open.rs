//! Opening the store: the engine, the migrations, the writer's row.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use easel_core::{Device, Job, Ticket};
use serde_json::{Value, json};
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb_cnf::ConfigMap;
use surrealdb_engine_local::Datastore;

use super::{StoreError, schema, stamp};

/// The memtable is flushed at this size. The default is a gigabyte on a machine of 16: it would fill memory and disk
/// before its first flush, and then stall everybody for half a second.
const MEMTABLE: &str = "67108864";
/// Enough for the hot end of every table.
const BLOCK_CACHE: &str = "67108864";

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Nowhere: gone with the process.
    Memory,
    /// In this directory.
    SurrealKv(PathBuf),
}

/// A store that is open.
#[derive(Clone)]
pub struct Store {
    pub(super) db: Surreal<Db>,
    pub(super) datastore: Arc<Datastore>,
    pub(super) id: Arc<str>,
    pub(super) epoch: u64,
}

/// A store that is open, with all that the queue is rebuilt from.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The last event.
    pub seq: u64,
    /// The last ticket.
    pub ticket: Ticket,
    /// Commits so far, over all processes.
    pub commits: u64,
    /// Jobs that have not ended.
    pub jobs: Vec<Job>,
    /// Devices that any configuration had.
    pub devices: Vec<Device>,
}

impl Store {
    /// Opens or creates the store at `location`, brings its schema up to date, and takes the writer's row: from here on a
    /// process that opened it before changes nothing any more.
    pub async fn open(location: &Location, data: &Path) -> Result<Opened, StoreError> {
        let datastore = open_datastore(location).await?;
        let db: Surreal<Db> = Surreal::unstable_from_datastore(datastore.clone(), None).await?;
        db.use_ns("easel").use_db("easel").await?;

        let id = migrate(&db).await?;
        stamp::check(data, &id)?;
        let writer = take_over(&db).await?;
        let number = |key: &str| writer.get(key).and_then(Value::as_u64).unwrap_or_default();
        let store = Self { db, datastore, id: id.into(), epoch: number("epoch") };
        let jobs = store.live_jobs(number("floor")).await?;
        let devices = store.devices().await?;
        Ok(Opened { store, seq: number("seq"), ticket: number("ticket"), commits: number("commits"), jobs, devices })
    }

    /// The store's identity.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Closes it: after this, the directory can be opened by another process at once.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { db, datastore, .. } = self;
        drop(db);
        datastore
            .shutdown()
            .await
            .map_err(|error| StoreError::Database(surrealdb::Error::internal(format!("{error:#}"))))
    }
}

async fn open_datastore(location: &Location) -> Result<Arc<Datastore>, StoreError> {
    let path = match location {
        Location::Memory => "mem://".to_owned(),
        Location::SurrealKv(directory) => {
            std::fs::create_dir_all(directory).map_err(|error| StoreError::Io {
                what: "cannot create the store's directory",
                path: directory.clone(),
                error,
            })?;
            format!("surrealkv://{}", directory.display())
        }
    };
    let config = ConfigMap::empty()
        .with_key_value("surrealkv_max_memtable_size", MEMTABLE)
        .with_key_value("surrealkv_block_cache_capacity", BLOCK_CACHE);
    let failed = |error: String| match location {
        Location::SurrealKv(directory) if error.contains("already locked") => StoreError::Held(directory.clone()),
        Location::SurrealKv(directory) => StoreError::Io {
            what: "cannot open the store in",
            path: directory.clone(),
            error: std::io::Error::other(error),
        },
        Location::Memory => StoreError::Database(surrealdb::Error::internal(error)),
    };
    // The maintenance tasks write: started before the version is settled, they make a new store look like a damaged one.
    let datastore = Datastore::builder()
        .with_config(config)
        .with_query_timeout(Some(Duration::from_secs(60)))
        .without_maintenance_tasks()
        .build_with_path(&path)
        .await
        .map_err(|error| failed(format!("{error:#}")))?;
    datastore.check_version().await.map_err(|error| failed(format!("{error:#}")))?;
    datastore.bootstrap().await.map_err(|error| failed(format!("{error:#}")))?;
    datastore.start_maintenance_tasks();
    Ok(datastore)
}

/// Brings the schema up to date; the store's id.
async fn migrate(db: &Surreal<Db>) -> Result<String, StoreError> {
    let found: Option<Value> =
        db.query("DEFINE TABLE IF NOT EXISTS meta; SELECT schema, store FROM ONLY meta:store").await?.take(1)?;
    let field = |name: &str| found.as_ref().and_then(|row| row.get(name)).cloned();
    let schema = field("schema").and_then(|schema| schema.as_u64()).unwrap_or_default() as u32;
    if schema > schema::KNOWN {
        return Err(StoreError::Newer { found: schema, known: schema::KNOWN });
    }
    let id = match field("store") {
        Some(Value::String(id)) => id,
        _ => uuid::Uuid::now_v7().to_string(),
    };
    for (step, number) in schema::STEPS.iter().zip(1u32..).skip(schema as usize) {
        let sql = format!("BEGIN; {step} UPSERT meta:store CONTENT {{ schema: $number, store: $id }}; COMMIT;");
        db.query(sql).bind(("number", number)).bind(("id", id.clone())).await?.check()?;
    }
    Ok(id)
}

/// Makes this process the writer; the writer's row.
async fn take_over(db: &Surreal<Db>) -> Result<Value, StoreError> {
    let new = json!({"epoch": 0, "commits": 0, "seq": 0, "ticket": 0, "floor": 0});
    let sql = "
        BEGIN;
        IF !record::exists(meta:writer) { CREATE meta:writer CONTENT $new };
        UPDATE ONLY meta:writer SET epoch += 1 RETURN epoch, commits, seq, ticket, floor;
        COMMIT;
    ";
    let mut response = db.query(sql).bind(("new", new)).await?.check()?;
    let row: Option<Value> = response.take(2)?;
    row.ok_or(StoreError::Fenced)
}
