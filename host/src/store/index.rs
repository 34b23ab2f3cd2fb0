//! By what jobs are listed, on the disk: leaves and branches of [arrivals](super::arrivals), and threads, which are the jobs of a
//! conversation, of a message or of a user.
//!
//! All of it follows from the rows of jobs and is written in one transaction with them, so neither is ever ahead of the other.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use easel_core::{Job, JobId, Ticket};
use serde::Serialize;
use serde::de::Error as _;
use serde_json::{Value, json};

use super::StoreError;
use super::arrivals::{Branch, Kind, Leaf, branch_of, leaf_of};
use super::engine::{Engine, Query, Uncommitted};
use super::read::{jobs, rows_of, select};
use super::rows::{Row, RowName, Rows, Table};

/// How many leaves and branches are kept in memory: rows that are written together are mostly of the same few.
const KEPT: usize = 64;

/// What has a thread of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Thread {
    Conversation(String),
    Message(String),
    User(String),
}

impl Thread {
    fn of(job: &Job) -> impl Iterator<Item = Self> {
        let conversation = job.conversation_id.clone().map(Self::Conversation);
        let message = job.message_id.map(|id| Self::Message(id.to_string()));
        conversation.into_iter().chain(message).chain(job.user.clone().map(Self::User))
    }

    fn name(&self) -> (&'static str, &str) {
        match self {
            Self::Conversation(id) => ("conversation", id),
            Self::Message(id) => ("message", id),
            Self::User(name) => ("user", name),
        }
    }

    /// Of its job of this ticket.
    fn row(&self, ticket: Ticket) -> RowName {
        let (kind, of) = self.name();
        RowName::new(Table::Thread, &(kind, of, backwards(ticket)))
    }
}

/// A number so that the latest comes first: a limit does not reach into a range that is read from its end.
fn backwards(number: u64) -> i64 {
    i64::MAX.saturating_sub_unsigned(number)
}

/// Whoever keeps leaves, branches and threads in step with the rows of jobs.
#[derive(Default)]
pub(super) struct Index {
    leaves: HashMap<u64, Leaf>,
    branches: HashMap<u64, Branch>,
}

impl Index {
    /// Adds to rows that are about to be written what follows from those that are jobs' rows. Whatever went wrong, it is to be told
    /// (`forget`) if they are not written then.
    pub(super) async fn follow(&mut self, engine: &dyn Engine, rows: &mut Rows) -> Result<(), StoreError> {
        if self.leaves.len() + self.branches.len() > KEPT {
            self.forget();
        }
        let there: Vec<Arc<Job>> = rows.put.iter().filter_map(|(_, row)| row.as_ref()?.job().cloned()).collect();
        self.load(engine, there.iter().map(|job| leaf_of(job.ticket)).collect()).await?;
        // New ones, those that arrive again, and those that go: what their rows say now is not what they will say.
        let new = |job: &&Arc<Job>| !self.leaves.get(&leaf_of(job.ticket)).is_some_and(|leaf| leaf.has(job.ticket));
        let new: HashSet<JobId> = there.iter().filter(new).map(|job| job.id).collect();
        let gone = rows.put.iter().filter(|(name, row)| name.0 == Table::Job && row.is_none());
        let gone = gone.filter_map(|(name, _)| name.1.as_str().map(str::to_owned));
        let asked = new.iter().map(ToString::to_string).chain(gone).collect();
        let old = jobs(select(engine, Table::Job, asked).await?)?;
        self.load(engine, old.iter().map(|job| leaf_of(job.ticket)).collect()).await?;

        let mut changed = BTreeSet::new();
        let mut threads = HashMap::new();
        for job in &old {
            self.leaf(&mut changed, job.ticket).remove(job.ticket);
            threads.extend(Thread::of(job).map(|thread| (thread.row(job.ticket), None)));
        }
        for job in there {
            self.leaf(&mut changed, job.ticket).put(Kind::of(&job), job.ticket, job.id);
            if new.contains(&job.id) {
                let row = || Some(Row::Document(json!({ "job": job.id })));
                threads.extend(Thread::of(&job).map(|thread| (thread.row(job.ticket), row())));
            }
        }
        let known: HashSet<JobId> = old.iter().map(|job| job.id).collect();
        let never = new.into_iter().filter(|id| !known.contains(id));
        rows.new = never.map(RowName::job).chain(threads.keys().cloned()).collect();
        if !old.is_empty() {
            // A thread's row of an arrival that is written anew is there.
            rows.new.retain(|name| name.0 != Table::Thread);
        }
        rows.put.extend(threads);
        let mut branches = BTreeSet::new();
        for number in changed {
            let Some(leaf) = self.leaves.get(&number) else { continue };
            self.branches.entry(branch_of(number)).or_default().put(number, leaf);
            branches.insert(branch_of(number));
            let row = (!leaf.is_empty()).then(|| Row::Document(leaf.row()));
            rows.put.push((RowName::new(Table::Leaf, &number), row));
        }
        for number in branches {
            let Some(branch) = self.branches.get(&number) else { continue };
            let row = (!branch.is_empty()).then(|| Row::Document(branch.row()));
            rows.put.push((RowName::new(Table::Branch, &backwards(number)), row));
        }
        Ok(())
    }

    /// Nothing was written: what is in memory is not what is on the disk.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn leaf(&mut self, changed: &mut BTreeSet<u64>, ticket: Ticket) -> &mut Leaf {
        changed.insert(leaf_of(ticket));
        self.leaves.entry(leaf_of(ticket)).or_default()
    }

    async fn load(&mut self, engine: &dyn Engine, numbers: BTreeSet<u64>) -> Result<(), StoreError> {
        let missing: Vec<u64> = numbers.iter().copied().filter(|number| !self.leaves.contains_key(number)).collect();
        let mut found = leaves(engine, &missing).await?;
        self.leaves.extend(missing.into_iter().map(|number| (number, found.remove(&number).unwrap_or_default())));
        for number in numbers.into_iter().map(branch_of).collect::<BTreeSet<_>>() {
            if let Entry::Vacant(unknown) = self.branches.entry(number) {
                let found = branches(engine, number, 1).await?.pop().filter(|(found, _)| *found == number);
                unknown.insert(found.map(|(_, branch)| branch).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// The leaves of these numbers, as far as there are any.
pub(super) async fn leaves(engine: &dyn Engine, numbers: &[u64]) -> Result<BTreeMap<u64, Leaf>, StoreError> {
    let rows = select(engine, Table::Leaf, numbers.to_vec()).await?;
    rows.iter().map(|row| Ok((number_of("leaf", row)?.unsigned_abs(), Leaf::parse(row)?))).collect()
}

/// Branches from this number on downwards, `limit` of them at the most.
pub(super) async fn branches(engine: &dyn Engine, from: u64, limit: usize) -> Result<Vec<(u64, Branch)>, StoreError> {
    let (from, until) = (backwards(from), i64::MAX);
    let sql = format!("SELECT *, record::id(id) AS id FROM branch:{from}..={until} LIMIT {limit}");
    let rows = engine.read(Query::new(sql)).await?.pop().map(rows_of).unwrap_or_default();
    let number = |row| Ok::<_, StoreError>(i64::MAX.abs_diff(number_of("branch", row)?));
    rows.iter().map(|row| Ok((number(row)?, Branch::parse(row)?))).collect()
}

fn number_of(table: &'static str, row: &Value) -> Result<i64, StoreError> {
    let number = row.get("id").and_then(Value::as_i64);
    number.ok_or_else(|| StoreError::Row { table, error: serde_json::Error::custom("its key is no number") })
}

/// The jobs of a thread with a ticket below `before`, newest first, `limit` of them at the most.
pub(super) async fn thread(
    engine: &dyn Engine,
    thread: &Thread,
    before: Ticket,
    limit: usize,
) -> Result<Vec<(Ticket, JobId)>, StoreError> {
    let (kind, of) = thread.name();
    let sql = format!(
        "SELECT VALUE [record::id(id)[2], job] FROM thread:[$kind, $of, $after]>..=[$kind, $of, {}] LIMIT $limit",
        i64::MAX
    );
    let query = Query::new(sql).bind("kind", kind).bind("of", of).bind("after", backwards(before)).bind("limit", limit);
    let rows = engine.read(query).await?.pop().map(rows_of).unwrap_or_default();
    let row = |row| serde_json::from_value::<(i64, JobId)>(row).map(|(key, id)| (i64::MAX.abs_diff(key), id));
    rows.into_iter().map(|found| row(found).map_err(|error| StoreError::Row { table: "thread", error })).collect()
}

/// How many jobs are read at once when all are listed anew.
const SLICE: u64 = 1_000;
/// After how many it is told.
const TOLD: u64 = 100_000;

/// Lists all jobs that there are, in a store of an earlier version: before its schema says that they are, so that whoever is interrupted begins
/// again.
pub(super) async fn build(engine: &dyn Engine) -> Result<(), StoreError> {
    let commit = async |query: Query| engine.commit(query).await.map_err(Uncommitted::into_error);
    let tables = ["leaf", "branch", "thread"];
    let anew = tables.map(|table| format!("REMOVE TABLE IF EXISTS {table}; DEFINE TABLE {table};"));
    commit(Query::new(anew.concat())).await?;
    let (mut index, mut after, mut listed) = (Index::default(), 0, 0);
    loop {
        let sql = "SELECT *, record::id(id) AS id FROM job WHERE ticket > $after ORDER BY ticket LIMIT $limit";
        let query = Query::new(sql).bind("after", after).bind("limit", SLICE);
        let slice = jobs(engine.read(query).await?.pop().map(rows_of).unwrap_or_default())?;
        let Some(last) = slice.last() else { break };
        after = last.ticket;
        let put = slice.into_iter().map(|job| (RowName::job(job.id), Some(Row::Job(Arc::new(job))))).collect();
        let mut rows = Rows { put, ..Rows::default() };
        index.follow(engine, &mut rows).await?;
        rows.put.retain(|(name, _)| name.0 != Table::Job);
        listed += SLICE;
        if listed % TOLD == 0 {
            tracing::info!("lists the jobs of an earlier version anew: {listed} so far");
        }
        commit(rows.write(Query::default())).await?;
    }
    // One at a time: each is as long as the table.
    for index in ["job_ticket", "job_conversation", "job_message"] {
        commit(Query::new(format!("REMOVE INDEX IF EXISTS {index} ON job"))).await?;
    }
    Ok(())
}
