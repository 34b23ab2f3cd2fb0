//! The core once more, as naive as can be: rows that are changed in place, and lines that are sorted whenever asked for.

mod clients;
mod dependencies;
mod estimates;
mod order;
mod permissions;
mod pools;
mod retention;
mod times;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use easel_core::state::{Binding, Program};
use easel_core::{
    Actor, Bindings, Body, Command, Event, Forecast, Job, JobId, Party, Pause, Refusal, Reply, Role, Runs, Status,
    Timestamp, Transition, Which,
};

use crate::common::backends;
use crate::tables::Tables;
use pools::Pools;

pub type Answer = Result<Reply, Refusal>;

/// Whom a job belongs to.
pub fn party_of(job: &Job) -> Party {
    Party { owner: job.owner.clone(), user: job.user.clone() }
}

/// Rows, and which backend runs where.
#[derive(Clone)]
pub struct Naive {
    pub rows: Tables,
    pub backends: Vec<(String, Binding)>,
    pub pools: Pools,
    /// Whatever completed at any time: for which backend, in what time, for how much work.
    pub completions: Vec<(String, u64, Option<u64>)>,
    /// What was foretold of the jobs that completed, by backend, and when they did.
    pub forecasts: BTreeMap<String, Vec<(Forecast, Timestamp)>>,
    /// Backends that are suspended, and where; and those that were resumed since they last were.
    pub suspended: BTreeMap<(String, String), String>,
    pub resumed: BTreeSet<String>,
    /// The intents that the command at hand works on.
    pub at_work: VecDeque<u64>,
    pub by: Option<String>,
    pub now: Timestamp,
}

impl Naive {
    pub fn new(rows: Tables, layout: usize) -> Self {
        let mut naive = Self {
            rows,
            backends: Vec::new(),
            pools: Pools::default(),
            completions: Vec::new(),
            forecasts: BTreeMap::new(),
            suspended: BTreeMap::new(),
            resumed: BTreeSet::new(),
            at_work: VecDeque::new(),
            by: None,
            now: 0,
        };
        naive.start(layout);
        naive
    }

    /// What is not durable is gone.
    pub fn start(&mut self, layout: usize) {
        self.rearrange(backends(layout));
        self.suspended.clear();
        self.resumed.clear();
    }

    /// What has not ended, as it arrived.
    pub fn open(&self) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.rows.jobs.values().filter(|job| !job.status.ended()).collect();
        jobs.sort_by_key(|job| job.ticket);
        jobs
    }

    pub fn binding(&self, backend: &str) -> Option<&Binding> {
        self.backends.iter().find(|(name, _)| name == backend).map(|(_, binding)| binding)
    }

    pub fn is_lease(&self, job: &Job) -> bool {
        self.binding(&job.backend).is_some_and(|binding| binding.program == Program::Leased)
    }

    pub fn queued(&self) -> Vec<&Job> {
        self.open().into_iter().filter(|job| job.status == Status::Queued).collect()
    }

    pub fn waiting(&self) -> Vec<&Job> {
        self.open().into_iter().filter(|job| job.status != Status::Processing).collect()
    }

    /// The job that runs as this attempt.
    pub fn running(&self, id: JobId, attempt: u32) -> Option<&Job> {
        self.rows.jobs.get(&id).filter(|job| job.status == Status::Processing && job.attempt == attempt)
    }

    pub fn decide(&mut self, actor: &Actor, command: Command, now: Timestamp) -> Answer {
        self.now = now;
        self.permit(actor, &command)?;
        let silent = matches!(
            command,
            Command::Submit(_)
                | Command::SubmitBatch { .. }
                | Command::CreateMessage(_)
                | Command::PatchMessage { .. }
                | Command::DeleteMessage(_)
        );
        let by = actor.name.clone();
        let upkeep = matches!(command, Command::Prune { .. } | Command::Disk { .. });
        self.by = ((actor.role != Role::Host && !silent) || upkeep).then(|| by.clone());
        let answer = match command {
            Command::Submit(new) => self.submit(*new),
            Command::SubmitBatch { batch, jobs } => self.submit_batch(batch, jobs),
            Command::CancelMany { which } => Ok(self.cancel_many(Which { of: actor.viewer(), ..which }, by)),
            Command::Proceed => {
                self.at_work.extend(self.rows.intents.keys().next());
                Ok(Reply::Done)
            }
            Command::Cancel { job, .. } => self.cancel(job),
            Command::Retry { job, .. } => self.retry(job),
            Command::Delete { job, .. } => self.delete(job),
            Command::Prune { jobs, keys } => Ok(self.prune(jobs, keys)),
            Command::Move { job, to, .. } => self.move_to(job, to),
            Command::Reprioritise { job, priority, .. } => self.reprioritise(job, priority),
            Command::PauseQueue { reason, unload } => Ok(self.pause(Some(Pause { reason, by, since: now, unload }))),
            Command::ResumeQueue => Ok(self.pause(None)),
            Command::Disk { full } => Ok(self.disk(full)),
            Command::PauseDevice { device, reason, unload } => {
                self.pause_device(device, Some(Pause { reason, by, since: now, unload }))
            }
            Command::ResumeDevice { device, .. } => self.pause_device(device, None),
            Command::Turn { device, finished, claim } => {
                finished.into_iter().for_each(|finished| self.finish(*finished));
                self.work();
                Ok(Reply::Turn(if claim { self.claim(&device).map(Box::new) } else { None }))
            }
            Command::Remember { job, attempt, note } => {
                self.remember(job, attempt, note);
                Ok(Reply::Done)
            }
            Command::Settled { device, job, attempt } => {
                self.settle(&device, job, attempt);
                Ok(Reply::Done)
            }
            Command::ClockSet { by } => {
                self.rows.queue.clock.shift += by;
                self.rows.queue.clock.jumps += 1;
                Ok(Reply::Done)
            }
            Command::Due => Ok(self.due()),
            Command::SuspendBackend { backend, device, reason } => self.suspend(backend, device, Some(reason)),
            Command::ResumeBackend { backend, device } => self.suspend(backend, device, None),
            Command::Recover => {
                self.rows.pools = self.pool_rows();
                self.compare_bindings();
                self.recover();
                Ok(Reply::Done)
            }
            Command::CreateMessage(new) => self.create(*new),
            Command::PatchMessage { id, content, extra_metadata } => {
                self.patch(id, content, extra_metadata.unwrap_or_default())
            }
            Command::DeleteMessage(id) => self.forget(id),
        };
        self.work();
        self.derive();
        self.rows.floor = self.open().first().map_or(self.rows.ticket + 1, |job| job.ticket);
        answer
    }

    /// What has been configured otherwise since the last start is told, by name.
    fn compare_bindings(&mut self) {
        let components = self.backends.iter().filter(|(_, binding)| binding.program != Program::Leased);
        let now: Bindings = components
            .map(|(name, b)| (name.clone(), Runs { digest: b.digest().into(), devices: b.devices.clone() }))
            .collect();
        let Some(before) = self.rows.bindings.replace(now.clone()) else { return };
        self.by = Some("configuration".into());
        for name in ["draw", "paint", "sing"] {
            let (runs, ran) = (now.get(name).cloned(), before.get(name).cloned());
            if runs != ran {
                self.say(Body::Binding { backend: name.into(), runs, ran });
            }
        }
        self.by = None;
    }

    fn put(&mut self, mut job: Job, event: Transition) -> Reply {
        (job.seq, job.updated_at) = (self.rows.seq + 1, self.now.max(job.updated_at));
        self.rows.jobs.insert(job.id, job.clone());
        let queue_position = self.position(&job);
        let note = job.message_id.and_then(|id| self.rows.messages.get_mut(&id));
        if let Some(note) = note.filter(|note| note.reporter == Some(job.id)) {
            note.report(&job, queue_position);
        }
        self.say_at(Body::Job { event, job: Arc::new(job.without_params()), queue_position }, job.updated_at);
        self.tell_dependents(job.id, job.status);
        Reply::Job(Arc::new(job), queue_position)
    }

    fn say(&mut self, body: Body) {
        self.say_at(body, self.now);
    }

    fn say_at(&mut self, body: Body, at: Timestamp) {
        self.rows.seq += 1;
        self.rows.events.push(Event { seq: self.rows.seq, at, by: self.by.clone(), body });
        self.rows.shifts.push(self.shift());
    }
}
