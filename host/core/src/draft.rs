//! The next state in the making: what a batch of commands has changed so far, and what it will say about it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cold::{Cold, KeyUse, MessageHead};
use crate::command::NewMessage;
use crate::device::{Device, Queue};
use crate::event::{Bindings, Body, Event, MessageChange, Transition};
use crate::history::History;
use crate::ids::{BatchId, JobId, MessageId, Party, Timestamp};
use crate::intent::{Ended, Intent, Purpose};
use crate::job::Job;
use crate::pool::Pool;
use crate::reply::{Refusal, Reply};
use crate::retention::{KeyOf, Remains, Retention};
use crate::state::State;

/// Something for the store to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A job's first row.
    NewJob(Arc<Job>),
    /// A job's row, in place of the old one.
    Job(Arc<Job>),
    /// A job's row is to go.
    DeleteJob(JobId),
    /// A job of this batch is gone: with the last of them, so is the batch.
    LeaveBatch(BatchId),
    /// A job has ended: a row of what it leaves behind.
    Remains(Remains),
    /// That row is to go.
    DropRemains(Remains),
    /// A device's row, new or in place of the old one.
    Device(Arc<Device>),
    /// A pool's row, in place of the old one.
    Pool(Arc<Pool>),
    /// The rows of all pools, in place of all that there were.
    Pools(Vec<Arc<Pool>>),
    /// The queue's own row, new or in place of the old one.
    Queue(Queue),
    /// What runs the jobs of all backends: the one row, new or in place of the old one.
    Bindings(Bindings),
    /// How long a backend's jobs took: a row, new or in place of the old one.
    History(Arc<History>),
    /// Something that is being done to many jobs: a row, new or in place of the old one.
    Intent(Intent),
    /// That row is to go.
    DropIntent(u64),
    /// An idempotency key, new or in place of one that nobody honours any more.
    Key(KeyUse),
    /// The job of a key is gone, and its key is honoured all the same: a row, for it to be found when it is free.
    Orphan(KeyOf),
    /// A key is free: its row is to go, if it still is that job's, and that of an orphan.
    DropKey(KeyOf),
    /// The events from one number up to another, that one not included, are to go, as far as they share no commit with it.
    DropEvents {
        /// The oldest that there was.
        from: u64,
        /// The oldest that is sure to be there from now on.
        before: u64,
    },
    /// A new message, created by the event of this number.
    CreateMessage(Box<NewMessage>, u64),
    /// A patch of a message, by the event of this number.
    PatchMessage {
        /// Which.
        id: MessageId,
        /// A new text, if any.
        content: Option<String>,
        /// What clients have written into it, merged.
        extra_metadata: serde_json::Map<String, serde_json::Value>,
        /// The event.
        seq: u64,
    },
    /// A message's row is to go.
    DeleteMessage(MessageId),
    /// A job writes into its message, if it is the newest that reports there.
    Report {
        /// Where to.
        message: MessageId,
        /// The job as it is.
        job: Arc<Job>,
        /// Its place in line.
        queue_position: u64,
        /// Whether it becomes the newest.
        first: bool,
    },
}

/// A state that is not committed yet, with all that the commit has to write.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The state as it will be.
    pub state: State,
    /// The rows that commands named.
    pub cold: Cold,
    /// What to write, in order.
    pub changes: Vec<Change>,
    /// What to say, in order.
    pub events: Vec<Event>,
    /// Who asks for what is being decided.
    pub(crate) by: Option<String>,
    /// Intents that the command at hand works on, and whether they have rows.
    pub(crate) at_work: VecDeque<(u64, bool)>,
}

/// A draft at one moment.
pub(crate) struct Mark {
    state: State,
    cold: Cold,
    changes: usize,
    events: usize,
    at_work: VecDeque<(u64, bool)>,
}

impl Draft {
    /// Nothing changed yet.
    pub fn new(state: State, cold: Cold) -> Self {
        Self { state, cold, changes: Vec::new(), events: Vec::new(), by: None, at_work: VecDeque::new() }
    }

    /// A job, ended or not.
    pub fn job(&self, id: JobId) -> Option<Arc<Job>> {
        self.state.job(id).or_else(|| self.cold.jobs.get(&id)).cloned()
    }

    /// The answer to a command that finds everything as it wants it.
    pub(crate) fn unchanged(&self, job: Arc<Job>) -> Reply {
        let queue_position = self.state.position(&job);
        Reply::Job(job, queue_position)
    }

    /// The answer to a command that a job is not in a state for.
    pub(crate) fn unfit(&self, job: Arc<Job>, rule: &'static str) -> Refusal {
        let queue_position = self.state.position(&job);
        Refusal::Unfit { job, queue_position, rule }
    }

    /// This moment, to come back to. It costs little: maps share structure.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            state: self.state.clone(),
            cold: self.cold.clone(),
            changes: self.changes.len(),
            events: self.events.len(),
            at_work: self.at_work.clone(),
        }
    }

    /// As if nothing had been done since.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.state = mark.state;
        self.cold = mark.cold;
        self.changes.truncate(mark.changes);
        self.events.truncate(mark.events);
        self.at_work = mark.at_work;
    }

    /// Has the command at hand work on something new.
    pub(crate) fn intend(&mut self, intent: Intent) {
        self.at_work.push_back((intent.id, false));
        self.state.put_intent(intent);
    }

    /// Those that depend on a job are to be told that it has ended.
    fn tell_dependents(&mut self, job: JobId, ended: Ended) {
        if self.state.has_dependents(job) {
            let purpose = Purpose::Tell { job, ended };
            self.intend(Intent { id: self.state.next_intent(), purpose, by: self.by.clone(), after: 0 });
        }
    }

    /// The number that the next event will have.
    pub fn next_seq(&self) -> u64 {
        self.state.seq + 1
    }

    /// Records that `job` is now as given, because of `event`. Returns it with its place in line.
    pub fn transition(&mut self, mut job: Job, event: Transition, now: Timestamp) -> (Arc<Job>, u64) {
        job.seq = self.next_seq();
        job.updated_at = job.told(now);
        // A job becomes its message's newest by arriving, that is, by getting a ticket that its row did not have.
        let first = self.job(job.id).is_none_or(|old| old.ticket != job.ticket);
        let job = self.write(job);
        let queue_position = self.state.position(&job);
        self.say(Body::Job { event, job: Arc::new(job.without_params()), queue_position }, job.updated_at);
        if let Some(message) = job.message_id {
            self.changes.push(Change::Report { message, job: job.clone(), queue_position, first });
        }
        if let Some(ended) = Ended::of(job.status) {
            self.tell_dependents(job.id, ended);
        }
        (job, queue_position)
    }

    /// Notes in `job` that it ends.
    pub(crate) fn end(&self, job: &mut Job, now: Timestamp) {
        (job.ended_at, job.shifts.ended) = (Some(job.told(now)), self.state.clock().shift);
        (job.retry_at, job.shifts.retry) = (None, 0);
    }

    /// Records that `job` is now as given, which nobody needs to be told.
    pub fn write(&mut self, job: Job) -> Arc<Job> {
        let old = self.job(job.id);
        let change = if old.is_some() { Change::Job } else { Change::NewJob };
        let job = Arc::new(job);
        self.state.put(job.clone());
        if job.status.ended() {
            self.cold.jobs.insert(job.id, job.clone());
        } else {
            self.cold.jobs.remove(&job.id);
        }
        self.changes.push(change(job.clone()));
        self.keep(old.and_then(|old| Remains::of(&old)), Remains::of(&job));
        job
    }

    /// What an ended job leaves behind is as given, and not what it was.
    fn keep(&mut self, old: Option<Remains>, new: Option<Remains>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.state.kept_mut().remove(&old);
            self.changes.push(Change::DropRemains(old));
        }
        if let Some(new) = new {
            self.state.kept_mut().add(&new);
            self.changes.push(Change::Remains(new));
        }
    }

    /// Records that an ended job is gone. Its key is not, as long as it is honoured.
    pub fn delete(&mut self, job: &Job, retention: &Retention, now: Timestamp) {
        debug_assert!(job.status.ended(), "only ended jobs are deleted");
        self.cold.jobs.remove(&job.id);
        self.changes.push(Change::DeleteJob(job.id));
        self.changes.extend(job.batch_id.map(Change::LeaveBatch));
        self.keep(Remains::of(job), None);
        match KeyOf::of(job) {
            Some(key) if retention.frees(key.at, self.state.clock().own(now)) => self.drop_key(key),
            key => self.changes.extend(key.map(Change::Orphan)),
        }
        let body = Body::Job { event: Transition::Deleted, job: Arc::new(job.without_params()), queue_position: 0 };
        self.say(body, job.told(now));
        self.tell_dependents(job.id, Ended::Deleted);
    }

    /// Records that a key is free, unless somebody else has it by now.
    pub(crate) fn drop_key(&mut self, key: KeyOf) {
        let name = (key.party(), key.key.clone());
        if self.cold.keys.get(&name).is_some_and(|used| used.job == key.job) {
            self.cold.keys.remove(&name);
        }
        self.changes.push(Change::DropKey(key));
    }

    /// Records that `device` is now as given.
    pub fn put_device(&mut self, device: Device) {
        let device = Arc::new(device);
        self.state.put_device(device.clone());
        self.changes.push(Change::Device(device));
    }

    /// Records that `pool` is now as given.
    pub(crate) fn put_pool(&mut self, pool: Pool) {
        let pool = Arc::new(pool);
        self.state.put_pool(pool.clone());
        self.changes.push(Change::Pool(pool));
    }

    /// Records what runs the jobs of all backends.
    pub(crate) fn bind(&mut self, bindings: Bindings) {
        self.state.restore_bindings(bindings.clone());
        self.changes.push(Change::Bindings(bindings));
    }

    /// Records that the queue's own row is now as given, and says so.
    pub fn put_queue(&mut self, queue: Queue, now: Timestamp) {
        let (paused, length) = (queue.stands().cloned(), self.state.queued());
        self.state.put_queue(queue.clone());
        self.changes.push(Change::Queue(queue));
        self.say(Body::Queue { paused, length }, now);
    }

    /// Records that an attempt at `job`, which completes now, took so many microseconds.
    pub fn learn(&mut self, job: &Job, took: u64, now: Timestamp) {
        let mut history = self.state.history(&job.backend).cloned().unwrap_or_default();
        history.backend.clone_from(&job.backend);
        history.record(took, job.work);
        // A forecast is held against what came only where the wall clock tells how long that took.
        if let Some(forecast) = job.forecast.filter(|forecast| forecast.jumps == self.state.clock().jumps) {
            history.accuracy.record(forecast, now);
        }
        self.state.put_history(history.clone());
        self.changes.push(Change::History(Arc::new(history)));
    }

    /// Suspends a backend on a device, or on all of them, or resumes it there, and says so. That it did is durable, the suspension
    /// is not.
    pub fn suspend(&mut self, backend: &str, device: Option<&str>, reason: Option<String>, now: Timestamp) {
        let (devices, device) = self.affected(backend, device);
        match &reason {
            Some(reason) => self.state.suspend(backend, &devices, reason),
            None => self.state.resume(backend, &devices),
        }
        self.tell_backend(backend, device, reason, now);
    }

    /// The devices of a backend that a suspension is about, and the one of them that is worth naming.
    pub(crate) fn affected(&self, backend: &str, device: Option<&str>) -> (BTreeSet<String>, Option<String>) {
        let all = self.state.backend(backend).map(|binding| binding.devices.clone()).unwrap_or_default();
        match device.filter(|device| all.len() > 1 && all.contains(*device)) {
            Some(device) => (BTreeSet::from([device.to_owned()]), Some(device.to_owned())),
            None => (all, None),
        }
    }

    /// Says that a backend is suspended, or is not.
    pub(crate) fn tell_backend(
        &mut self,
        backend: &str,
        device: Option<String>,
        suspended: Option<String>,
        now: Timestamp,
    ) {
        let mut queue = self.state.queue().clone();
        let news = match suspended.is_some() || self.state.suspended_anywhere(backend) {
            true => queue.suspended.insert(backend.to_owned()),
            false => queue.suspended.remove(backend),
        };
        if news {
            self.state.put_queue(queue.clone());
            self.changes.push(Change::Queue(queue));
        }
        self.say(Body::Backend { name: backend.to_owned(), suspended, device }, now);
    }

    /// Says whether a device is paused.
    pub fn tell_device(&mut self, device: &Device, now: Timestamp) {
        self.say(Body::Device { name: device.name.clone(), paused: device.paused.clone() }, now);
    }

    /// Tells what a client did to a message.
    pub fn tell(&mut self, id: MessageId, event: MessageChange, head: &MessageHead, now: Timestamp) {
        let MessageHead { conversation_id, party: Party { owner, user }, .. } = head.clone();
        self.say(Body::Message { event, id, conversation_id, owner, user }, now);
    }

    pub(crate) fn say(&mut self, body: Body, at: Timestamp) {
        self.state.seq += 1;
        self.events.push(Event { seq: self.state.seq, at, by: self.by.clone(), body });
    }
}
