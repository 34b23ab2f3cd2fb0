//! A store in memory: rows, and what a commit does to them. What it applies is what the real store is handed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use easel_core::cold::MessageHead;
use easel_core::command::{Names, NewMessage};
use easel_core::message::{JOB_KEYS, report};
use easel_core::state::Binding;
use easel_core::{
    BatchId, Bindings, Change, Cold, Command, Device, Draft, Event, History, Intent, Job, JobId, Kept, KeyOf, KeyUse,
    Message, MessageId, Party, Pool, Queue, Remains, State, Ticket, Timestamp,
};
use serde_json::{Map, Value};

/// All the rows there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    pub jobs: BTreeMap<JobId, Job>,
    pub messages: BTreeMap<MessageId, Note>,
    pub keys: BTreeMap<(Party, String), KeyUse>,
    pub devices: BTreeMap<String, Device>,
    pub pools: BTreeMap<String, Pool>,
    pub queue: Queue,
    pub bindings: Option<Bindings>,
    pub intents: BTreeMap<u64, Intent>,
    pub histories: BTreeMap<String, History>,
    /// What ended jobs leave behind, in the order in which they ended.
    pub remains: BTreeMap<(Timestamp, JobId), Remains>,
    /// The keys of deleted jobs.
    pub orphans: BTreeMap<(Timestamp, Party, String), KeyOf>,
    /// How many jobs of each batch are there.
    pub batches: BTreeMap<BatchId, usize>,
    /// Also those that the log has dropped, for the audit.
    pub events: Vec<Event>,
    /// How far the clock had been set when each of them was said.
    pub shifts: Vec<Timestamp>,
    pub oldest_event: u64,
    pub kept: Kept,
    pub seq: u64,
    pub ticket: Ticket,
    pub floor: Ticket,
}

/// A message and the newest job that reports to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub message: Message,
    pub reporter: Option<JobId>,
}

impl Note {
    pub fn new(new: NewMessage, seq: u64, now: Timestamp) -> Self {
        let NewMessage { id, conversation_id, role, content, extra_metadata, party: Party { owner, user } } = new;
        let message = Message {
            id,
            ticket: seq,
            conversation_id,
            role,
            content,
            extra_metadata,
            owner,
            user,
            created_at: now,
            updated_at: now,
            seq,
        };
        Self { message, reporter: None }
    }

    /// Merges one level deep, which is as deep as these tests go.
    pub fn merge(&mut self, content: Option<String>, extra: Map<String, Value>, seq: u64, now: Timestamp) {
        self.message.extra_metadata.extend(extra);
        self.message.content = content.unwrap_or_else(|| self.message.content.clone());
        (self.message.seq, self.message.updated_at) = (seq, now);
    }

    /// What `job` writes when it is the newest here.
    pub fn report(&mut self, job: &Job, queue_position: u64) {
        let Value::Object(extra) = report(job, queue_position) else { panic!("a report is an object") };
        self.reporter = Some(job.id);
        self.merge(None, extra, job.seq, job.updated_at);
    }
}

/// What has been loaded for a batch: a second load would undo what the batch did.
#[derive(Default)]
pub struct Loaded {
    jobs: HashSet<JobId>,
    messages: HashSet<MessageId>,
    keys: HashSet<(Party, String)>,
}

impl Tables {
    /// Nothing but devices.
    pub fn new(devices: Vec<Device>) -> Self {
        Self {
            devices: devices.into_iter().map(|device| (device.name.clone(), device)).collect(),
            floor: 1,
            oldest_event: 1,
            ..Self::default()
        }
    }

    /// Loads the cold rows that `command` names.
    pub fn load(&self, command: &Command, state: &State, loaded: &mut Loaded, cold: &mut Cold) {
        let mut names = Names::default();
        command.name_into(&mut names);
        for key in names.keys {
            if let Some(used) = self.keys.get(&key).filter(|_| loaded.keys.insert(key.clone())) {
                cold.keys.insert(key, used.clone());
            }
        }
        self.load_jobs(names.jobs, loaded, cold);
        let mut more = Names::default();
        command.name_more(state, cold, &mut more);
        self.load_jobs(more.jobs, loaded, cold);
        for id in names.messages {
            let Some(Note { message, .. }) = self.messages.get(&id).filter(|_| loaded.messages.insert(id)) else {
                continue;
            };
            let party = Party { owner: message.owner.clone(), user: message.user.clone() };
            let mut extra_metadata = message.extra_metadata.clone();
            extra_metadata.retain(|name, _| !JOB_KEYS.contains(&name.as_str()));
            let head = MessageHead { conversation_id: message.conversation_id.clone(), party, extra_metadata };
            cold.messages.insert(id, head);
        }
    }

    fn load_jobs(&self, ids: Vec<JobId>, loaded: &mut Loaded, cold: &mut Cold) {
        for id in ids {
            if let Some(job) = self.jobs.get(&id).filter(|job| job.status.ended() && loaded.jobs.insert(id)) {
                cold.jobs.insert(id, Arc::new(job.clone()));
            }
        }
    }

    /// Writes all that `draft` changed.
    pub fn commit(&mut self, draft: &Draft) {
        self.events.extend(draft.events.clone());
        self.shifts.resize(self.events.len(), draft.state.clock().shift);
        for change in draft.changes.clone() {
            self.apply(change);
        }
        (self.seq, self.ticket, self.floor) = (draft.state.seq, draft.state.ticket, draft.state.floor());
        (self.oldest_event, self.kept) = (draft.state.oldest_event(), draft.state.kept());
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::NewJob(job) => {
                job.batch_id.into_iter().for_each(|batch| *self.batches.entry(batch).or_default() += 1);
                assert!(self.jobs.insert(job.id, Job::clone(&job)).is_none(), "a first row is new");
            }
            Change::Job(job) => {
                assert!(self.jobs.insert(job.id, Job::clone(&job)).is_some(), "another row replaces one")
            }
            Change::DeleteJob(id) => assert!(self.jobs.remove(&id).is_some(), "what goes was there"),
            Change::LeaveBatch(batch) => {
                *self.batches.get_mut(&batch).expect("a batch is there as long as its jobs") -= 1;
                self.batches.retain(|_, left| *left > 0);
            }
            Change::Remains(remains) => {
                assert_eq!(self.remains.insert((remains.at, remains.job), remains), None, "a job ends once");
            }
            Change::DropRemains(remains) => {
                assert_eq!(self.remains.remove(&(remains.at, remains.job)), Some(remains), "what goes was there");
            }
            Change::Device(device) => {
                assert!(self.devices.insert(device.name.clone(), Device::clone(&device)).is_some());
            }
            Change::Pool(pool) => {
                assert!(self.pools.insert(pool.name().into(), Pool::clone(&pool)).is_some());
            }
            Change::Pools(pools) => {
                self.pools = pools.iter().map(|pool| (pool.name().into(), Pool::clone(pool))).collect();
            }
            Change::Queue(queue) => self.queue = queue,
            Change::Bindings(bindings) => self.bindings = Some(bindings),
            Change::Intent(intent) => _ = self.intents.insert(intent.id, intent),
            Change::History(history) => _ = self.histories.insert(history.backend.clone(), History::clone(&history)),
            Change::DropIntent(id) => assert!(self.intents.remove(&id).is_some(), "what goes was there"),
            Change::Key(used) => {
                let key = (used.party.clone(), used.key.clone());
                self.keys.insert(key, used);
            }
            Change::Orphan(key) => {
                let place = (key.at, key.party(), key.key.clone());
                assert_eq!(self.orphans.insert(place, key), None, "a job is deleted once");
            }
            Change::DropKey(of) => {
                let name = (of.party(), of.key.clone());
                if self.keys.get(&name).is_some_and(|used| used.job == of.job) {
                    self.keys.remove(&name);
                }
                self.orphans.remove(&(of.at, of.party(), of.key));
            }
            Change::DropEvents { from, before } => {
                assert_eq!(from, self.oldest_event, "events go from the beginning");
                self.oldest_event = before;
            }
            Change::CreateMessage(new, seq) => {
                let note = Note::new(*new, seq, self.at(seq));
                assert!(self.messages.insert(note.message.id, note).is_none(), "a message is created once");
            }
            Change::PatchMessage { id, content, extra_metadata, seq } => {
                let now = self.at(seq);
                self.messages.get_mut(&id).expect("what is patched is there").merge(content, extra_metadata, seq, now);
            }
            Change::DeleteMessage(id) => assert!(self.messages.remove(&id).is_some(), "what goes was there"),
            Change::Report { message, job, queue_position, first } => {
                if let Some(note) =
                    self.messages.get_mut(&message).filter(|note| first || note.reporter == Some(job.id))
                {
                    note.report(&job, queue_position);
                }
            }
        }
    }

    /// When the event of this number was decided.
    fn at(&self, seq: u64) -> Timestamp {
        self.events.iter().find(|event| event.seq == seq).expect("a change names its event").at
    }

    /// What a host finds that starts on these rows: it reads nothing below the floor.
    pub fn state(&self, backends: Vec<(String, Binding)>) -> State {
        let mut state = State::new(self.seq, self.ticket, self.devices.values().cloned().collect(), backends);
        state.restore_queue(self.queue.clone());
        state.restore_pools(&self.pools.values().cloned().collect::<Vec<_>>());
        self.bindings.iter().for_each(|bindings| state.restore_bindings(bindings.clone()));
        state.restore_histories(self.histories.values().cloned());
        state.restore_intents(self.intents.values().cloned());
        state.restore_kept(self.kept, self.oldest_event);
        // In whatever order: here those come first that depend on others.
        let open = self.jobs.values().rev().filter(|job| job.ticket >= self.floor && !job.status.ended());
        state.restore(open.cloned());
        state
    }
}
