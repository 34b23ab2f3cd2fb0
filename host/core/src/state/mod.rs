//! Everything that has not ended, and who is next.
//!
//! A `State` is persistent: its maps share structure between versions, so `clone` is O(1). Readers hold the committed
//! version while the writer drafts the next; a draft that fails to commit is dropped, and nobody has seen it.

mod dependencies;
mod estimates;
mod lines;
mod places;
mod pools;
mod retained;
mod waiting;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::clock::Clock;
use crate::device::{Device, Queue};
use crate::event::{Bindings, Runs};
use crate::history::History;
use crate::ids::{BatchId, JobId, Party, Ticket, Timestamp};
use crate::intent::Intent;
use crate::job::{Job, Status};
use crate::policy::Backoff;
use crate::pool::Pool;
use crate::retention::Kept;
use lines::{Crowds, Line};

pub(crate) use lines::Place;
pub use waiting::{Standing, Waiting, WaitingFor};

/// What the state has to know of a configured backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The devices that it can run on, at least one.
    pub devices: BTreeSet<String>,
    /// What runs its jobs.
    pub program: Program,
}

/// What runs the jobs of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A component.
    Component {
        /// `sha256:…` of the one that the next claim runs; empty if it cannot be read, and so runs nothing.
        digest: String,
        /// How long failed jobs pause before they are tried again.
        backoff: Backoff,
    },
    /// Whoever has submitted a job runs it as well, and the device is lent to them meanwhile.
    Leased,
}

impl Binding {
    /// A backend whose jobs are run by a component, on any of these devices.
    pub fn component<'a>(devices: impl IntoIterator<Item = &'a str>, digest: &str, backoff: Backoff) -> Self {
        let devices = devices.into_iter().map(str::to_owned).collect();
        Self { devices, program: Program::Component { digest: digest.to_owned(), backoff } }
    }

    /// A backend whose jobs are leases of the device.
    pub fn leased(device: &str) -> Self {
        Self { devices: BTreeSet::from([device.to_owned()]), program: Program::Leased }
    }

    /// `sha256:…` of the component that the next claim runs; empty for leases.
    pub fn digest(&self) -> &str {
        match &self.program {
            Program::Component { digest, .. } => digest,
            Program::Leased => "",
        }
    }

    /// How long its failed jobs pause; leases do not.
    pub fn backoff(&self) -> Option<Backoff> {
        match self.program {
            Program::Component { backoff, .. } => Some(backoff),
            Program::Leased => None,
        }
    }
}

/// The queue, its devices and its counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The number of the last event.
    pub seq: u64,
    /// The last ticket that was given out.
    pub ticket: Ticket,
    queue: Queue,
    kept: Kept,
    oldest_event: u64,
    /// The jobs that have not ended, and as they arrived.
    open: HashMap<JobId, Arc<Job>>,
    arrivals: OrdMap<Ticket, JobId>,
    /// The jobs by a digest of their conversation's name: what changes here is copied with its neighbours, and names are long.
    conversations: OrdSet<(u64, Ticket)>,
    batches: OrdSet<(BatchId, Ticket)>,
    /// The waiting jobs by what they depend on.
    dependents: OrdSet<(JobId, Ticket)>,
    intents: OrdMap<u64, Intent>,
    /// The intents to tell the dependents of a job, by that job.
    telling: HashMap<JobId, u64>,
    /// When pending jobs are due that wait for no other: those that pause in the host's own time, the others by the wall clock.
    pauses: OrdSet<(Timestamp, Ticket)>,
    due: OrdSet<(Timestamp, Ticket)>,
    lines: OrdMap<String, Line>,
    crowds: Crowds,
    waiting: u64,
    waiting_by_party: HashMap<Party, u64>,
    devices: OrdMap<String, Arc<Device>>,
    pools: OrdMap<String, Arc<Pool>>,
    /// Whether the store does not know these pools yet.
    rearranged: bool,
    backends: OrdMap<String, Binding>,
    /// What the log last said of the backends; none before the first start.
    bindings: Option<Arc<Bindings>>,
    /// Why, by backend and device.
    suspended: OrdMap<String, OrdMap<String, String>>,
    /// The backends whose engine has answered since it was last away.
    resumed: OrdSet<String>,
    histories: OrdMap<String, History>,
}

impl State {
    /// A state with these devices and backends, and no job.
    pub fn new(seq: u64, ticket: Ticket, devices: Vec<Device>, backends: Vec<(String, Binding)>) -> Self {
        let mut state = Self {
            seq,
            ticket,
            oldest_event: 1,
            devices: devices.into_iter().map(|device| (device.name.clone(), Arc::new(device))).collect(),
            backends: backends.into_iter().collect(),
            ..Self::default()
        };
        state.restore_pools(&[]);
        state
    }

    /// A job that has not ended.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.open.get(&id)
    }

    /// The job of a ticket that has not ended.
    fn at(&self, ticket: Ticket) -> Option<&Arc<Job>> {
        self.open.get(self.arrivals.get(&ticket)?)
    }

    /// The jobs that have not ended, as they arrived.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.arrivals.values().filter_map(|id| self.open.get(id))
    }

    /// The jobs of a conversation that have not ended, as they arrived.
    pub fn jobs_of(&self, conversation: &str) -> impl Iterator<Item = &Arc<Job>> {
        let conversation = conversation.to_owned();
        let jobs = self.tickets_of_conversation(&conversation, 0).filter_map(|ticket| self.at(ticket));
        jobs.filter(move |job| job.conversation_id.as_ref() == Some(&conversation))
    }

    /// No job that has not ended has a lesser ticket: scans of the store start here.
    pub fn floor(&self) -> Ticket {
        self.arrivals.get_min().map_or(self.ticket + 1, |(ticket, _)| *ticket)
    }

    /// A device.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.get(name).map(|device| &**device)
    }

    /// The devices by name.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values().map(|device| &**device)
    }

    /// A backend's binding.
    pub fn backend(&self, name: &str) -> Option<&Binding> {
        self.backends.get(name)
    }

    /// What runs the jobs of the backends in the configuration of this start.
    pub(crate) fn configured(&self) -> Bindings {
        let runs = |(name, Binding { devices, program }): (&String, &Binding)| match program {
            Program::Component { digest, .. } => {
                Some((name.clone(), Runs { digest: digest.clone(), devices: devices.clone() }))
            }
            Program::Leased => None,
        };
        self.backends.iter().filter_map(runs).collect()
    }

    /// What the log last said of them; none before the first start.
    pub(crate) fn known_bindings(&self) -> Option<&Bindings> {
        self.bindings.as_deref()
    }

    /// Whether a job is a lease, which its submitter runs: it outlives the host, and nobody else can run it again.
    pub fn is_lease(&self, job: &Job) -> bool {
        self.backends.get(&job.backend).is_some_and(|binding| binding.program == Program::Leased)
    }

    /// The lease of a device that lasts now.
    pub fn lease_on(&self, device: &str) -> Option<&Arc<Job>> {
        let occupant = self.device(device)?.occupant.as_ref()?;
        self.job(occupant.job).filter(|job| job.runs(occupant.attempt) && self.is_lease(job))
    }

    /// How many jobs have not ended.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The queue's own row.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// How many jobs wait, for whatever: this is what caps are about.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// How many jobs of a party wait, for whatever.
    pub fn waiting_of(&self, party: &Party) -> u64 {
        self.waiting_by_party.get(party).copied().unwrap_or_default()
    }

    /// The host's own time.
    pub fn clock(&self) -> Clock {
        self.queue.clock
    }

    /// The time that a pending job waits for, by the wall clock as it is set now: that of its next try, or the one that its
    /// submitter asked for.
    pub fn waits_until(&self, job: &Job) -> Option<Timestamp> {
        job.pause_over().map(|at| self.clock().wall(at)).or(job.asked_for())
    }

    /// When the next job is due that waits for a time.
    pub fn next_due(&self) -> Option<Timestamp> {
        let pause = self.pauses.get_min().map(|(at, _)| self.clock().wall(*at));
        let asked = self.due.get_min().map(|(at, _)| *at);
        pause.into_iter().chain(asked).min()
    }

    /// The first `limit` jobs that are due at `now`.
    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> Vec<Arc<Job>> {
        let pauses = self.pauses.iter().map(|(at, ticket)| (self.clock().wall(*at), *ticket));
        let pauses = pauses.take_while(|(at, _)| *at <= now).take(limit);
        let mut due: Vec<_> = self.due.iter().copied().take_while(|(at, _)| *at <= now).take(limit).collect();
        due.extend(pauses);
        due.sort_unstable();
        due.iter().take(limit).filter_map(|(_, ticket)| self.at(*ticket).cloned()).collect()
    }

    /// Puts a job where its status says it belongs, in place of what it was.
    pub(crate) fn put(&mut self, job: Arc<Job>) {
        self.take(job.id);
        if job.status.ended() {
            return;
        }
        if job.status != Status::Processing {
            self.waiting += 1;
            *self.waiting_by_party.entry(job.party()).or_default() += 1;
            self.dependents.extend(job.depends_on.iter().map(|id| (*id, job.ticket)));
        }
        if job.status == Status::Queued {
            self.line_up(&job);
        }
        self.expect(&job);
        if let Some(batch) = job.batch_id {
            self.batches.insert((batch, job.ticket));
        }
        if let Some(conversation) = &job.conversation_id {
            self.conversations.insert((digest(conversation), job.ticket));
        }
        self.arrivals.insert(job.ticket, job.id);
        self.open.insert(job.id, job);
    }

    /// Removes a job from wherever `put` has put it.
    fn take(&mut self, id: JobId) {
        let Some(job) = self.open.remove(&id) else { return };
        self.arrivals.remove(&job.ticket);
        if job.status != Status::Processing {
            self.waiting -= 1;
            let party = job.party();
            match self.waiting_by_party.get_mut(&party) {
                Some(jobs) if *jobs > 1 => *jobs -= 1,
                _ => _ = self.waiting_by_party.remove(&party),
            }
            for id in &job.depends_on {
                self.dependents.remove(&(*id, job.ticket));
            }
        }
        if job.status == Status::Queued {
            self.leave_line(&job);
        }
        match job.pause_over() {
            Some(at) => self.pauses.remove(&(at, job.ticket)),
            None => self.due.remove(&(due_at(&job), job.ticket)),
        };
        if let Some(conversation) = &job.conversation_id {
            self.conversations.remove(&(digest(conversation), job.ticket));
        }
        if let Some(batch) = job.batch_id {
            self.batches.remove(&(batch, job.ticket));
        }
    }

    /// Notes when a pending job is due that waits for no other. It could not line up without its backend: then it goes on
    /// when there is one again.
    pub(crate) fn expect(&mut self, job: &Job) {
        let pending = job.status == Status::Pending;
        if pending && self.has_device(&job.backend) && self.blocked_by(job).is_none() {
            match job.pause_over() {
                Some(at) => self.pauses.insert((at, job.ticket)),
                None => self.due.insert((due_at(job), job.ticket)),
            };
        }
    }

    pub(crate) fn put_queue(&mut self, queue: Queue) {
        self.queue = queue;
    }

    pub(crate) fn put_device(&mut self, device: Arc<Device>) {
        self.devices.insert(device.name.clone(), device);
    }

    /// Takes over what ran the jobs of the backends, as it was read from the store at start-up.
    pub fn restore_bindings(&mut self, bindings: Bindings) {
        self.bindings = Some(Arc::new(bindings));
    }

    /// Takes over the queue's own row as it was read from the store at start-up.
    pub fn restore_queue(&mut self, queue: Queue) {
        self.put_queue(queue);
    }

    /// Adds jobs that were read from the store at start-up.
    pub fn restore(&mut self, jobs: impl IntoIterator<Item = Job>) {
        let jobs: Vec<Arc<Job>> = jobs.into_iter().map(Arc::new).collect();
        for job in &jobs {
            self.put(job.clone());
        }
        // Which of them wait for nothing but a time is known only now that all are there.
        for job in jobs.iter().filter(|job| job.status == Status::Pending) {
            self.put(job.clone());
        }
    }
}

/// Another name has another digest, but for rare accidents.
fn digest(name: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(name)
}

/// When a pending job is due that waits for no other and does not pause: at once, unless a time was asked for.
fn due_at(job: &Job) -> Timestamp {
    job.asked_for().unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
