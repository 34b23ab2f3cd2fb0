//! What a batch changed, as statements.
//!
//! Documents, not transactions, are what a batch costs, so a job that changed twice is written once. The events of a commit are
//! one row, keyed by the last of them; it comes last, and answers with what became of the messages.

use std::collections::{BTreeMap, HashMap};

use easel_core::json::text_of;
use easel_core::{BatchId, Change, Draft, Event, Job, JobId, KeyOf, Remains, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::engine::Query;
use super::read::key_ids;
use super::rows::{Edit, JobRow, KeyRow, MessageRow, RemainsRow, ReportRow, document};

/// Statements, and which of them leave a message behind.
#[derive(Default)]
pub(super) struct Script {
    pub(super) query: Query,
    messages: Vec<String>,
}

impl Script {
    /// All that `draft` changed, and its events.
    pub(super) fn of(draft: &Draft) -> Self {
        let mut script = Self::default();
        script.jobs(&draft.changes);
        script.batches(&draft.changes);
        script.remains(&draft.changes);
        script.devices(&draft.changes);
        script.pools(&draft.changes);
        for change in &draft.changes {
            script.change(change, &draft.events);
        }
        script.events(&draft.events);
        script
    }

    /// A name for `value`, to stand in a statement.
    fn bind(&mut self, value: &impl Serialize) -> String {
        let name = format!("v{}", self.query.values.len());
        self.query.values.push((name.clone(), document(value)));
        format!("${name}")
    }

    /// The rows of jobs: each as it is in the end, new ones in one statement.
    fn jobs(&mut self, changes: &[Change]) {
        let mut last: HashMap<JobId, Option<&Job>> = HashMap::new();
        let mut order = Vec::new();
        for change in changes {
            let (id, new, job) = match change {
                Change::NewJob(job) => (job.id, true, Some(job.as_ref())),
                Change::Job(job) => (job.id, false, Some(job.as_ref())),
                Change::DeleteJob(id) => (*id, false, None),
                _ => continue,
            };
            if last.insert(id, job).is_none() {
                order.push((id, new));
            }
        }
        let (mut fresh, mut gone) = (Vec::new(), Vec::new());
        for (id, new) in order {
            match (last.get(&id).copied().flatten(), new) {
                (Some(job), true) => fresh.push(JobRow::of(job)),
                (Some(job), false) => {
                    let (id, row) = (self.bind(&id), self.bind(&JobRow::of(job)));
                    self.query.sql += &format!("UPDATE type::record('job', {id}) REPLACE {row} RETURN NONE;\n");
                }
                // Made and deleted in one batch: there never was a row.
                (None, true) => {}
                (None, false) => gone.push(id),
            }
        }
        if !fresh.is_empty() {
            let fresh = self.bind(&fresh);
            self.query.sql += &format!("INSERT INTO job {fresh} RETURN NONE;\n");
        }
        self.delete("job", &gone);
    }

    /// Rows of a table that are to go, in one statement.
    fn delete(&mut self, table: &str, ids: &[impl Serialize]) {
        if !ids.is_empty() {
            let ids = self.bind(&ids);
            self.query.sql += &format!("DELETE {ids}.map(|$id| type::record('{table}', $id)) RETURN NONE;\n");
        }
    }

    /// The rows of batches: which jobs each was made of, and how many of those are left. With the last, it goes.
    fn batches(&mut self, changes: &[Change]) {
        let (mut made, mut left): (BTreeMap<BatchId, Vec<JobId>>, BTreeMap<BatchId, usize>) = Default::default();
        for change in changes {
            match change {
                Change::NewJob(job) => {
                    job.batch_id.into_iter().for_each(|batch| made.entry(batch).or_default().push(job.id));
                }
                Change::LeaveBatch(batch) => *left.entry(*batch).or_default() += 1,
                _ => {}
            }
        }
        for (batch, jobs) in made {
            let rest = jobs.len() - left.remove(&batch).unwrap_or_default().min(jobs.len());
            if rest > 0 {
                let (id, jobs) = (self.bind(&batch), self.bind(&jobs));
                self.query.sql += &format!(
                    "CREATE type::record('batch', {id}) CONTENT {{ jobs: {jobs}, left: {rest} }} RETURN NONE;\n"
                );
            }
        }
        for (batch, gone) in left {
            let id = self.bind(&batch);
            self.query.sql += &format!(
                "UPDATE type::record('batch', {id}) SET left -= {gone} RETURN NONE;
                 DELETE type::record('batch', {id}) WHERE left <= 0 RETURN NONE;\n"
            );
        }
    }

    /// What ended jobs leave behind: a job that was run again and ended again has only its last end.
    fn remains(&mut self, changes: &[Change]) {
        let mut rows: BTreeMap<(Timestamp, JobId), (bool, Option<&Remains>)> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Remains(remains) => {
                    rows.entry((remains.at, remains.job)).or_default().1 = Some(remains);
                }
                // The first that is said of a row tells whether there was one.
                Change::DropRemains(remains) => {
                    rows.entry((remains.at, remains.job)).or_insert((true, None)).1 = None;
                }
                _ => {}
            }
        }
        let (mut fresh, mut gone) = (Vec::new(), Vec::new());
        for ((at, job), (old, new)) in rows {
            if old {
                gone.push((at, job));
            }
            if let Some(remains) = new {
                fresh.push(RemainsRow { id: (at, job), remains });
            }
        }
        self.delete("remains", &gone);
        if !fresh.is_empty() {
            let fresh = self.bind(&fresh);
            self.query.sql += &format!("INSERT INTO remains {fresh} RETURN NONE;\n");
        }
    }

    /// The rows of devices: an outcome and the next claim are one change of the row, and the device waits for it.
    fn devices(&mut self, changes: &[Change]) {
        let mut last = BTreeMap::new();
        for change in changes {
            if let Change::Device(device) = change {
                last.insert(&device.name, device);
            }
        }
        for (name, device) in last {
            let (id, row) = (self.bind(name), self.bind(device));
            self.query.sql += &format!("UPSERT type::record('device', {id}) REPLACE {row} RETURN NONE;\n");
        }
    }

    /// The rows of pools. They are arranged anew only by the first command of a process.
    fn pools(&mut self, changes: &[Change]) {
        let mut last = BTreeMap::new();
        for change in changes {
            match change {
                Change::Pools(pools) => {
                    self.query.sql += "DELETE pool RETURN NONE;\n";
                    last = pools.iter().map(|pool| (pool.name(), pool)).collect();
                }
                Change::Pool(pool) => _ = last.insert(pool.name(), pool),
                _ => {}
            }
        }
        for (name, pool) in last {
            let (id, row) = (self.bind(&name), self.bind(pool));
            self.query.sql += &format!("UPSERT type::record('pool', {id}) REPLACE {row} RETURN NONE;\n");
        }
    }

    fn change(&mut self, change: &Change, events: &[Event]) {
        let at = |seq| events.iter().find(|event| event.seq == seq).map(|event| event.at);
        match change {
            Change::NewJob(_) | Change::Job(_) | Change::DeleteJob(_) => {}
            Change::LeaveBatch(_) | Change::Remains(_) | Change::DropRemains(_) => {}
            Change::Device(_) | Change::Pool(_) | Change::Pools(_) => {}
            Change::Queue(queue) => {
                let row = self.bind(queue);
                self.query.sql += &format!("UPSERT meta:queue REPLACE {row} RETURN NONE;\n");
            }
            Change::Bindings(bindings) => {
                let bindings = self.bind(bindings);
                self.query.sql += &format!("UPSERT meta:bindings REPLACE {{ backends: {bindings} }} RETURN NONE;\n");
            }
            Change::History(history) => {
                let (id, row) = (self.bind(&history.backend), self.bind(history));
                self.query.sql += &format!("UPSERT type::record('history', {id}) REPLACE {row} RETURN NONE;\n");
            }
            Change::Intent(intent) => {
                let mut row = document(intent);
                if let Some(row) = row.as_object_mut() {
                    // `id` is the record's own name.
                    row.remove("id");
                }
                let (id, row) = (self.bind(&intent.id), self.bind(&row));
                self.query.sql += &format!("UPSERT type::record('intent', {id}) REPLACE {row} RETURN NONE;\n");
            }
            Change::DropIntent(id) => {
                let id = self.bind(&id);
                self.query.sql += &format!("DELETE type::record('intent', {id}) RETURN NONE;\n");
            }
            Change::Key(used) => {
                let id = self.bind(&key_ids(&used.party, &used.key).first());
                let row = self.bind(&KeyRow::of(used));
                self.query.sql += &format!("UPSERT type::record('key', {id}) REPLACE {row} RETURN NONE;\n");
            }
            Change::Orphan(of) => {
                let (id, row) = (self.bind(&orphan_id(of)), self.bind(of));
                self.query.sql += &format!("UPSERT type::record('orphan', {id}) REPLACE {row} RETURN NONE;\n");
            }
            Change::DropKey(of) => {
                let job = self.bind(&of.job);
                for id in key_ids(&of.party(), &of.key) {
                    let id = self.bind(&id);
                    self.query.sql += &format!("DELETE type::record('key', {id}) WHERE job = {job} RETURN NONE;\n");
                }
                let orphan = self.bind(&orphan_id(of));
                self.query.sql += &format!("DELETE type::record('orphan', {orphan}) RETURN NONE;\n");
            }
            Change::DropEvents { from, before } => {
                self.query.sql += &format!("DELETE event:{from}..{before} RETURN NONE;\n");
            }
            Change::CreateMessage(new, seq) => {
                let row = self.bind(&MessageRow::of(new, *seq, at(*seq)));
                let id = self.bind(&new.id);
                self.message(&format!("CREATE ONLY type::record('message', {id}) CONTENT {row}"));
            }
            Change::PatchMessage { id, content, extra_metadata, seq } => {
                let text = text_of(extra_metadata);
                let edit = Edit { content: content.as_deref(), text, updated_at: at(*seq), seq: *seq };
                let (id, patch) = (self.bind(id), self.bind(&edit));
                self.message(&format!("UPDATE ONLY type::record('message', {id}) MERGE {patch}"));
            }
            Change::DeleteMessage(id) => {
                let id = self.bind(&id);
                self.query.sql += &format!("DELETE type::record('message', {id}) RETURN NONE;\n");
            }
            Change::Report { message, job, queue_position, first } => {
                let id = self.bind(&message);
                let reporter = self.bind(&job.id);
                let patch = self.bind(&ReportRow::of(job, *queue_position));
                // Of several jobs of one message only the newest writes: an older one finds another reporter there.
                let rule = if *first { String::new() } else { format!(" WHERE reporter = {reporter}") };
                self.query.sql += &format!("UPDATE type::record('message', {id}) MERGE {patch}{rule} RETURN NONE;\n");
            }
        }
    }

    /// A statement that leaves a message behind which an event will tell of.
    fn message(&mut self, statement: &str) {
        let name = format!("m{}", self.messages.len());
        self.query.sql += &format!("LET ${name} = ({statement} RETURN *, record::id(id) AS id);\n");
        self.messages.push(format!("${name}"));
    }

    fn events(&mut self, events: &[Event]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let list = self.bind(&document(&events).to_string());
        let (first, last) = (self.bind(&first.seq), self.bind(&last.seq));
        let messages = self.messages.join(", ");
        self.query.sql += &format!(
            "CREATE ONLY type::record('event', {last})
             CONTENT {{ first: {first}, list: {list}, messages: [{messages}] }} RETURN VALUE {{ messages: messages }};\n"
        );
    }
}

/// The record key of the key of a deleted job, by when it was used.
fn orphan_id(of: &KeyOf) -> Value {
    match &of.user {
        None => document(&(of.at, &of.owner, &of.key)),
        Some(user) => document(&(of.at, &of.owner, &of.key, user)),
    }
}
