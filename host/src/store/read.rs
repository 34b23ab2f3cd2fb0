//! Reading rows. Scans of what grows have a floor or a limit, for the tombstones of a busy queue are never few.

use std::collections::{BTreeMap, HashMap};

use easel_core::cold::MessageHead;
use easel_core::json;
use easel_core::message::JOB_KEYS;
use easel_core::{
    BatchId, Bindings, Device, History, Intent, Job, JobId, KeyOf, KeyUse, Message, MessageId, Party, Pool, Queue,
    Remains, Timestamp, Viewer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::engine::{Engine, Query};
use super::log;
use super::rows::{Row, RowName, Table, document, with_id};
use super::seen::Seen;
use super::{Store, StoreError};

/// How many jobs are read at once when all are.
const SLICE: usize = 1000;

impl Store {
    /// A job.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.jobs_by_id(&[id]).await?.pop())
    }

    /// The jobs of these ids, as far as there are any.
    pub async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let (mut found, mut asked) = (Vec::new(), Vec::new());
        for id in ids {
            match self.tail.row(&RowName::job(*id)) {
                Some(Some(Row::Job(job))) => found.push(Job::clone(&job)),
                Some(_) => {}
                None => asked.push(id.to_string()),
            }
        }
        found.extend(jobs(select(&*self.engine, Table::Job, asked).await?)?);
        Ok(found)
    }

    /// The documents of these names, as far as there are any, without their keys. Of jobs there are none: they are not documents.
    pub(super) async fn documents(&self, names: &[RowName]) -> Result<HashMap<RowName, Value>, StoreError> {
        let (mut found, mut asked) = (HashMap::new(), BTreeMap::<Table, Vec<String>>::new());
        for name in names {
            match (self.tail.row(name), &name.1) {
                (Some(Some(Row::Document(row))), _) => _ = found.insert(name.clone(), row),
                (None, Value::String(id)) => asked.entry(name.0).or_default().push(id.clone()),
                _ => {}
            }
        }
        for (table, ids) in asked {
            for mut row in select(&*self.engine, table, ids).await? {
                let id = row.as_object_mut().and_then(|row| row.remove("id")).unwrap_or_default();
                found.insert(RowName(table, id), row);
            }
        }
        Ok(found)
    }

    /// The documents of these keys of a table, each with its key as `id`.
    async fn rows_by_id(&self, table: Table, ids: &[impl Serialize]) -> Result<Vec<Value>, StoreError> {
        let names: Vec<RowName> = ids.iter().map(|id| RowName::new(table, id)).collect();
        let found = self.documents(&names).await?;
        Ok(found.into_iter().map(|(RowName(_, id), row)| with_id(row, id)).collect())
    }

    /// The names of all pools.
    pub(super) async fn pool_names(&self) -> Result<Vec<String>, StoreError> {
        let query = Query::new("SELECT VALUE record::id(id) FROM pool");
        let mut names: Vec<String> = read_as("pool", self.rows(query).await?)?;
        let tail = self.tail.names(Table::Pool);
        names.extend(tail.iter().filter_map(|RowName(_, name)| name.as_str().map(str::to_owned)));
        Ok(names)
    }

    /// The jobs that have not ended, as they arrived. They are read in slices: a long line at once would be in memory several times over
    /// (as the database's values, as ours, as JSON), and the time goes into getting that memory.
    pub(super) async fn live_jobs(&self) -> Result<Vec<Job>, StoreError> {
        let mut found = Vec::new();
        for ids in self.live_ids().await?.rchunks(SLICE) {
            let asked = ids.iter().map(ToString::to_string).collect();
            found.extend(jobs(select(&*self.engine, Table::Job, asked).await?)?);
        }
        found.sort_unstable_by_key(|job| job.ticket);
        Ok(found)
    }

    pub(super) async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        read_as("device", self.rows(Query::new("SELECT * FROM device")).await?)
    }

    pub(super) async fn pools(&self) -> Result<Vec<Pool>, StoreError> {
        read_as("pool", self.rows(Query::new("SELECT * FROM pool")).await?)
    }

    pub(super) async fn queue(&self) -> Result<Queue, StoreError> {
        match self.row(Query::new("SELECT * FROM ONLY meta:queue")).await? {
            Some(row) => serde_json::from_value(row).map_err(|error| StoreError::Row { table: "meta", error }),
            None => Ok(Queue::default()),
        }
    }

    /// What ran the jobs of the backends; none before the first start.
    pub(super) async fn bindings(&self) -> Result<Option<Bindings>, StoreError> {
        let sql = "SELECT VALUE backends FROM ONLY meta:bindings";
        let row = self.row(Query::new(sql)).await?;
        row.map(|row| serde_json::from_value(row).map_err(|error| StoreError::Row { table: "meta", error })).transpose()
    }

    pub(super) async fn histories(&self) -> Result<Vec<History>, StoreError> {
        read_as("history", self.rows(Query::new("SELECT * FROM history")).await?)
    }

    pub(super) async fn intents(&self) -> Result<Vec<Intent>, StoreError> {
        read_as("intent", self.rows(Query::new("SELECT *, record::id(id) AS id FROM intent")).await?)
    }

    /// The ids of the jobs of a batch, in its order; none if there is no such batch.
    pub async fn batch(&self, id: BatchId) -> Result<Option<Vec<JobId>>, StoreError> {
        let found = self.rows_by_id(Table::Batch, &[id]).await?.pop();
        let jobs = found.and_then(|row| row.get("jobs").cloned());
        jobs.map(|jobs| serde_json::from_value(jobs).map_err(|error| StoreError::Row { table: "batch", error }))
            .transpose()
    }

    /// A message.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        Ok(messages_of("message", self.rows_by_id(Table::Message, &[id]).await?)?.pop())
    }

    /// What has to be known of these messages in order to decide.
    pub async fn message_heads(&self, ids: &[MessageId]) -> Result<Vec<(MessageId, MessageHead)>, StoreError> {
        let found = self.rows_by_id(Table::Message, ids).await?;
        Ok(messages_of("message", found)?
            .into_iter()
            .map(|Message { id, conversation_id, owner, user, mut extra_metadata, .. }| {
                extra_metadata.retain(|name, _| !JOB_KEYS.contains(&name.as_str()));
                (id, MessageHead { conversation_id, party: Party { owner, user }, extra_metadata })
            })
            .collect())
    }

    /// The messages of a conversation that this viewer sees, in order, after the one with ticket `after`.
    pub async fn conversation(
        &self,
        viewer: &Viewer,
        id: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.tail.catch_up().await?;
        let Seen { sql, owner, user } = Seen::by(viewer);
        let sql = format!(
            "SELECT *, record::id(id) AS id FROM message WHERE conversation_id = $id AND ticket > $after {sql}
             ORDER BY ticket LIMIT $limit"
        );
        let query = Query::new(sql).bind("id", id).bind("after", after).bind("limit", limit);
        messages_of("message", self.rows(query.bind("owner", owner).bind("user", user)).await?)
    }

    /// What these idempotency keys stand for.
    pub async fn keys(&self, keys: &[(Party, String)]) -> Result<Vec<KeyUse>, StoreError> {
        let ids: Vec<String> = keys.iter().flat_map(|(party, key)| key_ids(party, key)).collect();
        let rows = self.rows_by_id(Table::Key, &ids).await?;
        let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let of = |party: &Party, key: &String| {
            let same = |row: &&Value| {
                text(row, "owner").as_ref() == Some(&party.owner) && text(row, "key").as_ref() == Some(key)
            };
            // A row that says nothing of users is from when a key was the owner's alone: it stands for all of them.
            let theirs = |row: &&Value| row.get("user").is_some() && text(row, "user") == party.user;
            let mut found = rows.iter().filter(same);
            found.clone().find(theirs).or_else(|| found.find(|row| row.get("user").is_none()))
        };
        let uses = keys.iter().filter_map(|(party, key)| Some((party, key, of(party, key)?)));
        uses.map(|(party, key, row)| {
            let job = serde_json::from_value(row.get("job").cloned().unwrap_or_default())
                .map_err(|error| StoreError::Row { table: "key", error })?;
            let at = row.get("at").and_then(Value::as_i64).unwrap_or_default();
            let digest = text(row, "digest").unwrap_or_default();
            Ok(KeyUse { party: party.clone(), key: key.clone(), digest, job, at })
        })
        .collect()
    }

    /// The first `limit` of what ended jobs leave behind, as they ended: from one time on, up to another, after a job.
    pub async fn remains(
        &self,
        after: (Timestamp, Option<JobId>),
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Remains>, StoreError> {
        self.tail.catch_up().await?;
        let (from, until) = (after.0, until.saturating_add(1));
        // An array that is the beginning of another one sorts before it.
        let from = match after.1 {
            Some(job) => format!("[{from}, '{job}']>"),
            None => format!("[{from}]"),
        };
        let sql = format!("SELECT at, job, bytes, keyed_at FROM remains:{from}..[{until}] LIMIT {limit}");
        read_as("remains", self.rows(Query::new(sql)).await?)
    }

    /// The first `limit` of the keys of deleted jobs that were used up to this time.
    pub async fn orphans(&self, until: Timestamp, limit: usize) -> Result<Vec<KeyOf>, StoreError> {
        self.tail.catch_up().await?;
        let until = until.saturating_add(1);
        let sql = format!("SELECT owner, user, key, job, at FROM orphan:[{}]..[{until}] LIMIT {limit}", Timestamp::MIN);
        read_as("orphan", self.rows(Query::new(sql)).await?)
    }

    /// The number of the last event.
    pub fn seq(&self) -> u64 {
        self.tail.head().seq
    }

    /// Whether it can be read.
    pub async fn answers(&self) -> Result<(), StoreError> {
        let committed = self.tail.watch().borrow().committed;
        log::epoch(&*self.engine, committed).await.map(drop)
    }

    /// The rows that one statement answers.
    pub(super) async fn rows(&self, query: Query) -> Result<Vec<Value>, StoreError> {
        Ok(self.engine.read(query).await?.pop().map(rows_of).unwrap_or_default())
    }

    /// The row or value that one statement answers, if there is one.
    pub(super) async fn row(&self, query: Query) -> Result<Option<Value>, StoreError> {
        Ok(self.engine.read(query).await?.pop().filter(|row| !row.is_null()))
    }
}

/// The rows of these keys, as far as there are any, each with its key as `id`.
pub(super) async fn select(
    engine: &dyn Engine,
    table: Table,
    ids: Vec<impl Serialize>,
) -> Result<Vec<Value>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let table = table.name();
    let sql = format!(
        "SELECT *, record::id(id) AS id FROM $ids.map(|$id| type::record('{table}', $id)) WHERE record::exists(id)"
    );
    Ok(engine.read(Query::new(sql).bind("ids", document(&ids))).await?.pop().map(rows_of).unwrap_or_default())
}

/// The record keys under which an idempotency key may be, the one that it gets first: what two owners or users call the same is
/// not the same. Before it was so, keys of users were among those of their owner.
pub(super) fn key_ids(Party { owner, user }: &Party, key: &str) -> Vec<String> {
    let owners = format!("{}:{owner}:{key}", owner.len());
    match user {
        None => vec![owners],
        // No key of a client begins with a space.
        Some(user) => vec![format!("{}:{owner}: {}:{user}:{key}", owner.len(), user.len()), owners],
    }
}

/// Jobs of these rows. Those that were last written before schema 4 are documents of all that a job has.
pub(super) fn jobs(found: Vec<Value>) -> Result<Vec<Job>, StoreError> {
    let job = |row: Value| match row.get("text").and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text),
        None => serde_json::from_value(row),
    };
    found.into_iter().map(|row| job(row).map_err(|error| StoreError::Row { table: "job", error })).collect()
}

/// Messages of these rows. What clients wrote is text, so that numbers are to the letter; what a job reports is the document
/// beside it. In rows that were last written before schema 6, that document has both.
pub(super) fn messages_of(table: &'static str, found: Vec<Value>) -> Result<Vec<Message>, StoreError> {
    let message = |mut row: Value| {
        if let Some(text) = row.get("text").and_then(Value::as_str) {
            let mut written: Map<String, Value> = json::parse(text).map_err(serde::de::Error::custom)?;
            let mut document = row.get_mut("extra_metadata").map(Value::take).unwrap_or_default();
            let reported = JOB_KEYS.iter().filter_map(|key| Some(((*key).to_owned(), document.get_mut(key)?.take())));
            written.extend(reported);
            if let Some(row) = row.as_object_mut() {
                row.insert("extra_metadata".into(), written.into());
            }
        }
        serde_json::from_value(row)
    };
    found.into_iter().map(|row| message(row).map_err(|error| StoreError::Row { table, error })).collect()
}

/// The rows of an answer.
pub(super) fn rows_of(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(rows) => rows,
        Value::Null => Vec::new(),
        row => vec![row],
    }
}

/// Rows as what they are.
pub(super) fn read_as<T: DeserializeOwned>(table: &'static str, found: Vec<Value>) -> Result<Vec<T>, StoreError> {
    found.into_iter().map(|row| serde_json::from_value(row).map_err(|error| StoreError::Row { table, error })).collect()
}
