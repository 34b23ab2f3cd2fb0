//! Who waits for whom, and what is still to be done to many.
//!
//! What a waiting job depends on is looked up from the other side: `dependents` has one entry for each dependency of each
//! waiting job. A dependency that is not live has ended, and its dependents have been told, unless an intent says that they
//! are still to be; so nothing has to be kept about it in the jobs' rows.

use std::sync::Arc;

use super::{State, digest};
use crate::ids::{BatchId, JobId, Ticket};
use crate::intent::{Intent, Purpose, Which};
use crate::job::{Job, Status};

/// How many jobs one slice looks at for each that it may be about.
const GLANCES: usize = 256;

impl State {
    /// Whether jobs that have not started depend on this one.
    pub fn has_dependents(&self, id: JobId) -> bool {
        self.next_dependent(id, 0).is_some()
    }

    /// The first waiting job after this ticket that depends on a job.
    pub(crate) fn next_dependent(&self, id: JobId, after: Ticket) -> Option<&Arc<Job>> {
        let (_, ticket) = self.dependents.range((id, after + 1)..).next().filter(|(of, _)| *of == id)?;
        self.at(*ticket)
    }

    /// A running job that depends on this one, and hence uses its files.
    pub fn running_dependent(&self, id: JobId) -> Option<&Arc<Job>> {
        let mut running = self.devices().filter_map(|device| self.job(device.occupant.as_ref()?.job));
        running.find(|job| job.depends_on.contains(&id))
    }

    /// Whether those that depend on a job have not all been told yet that it has ended.
    pub fn telling(&self, id: JobId) -> bool {
        self.telling.contains_key(&id)
    }

    /// What `job` has to wait for before anything else: a dependency that has not ended, or whose end it has not been told.
    pub fn blocked_by(&self, job: &Job) -> Option<JobId> {
        let told = |id: &JobId| match self.telling.get(id).and_then(|intent| self.intents.get(intent)) {
            Some(intent) => intent.after >= job.ticket,
            None => true,
        };
        // The last one is the likeliest: those before it have mostly ended before it.
        job.depends_on.iter().rev().find(|id| self.open.contains_key(*id) || !told(id)).copied()
    }

    /// Whether something is still to be done to many jobs: then [`crate::Command::Proceed`] is wanted.
    pub fn has_intents(&self) -> bool {
        !self.intents.is_empty()
    }

    /// What is still to be done to many jobs.
    pub fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.values()
    }

    pub(crate) fn intent(&self, id: u64) -> Option<&Intent> {
        self.intents.get(&id)
    }

    pub(crate) fn next_intent(&self) -> u64 {
        self.intents.get_max().map_or(0, |(id, _)| *id) + 1
    }

    pub(crate) fn put_intent(&mut self, intent: Intent) {
        if let Purpose::Tell { job, .. } = intent.purpose {
            self.telling.insert(job, intent.id);
        }
        self.intents.insert(intent.id, intent);
    }

    pub(crate) fn drop_intent(&mut self, id: u64) {
        if let Some(Intent { purpose: Purpose::Tell { job, .. }, .. }) = self.intents.remove(&id) {
            self.telling.remove(&job);
        }
    }

    /// Takes over what was still to be done as it was read from the store at start-up: before the jobs.
    pub fn restore_intents(&mut self, intents: impl IntoIterator<Item = Intent>) {
        intents.into_iter().for_each(|intent| self.put_intent(intent));
    }

    /// The jobs of a batch that have not ended, as they arrived.
    pub fn jobs_of_batch(&self, batch: BatchId) -> impl Iterator<Item = &Arc<Job>> {
        self.tickets_of_batch(batch, 0).filter_map(|ticket| self.at(ticket))
    }

    fn tickets_of_batch(&self, batch: BatchId, after: Ticket) -> impl Iterator<Item = Ticket> {
        self.batches.range((batch, after + 1)..).take_while(move |(of, _)| *of == batch).map(|(_, ticket)| *ticket)
    }

    /// Those of the jobs of a conversation that have not ended, and of any other whose name has the same digest.
    pub(super) fn tickets_of_conversation(&self, name: &str, after: Ticket) -> impl Iterator<Item = Ticket> + use<'_> {
        let digest = digest(name);
        self.conversations
            .range((digest, after + 1)..)
            .take_while(move |(of, _)| *of == digest)
            .map(|(_, ticket)| *ticket)
    }

    /// The first `limit` of the jobs that can still be cancelled, with tickets above `after` and up to `until`; and, if there
    /// may be more, the ticket to go on after.
    pub(crate) fn select(
        &self,
        which: &Which,
        after: Ticket,
        until: Ticket,
        limit: usize,
    ) -> (Vec<Arc<Job>>, Option<Ticket>) {
        let mut found: Vec<Arc<Job>> = Vec::new();
        for (glance, ticket) in self.candidates(which, after).take_while(|ticket| *ticket <= until).enumerate() {
            let can = |job: &&Arc<Job>| !(job.status == Status::Processing && job.cancel_requested) && which.has(job);
            let job = self.at(ticket).filter(can);
            if glance >= GLANCES * limit.max(1) {
                return (found, Some(ticket - 1));
            }
            if job.is_some() && found.len() >= limit {
                let last = found.last().map_or(after, |job| job.ticket);
                return (found, Some(last));
            }
            found.extend(job.cloned());
        }
        (found, None)
    }

    /// The tickets above `after` that are worth a look, in order.
    fn candidates<'a>(&'a self, which: &Which, after: Ticket) -> Box<dyn Iterator<Item = Ticket> + 'a> {
        if !which.ids.is_empty() {
            let tickets = which.ids.iter().filter_map(|id| self.open.get(id).map(|job| job.ticket));
            let mut tickets: Vec<Ticket> = tickets.filter(|ticket| *ticket > after).collect();
            tickets.sort_unstable();
            tickets.dedup();
            return Box::new(tickets.into_iter());
        }
        if let [batch] = which.batches[..] {
            return Box::new(self.tickets_of_batch(batch, after));
        }
        if let [conversation] = &which.conversations[..] {
            return Box::new(self.tickets_of_conversation(conversation, after));
        }
        Box::new(self.arrivals.range(after + 1..).map(|(ticket, _)| *ticket))
    }
}
