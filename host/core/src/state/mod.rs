//! Everything that has not ended, and who is next.
//!
//! A `State` is persistent: its maps share structure between versions, so `clone` is O(1). Readers hold the committed
//! version while the writer drafts the next; a draft that fails to commit is dropped, and nobody has seen it.

mod lines;
mod waiting;

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::device::{Device, Queue};
use crate::job::{Job, JobId, Party, Status, Ticket};
use crate::order::Tag;
use lines::{Crowds, Line, place};

pub(crate) use lines::Place;
pub use waiting::Waiting;

/// What the state has to know of a configured backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The device that it runs on.
    pub device: String,
    /// `sha256:…` of the component that the next claim runs.
    pub digest: String,
}

/// The queue, its devices and its counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The number of the last event.
    pub seq: u64,
    /// The last ticket that was given out.
    pub ticket: Ticket,
    queue: Queue,
    live: OrdMap<Ticket, Arc<Job>>,
    tickets: HashMap<JobId, Ticket>,
    conversations: OrdSet<(String, Ticket)>,
    lines: OrdMap<String, Line>,
    crowds: Crowds,
    waiting: u64,
    waiting_by_party: HashMap<Party, u64>,
    devices: OrdMap<String, Arc<Device>>,
    backends: OrdMap<String, Binding>,
}

impl State {
    /// A state with these devices and backends, and no job.
    pub fn new(seq: u64, ticket: Ticket, devices: Vec<Device>, backends: Vec<(String, Binding)>) -> Self {
        Self {
            seq,
            ticket,
            devices: devices.into_iter().map(|device| (device.name.clone(), Arc::new(device))).collect(),
            backends: backends.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A job that has not ended.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.live.get(self.tickets.get(&id)?)
    }

    /// The jobs that have not ended, as they arrived.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.live.values()
    }

    /// The jobs of a conversation that have not ended, as they arrived.
    pub fn jobs_of(&self, conversation: &str) -> impl Iterator<Item = &Arc<Job>> {
        let from = (conversation.to_owned(), 0);
        let conversation = conversation.to_owned();
        self.conversations
            .range(from..)
            .take_while(move |(name, _)| *name == conversation)
            .filter_map(|(_, ticket)| self.live.get(ticket))
    }

    /// No job that has not ended has a lesser ticket: scans of the store start here.
    pub fn floor(&self) -> Ticket {
        self.live.get_min().map_or(self.ticket + 1, |(ticket, _)| *ticket)
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

    /// The device that a backend runs on.
    pub fn device_of(&self, backend: &str) -> Option<&Device> {
        self.device(&self.backends.get(backend)?.device)
    }

    /// How many jobs have not ended.
    pub fn live_count(&self) -> usize {
        self.live.len()
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

    /// How many jobs are queued, for all devices together.
    pub fn queued(&self) -> u64 {
        self.lines.values().map(|line| line.places().len() as u64).sum()
    }

    /// How many jobs are queued for a device.
    pub fn length(&self, device: &str) -> u64 {
        self.lines_of(device).map(|line| line.places().len() as u64).sum()
    }

    /// How many parties have jobs in the line of a device.
    pub fn parties(&self, device: &str) -> usize {
        self.crowds.of(device)
    }

    /// The largest tag that a job of this party has in the line of a device.
    pub fn largest_tag(&self, device: &str, party: &Party) -> Option<Tag> {
        self.lines_of(device).filter_map(|line| line.largest_tag(party)).max()
    }

    /// The place of a job in the line of its device: from 1, or 0 if it is not queued.
    pub fn position(&self, job: &Job) -> u64 {
        if job.status != Status::Queued {
            return 0;
        }
        let place = place(job);
        let before: usize = match self.backends.get(&job.backend) {
            Some(binding) => self.lines_of(&binding.device).map(|line| line.places().rank(&place)).sum(),
            None => self.lines.get(&job.backend).map_or(0, |line| line.places().rank(&place)),
        };
        before as u64 + 1
    }

    /// The first job in the line of a device.
    pub fn head(&self, device: &str) -> Option<&Arc<Job>> {
        let (_, ticket) = self.lines_of(device).filter_map(|line| line.places().first()).min()?;
        self.live.get(ticket)
    }

    /// The job that a device may claim now.
    pub fn claimable(&self, device: &str) -> Option<&Arc<Job>> {
        let open = |device: &&Device| device.free() && device.paused.is_none() && self.queue.paused.is_none();
        self.device(device).filter(open).and_then(|device| self.head(&device.name))
    }

    /// The first place in the line of a device, leaving out `except`.
    pub(crate) fn first_place(&self, device: &str, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.first(except)).min()
    }

    /// The last place in the line of a device, leaving out `except`.
    pub(crate) fn last_place(&self, device: &str, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.last(except)).max()
    }

    /// The place right before `place` in the line of a device, leaving out `except`.
    pub(crate) fn place_before(&self, device: &str, place: &Place, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.before(place, except)).max()
    }

    /// The first `limit` jobs in the line of a device, in order.
    pub fn line(&self, device: &str, limit: usize) -> Vec<Arc<Job>> {
        let mut places: Vec<&Place> = self.lines_of(device).flat_map(|line| line.places().iter().take(limit)).collect();
        places.sort();
        places.into_iter().take(limit).filter_map(|(_, ticket)| self.live.get(ticket).cloned()).collect()
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
        }
        if job.status == Status::Queued {
            self.line_up(&job);
        }
        if let Some(conversation) = &job.conversation_id {
            self.conversations.insert((conversation.clone(), job.ticket));
        }
        self.tickets.insert(job.id, job.ticket);
        self.live.insert(job.ticket, job);
    }

    /// Removes a job from wherever `put` has put it.
    fn take(&mut self, id: JobId) {
        let Some(job) = self.tickets.remove(&id).and_then(|ticket| self.live.remove(&ticket)) else { return };
        if job.status != Status::Processing {
            self.waiting -= 1;
            let party = job.party();
            match self.waiting_by_party.get_mut(&party) {
                Some(jobs) if *jobs > 1 => *jobs -= 1,
                _ => _ = self.waiting_by_party.remove(&party),
            }
        }
        if job.status == Status::Queued {
            self.leave_line(&job);
        }
        if let Some(conversation) = &job.conversation_id {
            self.conversations.remove(&(conversation.clone(), job.ticket));
        }
    }

    fn line_up(&mut self, job: &Job) {
        let first = self.lines.entry(job.backend.clone()).or_default().insert(job, job.party());
        if let Some(binding) = self.backends.get(&job.backend).filter(|_| first) {
            self.crowds.join(&binding.device, job.party());
        }
    }

    fn leave_line(&mut self, job: &Job) {
        let Some(line) = self.lines.get_mut(&job.backend) else { return };
        let party = job.party();
        let last = line.remove(job, &party);
        if line.places().is_empty() {
            self.lines.remove(&job.backend);
        }
        if let Some(binding) = self.backends.get(&job.backend).filter(|_| last) {
            self.crowds.leave(&binding.device, &party);
        }
    }

    pub(crate) fn put_queue(&mut self, queue: Queue) {
        self.queue = queue;
    }

    pub(crate) fn put_device(&mut self, device: Arc<Device>) {
        self.devices.insert(device.name.clone(), device);
    }

    /// Takes over the queue's own row as it was read from the store at start-up.
    pub fn restore_queue(&mut self, queue: Queue) {
        self.put_queue(queue);
    }

    /// Adds jobs that were read from the store at start-up.
    pub fn restore(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            self.put(Arc::new(job));
        }
    }

    fn lines_of<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a Line> {
        self.backends
            .iter()
            .filter(move |(_, binding)| binding.device == device)
            .filter_map(|(name, _)| self.lines.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Json;
    use crate::command::{Command, NewJob};
    use crate::decide::{Limits, decide};
    use crate::draft::{Cold, Draft};
    use uuid::Uuid;

    fn job(id: u128) -> NewJob {
        NewJob {
            id: JobId(Uuid::from_u128(id)),
            backend: "paint".into(),
            owner: "local".into(),
            user: None,
            priority: 0,
            params: Json::null(),
            inputs: Vec::new(),
            metadata: Json::null(),
            conversation_id: Some("c".into()),
            message_id: None,
            max_attempts: 1,
            key: None,
        }
    }

    #[test]
    fn a_job_that_has_ended_leaves_nothing_behind_in_memory() {
        let binding = Binding { device: "gpu0".into(), digest: "sha256:paint".into() };
        let state = State::new(
            0,
            0,
            vec![Device { name: "gpu0".into(), ..Device::default() }],
            vec![("paint".into(), binding)],
        );
        let mut draft = Draft::new(state, Cold::default());
        let limits = Limits { max_waiting: 9, max_waiting_per_owner: 9, priority_worth: 10 };
        let mut ask = |command| decide(&mut draft, command, limits, 7).map(drop);
        assert_eq!((1..=3).try_for_each(|id| ask(Command::Submit(Box::new(job(id))))), Ok(()));
        assert_eq!((1..=3).try_for_each(|id| ask(Command::Cancel { job: job(id).id, by: "local".into() })), Ok(()));

        let State { live, tickets, conversations, lines, crowds, waiting, waiting_by_party, .. } = &draft.state;
        assert_eq!((live.len(), tickets.len(), conversations.len(), lines.len()), (0, 0, 0, 0));
        assert_eq!((crowds.is_empty(), *waiting, waiting_by_party.len()), (true, 0, 0));
    }
}
