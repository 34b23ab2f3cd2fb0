//! A core, a store and the naive model, driven in step.

use std::sync::Arc;

use easel_core::command::{Command, NewJob, NewMessage};
use easel_core::{
    Actor, Cold, Device, Draft, Event, Finished, Job, JobError, JobId, MoveTo, Outcome, Role, State, Status, Timestamp,
    Viewer, Which, decide,
};
use serde_json::json;

use crate::audit::Audit;
use crate::checks::{the_estimates_agree, the_state_agrees};
use crate::common::{
    BACKENDS, LEASES, LIMITS, asks, backends, batch_id, cancel, delete, devices, disk, error, finished, job_id,
    message_id, move_to, new_job, new_message, object, on_device, operator, pause_device, pause_queue, reprioritise,
    resume, resume_device, resume_queue, retry, suspend, unloading,
};
use crate::naive::{Answer, Naive};
use crate::steps::{Boundary, Chosen, Ending, Place, Step, Whom, Whose, Wish};
use crate::tables::{Loaded, Tables};

pub struct World {
    /// What is durable.
    rows: Tables,
    /// What readers see: the state as committed.
    state: State,
    /// The batch in the making.
    draft: Draft,
    loaded: Loaded,
    batch: Vec<(Actor, Command, Timestamp, Answer)>,
    /// Who asks for what clients ask for, until another does.
    client: Actor,
    /// The model, as of the draft and as of the last commit.
    naive: Naive,
    committed: Naive,
    audit: Audit,
    /// Whatever was asked for and claimed at any time, taken back or not.
    jobs: Vec<JobId>,
    claims: Vec<(JobId, u32)>,
    batches: u128,
    now: Timestamp,
    /// Whether a command has outlived a crash.
    pub outlived: bool,
}

impl World {
    pub fn new(layout: usize) -> Self {
        let rows = Tables::new(devices());
        let state = rows.state(backends(layout));
        let naive = Naive::new(rows.clone(), layout);
        let mut world = Self {
            draft: Draft::new(state.clone(), Cold::default()),
            loaded: Loaded::default(),
            batch: Vec::new(),
            client: operator(),
            committed: naive.clone(),
            audit: Audit::default(),
            jobs: Vec::new(),
            claims: Vec::new(),
            batches: 0,
            now: 0,
            outlived: false,
            rows,
            state,
            naive,
        };
        world.take(Step::Recover);
        world.commit();
        world
    }

    /// The durable log.
    pub fn events(&self) -> &[Event] {
        &self.rows.events
    }

    /// What was answered to the batch in the making.
    pub fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.batch.iter().map(|(.., answer)| answer)
    }

    /// Whether anybody knows when anything will start.
    pub fn estimates(&self) -> bool {
        let queued = |job: &&Arc<Job>| job.status == Status::Queued;
        self.state.jobs().filter(queued).any(|job| self.state.estimate(job, self.now, &|_| None).is_some())
    }

    /// Tries one step.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Boundary(Boundary::Commit) => self.commit(),
            Step::Boundary(Boundary::Fail) => self.take_back(),
            Step::Boundary(Boundary::Singly) => self.commit_singly(),
            Step::Boundary(Boundary::Crash(layout)) => self.crash(layout),
            Step::As(client) => self.client = client.actor(),
            Step::Wait(time) => self.now += time,
            // The writer decides that first of all that comes at the new time.
            Step::ClockSet(by) => {
                self.commit();
                self.now += by;
                let set = Command::ClockSet { by };
                let actor = asks(&set);
                let answer = self.ask(&actor, &set, self.now);
                self.batch.push((actor, set, self.now, answer));
                self.commit();
            }
            Step::Run(device) => {
                self.take(Step::Settle { device, whose: Whose::OnDevice(device) });
                let ending = Some(Ending::clean(device, Outcome::Complete));
                self.take(Step::Turn { device, ending, claim: true });
            }
            Step::Blink(device) => {
                let Some(job) = self.naive.rows.devices[device].occupant.as_ref().map(|occupant| occupant.job) else {
                    return;
                };
                self.take(Step::Turn {
                    device,
                    ending: Some(Ending::clean(device, Outcome::Unavailable)),
                    claim: false,
                });
                let backend = self.naive.rows.jobs[&job].backend.clone();
                let backend = BACKENDS.into_iter().find(|name| *name == backend).unwrap();
                self.take(Step::ResumeBackend { backend, device: None, suspended: false });
                self.take(Step::Turn { device, ending: None, claim: true });
            }
            step => {
                let Some(command) = self.command(step) else { return };
                self.now += 1;
                let actor = match asks(&command) {
                    itself if itself.role == Role::Host => itself,
                    _ => self.client.clone(),
                };
                let answer = self.ask(&actor, &command, self.now);
                self.batch.push((actor, command, self.now, answer));
            }
        }
    }

    /// Decides in the core and in the model. What is refused or comes too late leaves no trace.
    fn ask(&mut self, actor: &Actor, command: &Command, now: Timestamp) -> Answer {
        self.rows.load(command, &self.draft.state, &mut self.loaded, &mut self.draft.cold);
        let futile = self.comes_too_late(command);
        let before = (self.draft.changes.len(), self.draft.events.len());
        let answer = decide(&mut self.draft, actor, command.clone(), LIMITS, now);
        assert_eq!(answer, self.naive.decide(actor, command.clone(), now), "{actor:?}: {command:?}");
        if answer.is_err() || futile {
            assert_eq!(before, (self.draft.changes.len(), self.draft.events.len()), "{command:?} left a trace");
        }
        the_state_agrees(&self.draft.state, &self.naive);
        the_estimates_agree(&self.draft.state, &self.naive, now + 3);
        assert!(self.draft.cold.jobs.keys().all(|id| self.draft.state.job(*id).is_none()), "what is open is not cold");
        answer
    }

    fn comes_too_late(&self, command: &Command) -> bool {
        match command {
            Command::Turn { finished: Some(f), claim: false, .. } => self.naive.running(f.job, f.attempt).is_none(),
            Command::Remember { job, attempt, .. } => self.naive.running(*job, *attempt).is_none(),
            _ => false,
        }
    }

    fn commit(&mut self) {
        let before = self.rows.clone();
        self.rows.commit(&self.draft);
        assert_eq!(self.rows, self.naive.rows, "what is durable is what was decided");
        for (_, command, _, answer) in &self.batch {
            self.audit.told(command, answer);
        }
        self.audit.committed(&before, &self.rows);
        self.state = self.draft.state.clone();
        self.committed = self.naive.clone();
        self.begin();
    }

    /// The batch never was: readers of the committed state have seen nothing of it.
    fn take_back(&mut self) {
        self.naive = self.committed.clone();
        the_state_agrees(&self.state, &self.naive);
        self.begin();
    }

    /// A batch comes to what its commands come to one by one.
    fn commit_singly(&mut self) {
        let (together, batch) = (self.draft.events.clone(), std::mem::take(&mut self.batch));
        self.take_back();
        for (actor, command, now, answer) in batch {
            assert_eq!(self.ask(&actor, &command, now), answer);
            self.batch.push((actor, command, now, answer));
            self.commit();
        }
        assert!(self.rows.events.ends_with(&together));
    }

    /// The process dies, and another starts on what is durable.
    pub fn crash(&mut self, layout: usize) {
        self.take_back();
        self.naive.start(layout);
        self.state = self.rows.state(backends(layout));
        the_state_agrees(&self.state, &self.naive);
        self.begin();
        self.take(Step::Recover);
        self.commit();
        let ours = |device: &&Device| device.occupant.as_ref().is_some_and(|occupant| occupant.backend != LEASES);
        assert_eq!(self.rows.devices.values().find(ours), None, "nothing but commands runs after a recovery");
        self.outlived |= self.rows.devices.values().any(|device| device.occupant.is_some());
    }

    fn begin(&mut self) {
        self.draft = Draft::new(self.state.clone(), Cold::default());
        self.loaded = Loaded::default();
        self.batch.clear();
    }

    /// What a step comes to as things are; none if there is nothing that it could hit.
    fn command(&mut self, step: Step) -> Option<Command> {
        let any = |jobs: &Vec<JobId>, index: proptest::sample::Index| (!jobs.is_empty()).then(|| *index.get(jobs));
        Some(match step {
            Step::Submit(wish) => Command::Submit(Box::new(self.wanted(wish, &[]))),
            Step::SubmitBatch(wishes) => {
                self.batches += 1;
                let mut jobs: Vec<NewJob> = Vec::new();
                for wish in wishes {
                    let earlier: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
                    jobs.push(self.wanted(wish, &earlier));
                }
                Command::SubmitBatch { batch: batch_id(self.batches), jobs }
            }
            Step::CancelMany(chosen) => Command::CancelMany { which: self.chosen(chosen) },
            Step::Proceed => Command::Proceed,
            Step::Cancel(index) => cancel(any(&self.jobs, index)?),
            Step::CancelWhatRuns(device) => cancel(self.naive.rows.devices[device].occupant.as_ref()?.job),
            Step::Retry(index) => retry(any(&self.jobs, index)?),
            Step::Delete(index) => delete(any(&self.jobs, index)?),
            Step::DeleteWhatIsUsed(device, index) => {
                let user = self.naive.rows.devices[device].occupant.as_ref()?.job;
                delete(any(&self.naive.rows.jobs[&user].depends_on, index)?)
            }
            Step::Prune(chosen) => {
                let proposed = || self.rows.remains.values().map(|remains| remains.job).collect();
                let jobs = chosen.map_or_else(proposed, |chosen| {
                    chosen.into_iter().filter_map(|index| any(&self.jobs, index)).collect()
                });
                Command::Prune { jobs, keys: self.rows.orphans.values().cloned().collect() }
            }
            Step::Disk(full) => disk(full.then_some("no room")),
            Step::Move { job, queued, to } => {
                // Mostly what is queued, for only that can be moved.
                let waiting: Vec<JobId> = self.naive.queued().into_iter().map(|job| job.id).collect();
                let other = |index| any(&waiting, index).or_else(|| any(&self.jobs, index));
                let to = match to {
                    Place::Front => MoveTo::Front,
                    Place::Back => MoveTo::Back,
                    Place::Before(index) => MoveTo::Before(other(index)?),
                };
                move_to(if queued { other(job)? } else { any(&self.jobs, job)? }, to)
            }
            Step::Reprioritise { job, priority } => reprioritise(any(&self.jobs, job)?, priority),
            Step::Pause { device: None, reason, unload } => unloading(pause_queue(reason), unload),
            Step::Pause { device: Some(device), reason, unload } => unloading(pause_device(device, reason), unload),
            Step::Resume { device: None } => resume_queue(),
            Step::Resume { device: Some(device) } => resume_device(device),
            Step::Turn { device, ending, claim } => {
                let finished = ending.and_then(|ending| self.ended(ending)).map(Box::new);
                Command::Turn { device: device.into(), finished, claim }
            }
            Step::Remember(whose) => {
                let (job, attempt) = self.attempt(&whose)?;
                Command::Remember { job, attempt, note: format!("note {}", self.now) }
            }
            Step::Settle { device, whose } => {
                let (job, attempt) = self.attempt(&whose)?;
                Command::Settled { device: device.into(), job, attempt }
            }
            Step::Recover => Command::Recover,
            Step::Due => Command::Due,
            Step::SuspendBackend { backend, device, reason } => on_device(suspend(backend, reason), device),
            Step::ResumeBackend { backend, device, suspended } => {
                match self.naive.suspended.keys().next().filter(|_| suspended) {
                    Some((backend, suspended)) => on_device(resume(backend), device.map(|_| suspended.as_str())),
                    None => on_device(resume(backend), device),
                }
            }
            Step::CreateMessage(id) => {
                Command::CreateMessage(Box::new(NewMessage { party: Whom::of(id).party(), ..new_message(id) }))
            }
            Step::PatchMessage { id, content, extra } => {
                let extra_metadata = extra.map(|n| if n == 0 { serde_json::Map::new() } else { object("n", json!(n)) });
                Command::PatchMessage { id: message_id(id), content, extra_metadata }
            }
            Step::DeleteMessage(id) => Command::DeleteMessage(message_id(id)),
            Step::As(_) | Step::Wait(_) | Step::ClockSet(_) | Step::Run(_) | Step::Blink(_) | Step::Boundary(_) => {
                return None;
            }
        })
    }

    fn wanted(&mut self, wish: Wish, earlier: &[JobId]) -> NewJob {
        // Mostly something that it may depend on.
        let party = wish.whose.party();
        let own = self.naive.rows.jobs.values().filter(|job| job.party() == party).map(|job| job.id);
        let own: Vec<JobId> = own.chain(earlier.iter().copied()).collect();
        let pick = |index: &proptest::sample::Index| {
            let any = if index.index(10) > 0 && !own.is_empty() { &own } else { &self.jobs };
            (!any.is_empty()).then(|| *index.get(any))
        };
        let depends_on = wish.depends_on.iter().filter_map(pick).collect();
        let n = self.jobs.len() as u128;
        self.jobs.push(job_id(n));
        NewJob {
            backend: wish.backend.into(),
            party,
            priority: wish.priority,
            key: wish.key.map(|(key, digest)| (key.into(), digest.into())),
            message_id: wish.message.map(message_id),
            conversation_id: wish.conversation.map(Into::into),
            max_attempts: wish.max_attempts,
            not_before: wish.not_before.map(|wait| self.now + wait),
            timeout_s: Some(n as u32),
            depends_on,
            on_dependency_failure: wish.on_dependency_failure,
            work: wish.work,
            ..new_job(n)
        }
    }

    fn chosen(&self, chosen: Chosen) -> Which {
        let id = |index: proptest::sample::Index| (!self.jobs.is_empty()).then(|| *index.get(&self.jobs));
        let some = |name: Option<&'static str>| name.map(Into::into).into_iter().collect();
        Which {
            ids: chosen.ids.into_iter().filter_map(id).collect(),
            batches: chosen
                .batch
                .map(|index| batch_id(index.index(self.batches as usize + 1) as u128))
                .into_iter()
                .collect(),
            owners: some(chosen.owner),
            users: some(chosen.user),
            conversations: some(chosen.conversation),
            messages: chosen.message.map(message_id).into_iter().collect(),
            backends: some(chosen.backend),
            statuses: chosen.status.into_iter().collect(),
            of: Viewer::Everything,
        }
    }

    fn ended(&mut self, ending: Ending) -> Option<Finished> {
        let (job, attempt) = self.attempt(&ending.whose)?;
        Some(Finished {
            clean: ending.clean,
            progress: ending.progress,
            took: ending.took,
            error: ending.error.map(|(kind, retryable)| JobError { retryable, ..error(kind, "it failed") }),
            retry_after_ms: ending.retry_after_ms,
            ..finished(job, attempt, ending.outcome)
        })
    }

    fn attempt(&mut self, whose: &Whose) -> Option<(JobId, u32)> {
        let devices = self.naive.rows.devices.values();
        self.claims.extend(
            devices.filter_map(|device| device.occupant.as_ref()).map(|occupant| (occupant.job, occupant.attempt)),
        );
        self.claims.sort();
        self.claims.dedup();
        let any = |index: &proptest::sample::Index| (!self.claims.is_empty()).then(|| *index.get(&self.claims));
        match whose {
            Whose::OnDevice(name) => {
                self.naive.rows.devices[*name].dirty.as_ref().map(|dirty| (dirty.job, dirty.attempt))
            }
            Whose::Any(index) => any(index),
            Whose::Never(index) => any(index).map(|(job, attempt)| (job, attempt + 1)),
        }
    }
}
