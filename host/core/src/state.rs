//! Everything that has not ended, and who is next.
//!
//! A `State` is persistent: its maps share structure between versions, so `clone` is O(1). Readers hold the committed
//! version while the writer drafts the next; a draft that fails to commit is dropped, and nobody has seen it.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::device::Device;
use crate::job::{Job, JobId, Rank, Status, Ticket};
use crate::rank_set::RankSet;

/// What the state has to know of a configured backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The device that it runs on.
    pub device: String,
    /// `sha256:…` of the component that the next claim runs.
    pub digest: String,
}

/// What a waiting job waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `turn`, `device`, `backend` …
    pub reason: &'static str,
    /// A sentence for the user.
    pub detail: String,
}

/// The queue, its devices and its counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The number of the last event.
    pub seq: u64,
    /// The last ticket that was given out.
    pub ticket: Ticket,
    live: OrdMap<Ticket, Arc<Job>>,
    tickets: HashMap<JobId, Ticket>,
    conversations: OrdSet<(String, Ticket)>,
    lines: OrdMap<String, RankSet<(Rank, Ticket)>>,
    devices: OrdMap<String, Device>,
    backends: OrdMap<String, Binding>,
}

impl State {
    /// A state with these devices and backends, and no job.
    pub fn new(seq: u64, ticket: Ticket, devices: Vec<Device>, backends: Vec<(String, Binding)>) -> Self {
        Self {
            seq,
            ticket,
            devices: devices.into_iter().map(|device| (device.name.clone(), device)).collect(),
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
        self.devices.get(name)
    }

    /// The devices by name.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// A backend's binding.
    pub fn backend(&self, name: &str) -> Option<&Binding> {
        self.backends.get(name)
    }

    /// How many jobs have not ended.
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// How many jobs are queued, for all devices together.
    pub fn waiting(&self) -> u64 {
        self.lines.values().map(|line| line.len() as u64).sum()
    }

    /// How many jobs are queued for a device.
    pub fn length(&self, device: &str) -> u64 {
        self.lines_of(device).map(|line| line.len() as u64).sum()
    }

    /// The place of a job in the line of its device: from 1, or 0 if it is not queued.
    pub fn position(&self, job: &Job) -> u64 {
        if job.status != Status::Queued {
            return 0;
        }
        let place = (job.rank.clone(), job.ticket);
        let before: usize = match self.backends.get(&job.backend) {
            Some(binding) => self.lines_of(&binding.device).map(|line| line.rank(&place)).sum(),
            None => self.lines.get(&job.backend).map_or(0, |line| line.rank(&place)),
        };
        before as u64 + 1
    }

    /// The job that a device would run next.
    pub fn head(&self, device: &str) -> Option<&Arc<Job>> {
        let (_, ticket) = self.lines_of(device).filter_map(RankSet::first).min()?;
        self.live.get(ticket)
    }

    /// The first `limit` jobs in the line of a device, in order.
    pub fn line(&self, device: &str, limit: usize) -> Vec<Arc<Job>> {
        let mut places: Vec<&(Rank, Ticket)> = self.lines_of(device).flat_map(|line| line.iter().take(limit)).collect();
        places.sort();
        places.into_iter().take(limit).filter_map(|(_, ticket)| self.live.get(ticket).cloned()).collect()
    }

    /// What `job` waits for; none unless it waits.
    pub fn waiting_for(&self, job: &Job) -> Option<Waiting> {
        if job.status != Status::Queued {
            return None;
        }
        let say = |reason, detail| Some(Waiting { reason, detail });
        let Some(binding) = self.backends.get(&job.backend) else {
            return say("backend", format!("no backend {} is configured any more", job.backend));
        };
        let device = self.devices.get(&binding.device)?;
        match (&device.live, &device.dirty) {
            (None, Some(_)) => {
                say("device", format!("{} is being brought to rest after an attempt that was cut short", device.name))
            }
            _ => match self.position(job) {
                1 => say("turn", format!("next on {}", device.name)),
                2 => say("turn", format!("one job is before it on {}", device.name)),
                place => say("turn", format!("{} jobs are before it on {}", place - 1, device.name)),
            },
        }
    }

    /// Puts a job where its status says it belongs, in place of what it was.
    pub(crate) fn put(&mut self, job: Arc<Job>) {
        self.take(job.id);
        if job.status.ended() {
            return;
        }
        if job.status == Status::Queued {
            self.lines.entry(job.backend.clone()).or_default().insert((job.rank.clone(), job.ticket));
        }
        if let Some(conversation) = &job.conversation_id {
            self.conversations.insert((conversation.clone(), job.ticket));
        }
        self.tickets.insert(job.id, job.ticket);
        self.live.insert(job.ticket, job);
    }

    fn take(&mut self, id: JobId) {
        let Some(job) = self.tickets.remove(&id).and_then(|ticket| self.live.remove(&ticket)) else { return };
        if let Some(line) = self.lines.get_mut(&job.backend) {
            line.remove(&(job.rank.clone(), job.ticket));
            if line.is_empty() {
                self.lines.remove(&job.backend);
            }
        }
        if let Some(conversation) = &job.conversation_id {
            self.conversations.remove(&(conversation.clone(), job.ticket));
        }
    }

    pub(crate) fn put_device(&mut self, device: Device) {
        self.devices.insert(device.name.clone(), device);
    }

    /// Adds jobs that were read from the store at start-up.
    pub fn restore(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            self.put(Arc::new(job));
        }
    }

    fn lines_of<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a RankSet<(Rank, Ticket)>> {
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
        let mut ask = |command| decide(&mut draft, command, Limits { max_waiting: 9 }, 7).map(drop);
        assert_eq!((1..=3).try_for_each(|id| ask(Command::Submit(Box::new(job(id))))), Ok(()));
        assert_eq!((1..=3).try_for_each(|id| ask(Command::Cancel(job(id).id))), Ok(()));

        let State { live, tickets, conversations, lines, .. } = &draft.state;
        assert_eq!((live.len(), tickets.len(), conversations.len(), lines.len()), (0, 0, 0, 0));
    }
}
