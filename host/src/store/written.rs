//! What a commit writes, made of what its draft changed: whole rows, and the names of those that go. No row's content is left for
//! the database to work out, so that a row can be written any number of times, and earlier ones of the same name need not be.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use easel_core::json::text_of;
use easel_core::message::report;
use easel_core::{BatchId, Change, Draft, Event, Job, JobId, MessageId, Timestamp};
use serde_json::{Value, json};

use super::read::key_ids;
use super::rows::{KeyRow, MessageRow, RowName, Table, document};
use super::{Store, StoreError};

/// Rows, and what events need besides.
#[derive(Default)]
pub(super) struct Written {
    /// Each job as every change left it, in their order.
    pub(super) jobs: Vec<Arc<Job>>,
    /// The other rows as they are in the end, and those that went.
    pub(super) rows: Vec<(RowName, Option<Value>)>,
    /// The messages as their events left them.
    pub(super) messages: Vec<Value>,
}

impl Written {
    /// All that `draft` changed.
    pub(super) async fn of(store: &Store, draft: &Draft) -> Result<Self, StoreError> {
        let old = store.documents(&bases(&draft.changes)).await?;
        let mut writing = Writing { events: &draft.events, old, ..Writing::default() };
        if draft.changes.iter().any(|change| matches!(change, Change::Pools(_))) {
            // Arranged anew, which only the first command of a process does.
            store.pool_names().await?.iter().for_each(|name| writing.drop(RowName::new(Table::Pool, name)));
        }
        draft.changes.iter().for_each(|change| writing.change(change));
        writing.close_batches();
        Ok(writing.written)
    }
}

/// The rows of which only a part changes, or which change only if they are as expected.
fn bases(changes: &[Change]) -> Vec<RowName> {
    let mut names = Vec::new();
    for change in changes {
        match change {
            Change::PatchMessage { id, .. } | Change::Report { message: id, .. } => names.push(RowName::message(*id)),
            Change::LeaveBatch(id) => names.push(RowName::new(Table::Batch, id)),
            Change::DropKey(of) => names.extend(key_names(&key_ids(&of.party(), &of.key))),
            _ => {}
        }
    }
    names
}

fn key_names(ids: &[String]) -> impl Iterator<Item = RowName> {
    ids.iter().map(|id| RowName::new(Table::Key, id))
}

#[derive(Default)]
struct Writing<'a> {
    events: &'a [Event],
    /// Rows as they are by now, as far as they are bases or are new.
    old: HashMap<RowName, Value>,
    /// The jobs that arrived of each batch, and how many went.
    batches: BTreeMap<BatchId, (Vec<JobId>, u64)>,
    written: Written,
    /// Where each row is among those written.
    places: HashMap<RowName, usize>,
}

impl Writing<'_> {
    fn put(&mut self, name: RowName, row: Value) {
        self.set(name, Some(row));
    }

    fn drop(&mut self, name: RowName) {
        self.old.remove(&name);
        self.set(name, None);
    }

    fn set(&mut self, name: RowName, row: Option<Value>) {
        let rows = &mut self.written.rows;
        let place = *self.places.entry(name.clone()).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(old) => old.1 = row,
            None => rows.push((name, row)),
        }
    }

    /// The same, for rows that are looked at again.
    fn keep(&mut self, name: RowName, row: Value) {
        self.old.insert(name.clone(), row.clone());
        self.put(name, row);
    }

    fn at(&self, seq: u64) -> Option<Timestamp> {
        self.events.iter().find(|event| event.seq == seq).map(|event| event.at)
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::NewJob(job) => {
                if let Some(batch) = job.batch_id {
                    self.batches.entry(batch).or_default().0.push(job.id);
                }
                self.written.jobs.push(job.clone());
            }
            Change::Job(job) => self.written.jobs.push(job.clone()),
            Change::DeleteJob(id) => self.drop(RowName::job(*id)),
            Change::LeaveBatch(batch) => self.batches.entry(*batch).or_default().1 += 1,
            Change::Remains(remains) => self.put(RowName::remains(remains), document(remains)),
            Change::DropRemains(remains) => self.drop(RowName::remains(remains)),
            Change::Device(device) => self.put(RowName::new(Table::Device, &device.name), document(device)),
            Change::Pool(pool) => self.put(RowName::new(Table::Pool, &pool.name()), document(pool)),
            Change::Pools(pools) => {
                for pool in pools {
                    self.put(RowName::new(Table::Pool, &pool.name()), document(pool));
                }
            }
            Change::Queue(queue) => self.put(RowName::new(Table::Meta, &"queue"), document(queue)),
            Change::Bindings(bindings) => {
                self.put(RowName::new(Table::Meta, &"bindings"), json!({ "backends": document(bindings) }));
            }
            Change::History(history) => {
                self.put(RowName::new(Table::History, &history.backend), document(history));
            }
            Change::Intent(intent) => {
                let mut row = document(intent);
                if let Some(row) = row.as_object_mut() {
                    // `id` is the row's own name.
                    row.remove("id");
                }
                self.put(RowName::new(Table::Intent, &intent.id), row);
            }
            Change::DropIntent(id) => self.drop(RowName::new(Table::Intent, id)),
            Change::Key(used) => {
                if let Some(name) = key_names(&key_ids(&used.party, &used.key)).next() {
                    self.keep(name, document(&KeyRow::of(used)));
                }
            }
            Change::Orphan(of) => self.put(RowName::orphan(of), document(of)),
            Change::DropKey(of) => {
                for name in key_names(&key_ids(&of.party(), &of.key)) {
                    if self.old.get(&name).and_then(|row| row.get("job")) == Some(&document(&of.job)) {
                        self.drop(name);
                    }
                }
                self.drop(RowName::orphan(of));
            }
            // The head says where the log begins.
            Change::DropEvents { .. } => {}
            Change::CreateMessage(new, seq) => {
                let row = document(&MessageRow::of(new, *seq, self.at(*seq)));
                self.tell(new.id, row);
            }
            Change::PatchMessage { id, content, extra_metadata, seq } => {
                let Some(mut row) = self.old.get(&RowName::message(*id)).cloned() else { return };
                if let Some(fields) = row.as_object_mut() {
                    fields.extend(content.clone().map(|content| ("content".to_owned(), content.into())));
                    fields.insert("text".to_owned(), text_of(extra_metadata).into());
                    fields.insert("updated_at".to_owned(), document(&self.at(*seq)));
                    fields.insert("seq".to_owned(), (*seq).into());
                }
                self.tell(*id, row);
            }
            Change::DeleteMessage(id) => self.drop(RowName::message(*id)),
            Change::Report { message, job, queue_position, first } => {
                self.report(*message, job, *queue_position, *first);
            }
        }
    }

    /// A message as a client's change left it, which an event tells.
    fn tell(&mut self, id: MessageId, row: Value) {
        let mut told = row.clone();
        if let Some(fields) = told.as_object_mut() {
            fields.insert("id".to_owned(), document(&id));
        }
        self.written.messages.push(told);
        self.keep(RowName::message(id), row);
    }

    /// Of several jobs of one message only the newest writes: an older one finds another reporter there.
    fn report(&mut self, message: MessageId, job: &Job, queue_position: u64, first: bool) {
        let name = RowName::message(message);
        let Some(mut row) = self.old.get(&name).cloned() else { return };
        let reporter = document(&job.id);
        if !first && row.get("reporter") != Some(&reporter) {
            return;
        }
        let Some(fields) = row.as_object_mut() else { return };
        let Value::Object(said) = report(job, queue_position) else { return };
        match fields.get_mut("extra_metadata").and_then(Value::as_object_mut) {
            Some(metadata) => metadata.extend(said),
            None => _ = fields.insert("extra_metadata".to_owned(), said.into()),
        }
        fields.insert("updated_at".to_owned(), job.updated_at.into());
        fields.insert("seq".to_owned(), job.seq.into());
        fields.insert("reporter".to_owned(), reporter);
        self.keep(name, row);
    }

    /// The jobs that each batch was made of, and how many of them are left. With the last of them, it goes.
    fn close_batches(&mut self) {
        for (batch, (mut jobs, gone)) in std::mem::take(&mut self.batches) {
            let name = RowName::new(Table::Batch, &batch);
            let (old, left) = self
                .old
                .get(&name)
                .map_or((Value::Null, 0), |row| (row.get("jobs").cloned().unwrap_or_default(), left(row)));
            let left = (left + jobs.len() as u64).saturating_sub(gone);
            // A batch is made by one commit: one that has jobs has all of them.
            let jobs = if jobs.is_empty() { old } else { document(&std::mem::take(&mut jobs)) };
            match left {
                0 => self.drop(name),
                left => self.put(name, json!({ "jobs": jobs, "left": left })),
            }
        }
    }
}

fn left(batch: &Value) -> u64 {
    batch.get("left").and_then(Value::as_u64).unwrap_or_default()
}
