//! Order and pauses, on rows: every line is sorted whenever it is asked for, every tag is looked up among all rows.

use std::collections::BTreeSet;

use easel_core::order::{self, TURN};
use easel_core::{
    Body, Job, JobId, MoveTo, Party, Pause, Queue, Rank, Refusal, Reply, Status, Tag, Ticket, Transition,
};

use super::{Answer, Naive, party_of};
use crate::common::LIMITS;

impl Naive {
    /// The jobs that are queued in a pool, by rank.
    pub fn ranked(&self, pool: &BTreeSet<String>) -> Vec<&Job> {
        let here = |job: &&Job| self.pool_of(&job.backend).as_ref() == Some(pool);
        self.sorted(self.queued().into_iter().filter(here).collect())
    }

    fn sorted<'a>(&self, mut jobs: Vec<&'a Job>) -> Vec<&'a Job> {
        jobs.sort_by_key(|job| (self.rank(job), job.ticket));
        jobs
    }

    /// Its rank by the clock of its pool.
    fn rank(&self, job: &Job) -> Rank {
        order::shifted(job.rank.as_ref().unwrap(), self.origin(&job.backend))
    }

    /// What a device can run, in order: what is suspended there comes last.
    pub fn line(&self, device: &str) -> Vec<&Job> {
        let jobs = self.ranked(&self.pool(device)).into_iter();
        let (suspended, mut line): (Vec<_>, Vec<_>) =
            jobs.filter(|job| self.devices_of(job).contains(device)).partition(|job| self.suspended_on(job, device));
        line.extend(suspended);
        line
    }

    /// The line of a pool, in order: what is suspended everywhere comes last.
    pub fn line_of(&self, pool: &BTreeSet<String>) -> Vec<&Job> {
        let (suspended, mut line): (Vec<_>, Vec<_>) =
            self.ranked(pool).into_iter().partition(|job| self.is_suspended(job));
        line.extend(suspended);
        line
    }

    fn devices_of(&self, job: &Job) -> BTreeSet<String> {
        self.binding(&job.backend).map(|binding| binding.devices.clone()).unwrap_or_default()
    }

    /// Whether a device does not claim it.
    pub fn suspended_on(&self, job: &Job, device: &str) -> bool {
        self.suspended.contains_key(&(job.backend.clone(), device.to_owned()))
    }

    /// Whether none does.
    pub fn is_suspended(&self, job: &Job) -> bool {
        self.devices_of(job).iter().all(|device| self.suspended_on(job, device))
    }

    /// The devices that are nearest to running it: first those that would, then those that are paused, then those where it is
    /// suspended.
    pub fn serving(&self, job: &Job) -> Vec<String> {
        let rank = |device: &&String| (self.suspended_on(job, device), self.rows.devices[*device].paused.is_some());
        let devices = self.devices_of(job);
        let best = devices.iter().map(|device| rank(&device)).min();
        devices.iter().filter(|device| Some(rank(device)) == best).cloned().collect()
    }

    /// What a job waits for.
    pub fn why(&self, job: &Job) -> Option<&'static str> {
        let waits = job.status == Status::Pending || job.status == Status::Queued;
        let serving: Vec<_> = self.serving(job).into_iter().map(|device| &self.rows.devices[&device]).collect();
        Some(match job.status {
            _ if !waits => return None,
            _ if serving.is_empty() => "backend",
            Status::Pending if self.blocked(job) => "dependency",
            Status::Pending if job.retry_at.is_some() => "retry",
            Status::Pending => "time",
            _ if self.stands() || serving[0].paused.is_some() => "paused",
            _ if self.is_suspended(job) => "backend",
            _ if serving.iter().all(|device| device.occupant.is_none() && device.dirty.is_some()) => "device",
            _ => "turn",
        })
    }

    /// Those who take turns in a pool now.
    pub fn parties(&self, pool: &BTreeSet<String>) -> BTreeSet<Party> {
        self.ranked(pool).into_iter().filter(|job| !self.is_suspended(job)).map(party_of).collect()
    }

    pub fn position(&self, job: &Job) -> u64 {
        let place = |line: Vec<&Job>| line.iter().position(|other| other.id == job.id).map_or(0, |at| at as u64 + 1);
        let places = self.serving(job).into_iter().map(|device| place(self.line(&device)));
        places.min().unwrap_or_else(|| {
            place(self.sorted(self.queued().into_iter().filter(|other| other.backend == job.backend).collect()))
        })
    }

    /// Gives a job its turn.
    pub(super) fn line_up(&self, job: &mut Job) {
        let (pool, party) = (self.pool_of(&job.backend).unwrap(), party_of(job));
        let device = pool.first().unwrap();
        let waiting = self.ranked(&pool).into_iter().filter(|other| party_of(other) == party);
        let waiting = waiting.map(|other| self.tag(other));
        let claimed = self.pools.claims[device].iter().filter(|claim| claim.0 == party).map(|claim| claim.1);
        let last = waiting.chain(claimed).chain([self.pools.clocks[device]]).max().unwrap();
        job.tag = last + TURN - self.origin(&job.backend);
        job.rank = Some(by_priority(job));
    }

    /// What a claim does to the clock of a pool; the job is in its line still.
    pub(super) fn tick(&mut self, device: &str, job: &Job) {
        let pool = self.pool(device);
        let (parties, tag) = (self.parties(&pool).len(), self.tag(job));
        for device in &pool {
            self.pools.claims.get_mut(device).unwrap().push((party_of(job), tag));
            *self.pools.clocks.get_mut(device).unwrap() += TURN / parties as Tag;
        }
        let name = pool.first().unwrap().clone();
        let row = self.pool_rows().remove(&name).unwrap();
        self.rows.pools.insert(name, row);
    }

    pub(super) fn move_to(&mut self, id: JobId, to: MoveTo) -> Answer {
        let mut job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        if job.status != Status::Queued {
            return self.unfit(&job, "only a queued job has a place in line");
        }
        let pool = self.pool_of(&job.backend).ok_or(Refusal::NoBackend(job.backend.clone()))?;
        let line = self.ranked(&pool);
        let others: Vec<&Job> = line.iter().copied().filter(|other| other.id != id).collect();
        let at = match to {
            MoveTo::Front => 0,
            MoveTo::Back => others.len(),
            MoveTo::Before(other) if other == id => line.iter().position(|j| j.id == id).unwrap(),
            MoveTo::Before(other) => {
                let next = self.rows.jobs.get(&other).ok_or(Refusal::NoJob(other))?;
                if next.status != Status::Queued {
                    return self.unfit(next, "only a queued job has a place in line");
                }
                let here = others.iter().position(|j| j.id == other);
                here.ok_or(Refusal::OtherLine { job: id, before: other })?
            }
        };
        if line[at].id == id {
            let place = self.position(&job);
            return Ok(Reply::Job(job.into(), place));
        }
        let mut expected: Vec<JobId> = others.iter().map(|job| job.id).collect();
        expected.insert(at, id);
        let ranks: Vec<Rank> = others.iter().map(|other| self.rank(other)).collect();
        job.rank = Some(order::shifted(&new_place(&ranks, at, job.ticket), -self.origin(&job.backend)));
        let reply = self.put(job, Transition::Moved);
        assert!(self.ranked(&pool).iter().map(|job| job.id).eq(expected), "it stands where it was to stand");
        Ok(reply)
    }

    pub(super) fn reprioritise(&mut self, id: JobId, priority: i32) -> Answer {
        let mut job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        if !(-100..=100).contains(&priority) {
            return Err(Refusal::BadPriority(priority));
        }
        if job.status.ended() || job.status == Status::Processing {
            return self.unfit(&job, "only a job that is pending or queued can be given another priority");
        }
        if job.priority == priority {
            let place = self.position(&job);
            return Ok(Reply::Job(job.into(), place));
        }
        job.priority = priority;
        if job.rank.is_some() {
            job.rank = Some(by_priority(&job));
        }
        Ok(self.put(job, Transition::Moved))
    }

    pub(super) fn pause(&mut self, paused: Option<Pause>) -> Reply {
        if said(&self.rows.queue.paused) != said(&paused) {
            self.rows.queue.paused = paused;
            self.say_queue();
        }
        Reply::Done
    }

    pub(super) fn disk(&mut self, full: Option<String>) -> Reply {
        if self.rows.queue.full.is_some() != full.is_some() {
            let by = "easel".to_owned();
            self.rows.queue.full =
                full.map(|reason| Pause { reason: Some(reason), by, since: self.now, unload: false });
            self.say_queue();
        }
        Reply::Done
    }

    pub(super) fn stands(&self) -> bool {
        self.rows.queue.paused.is_some() || self.rows.queue.full.is_some()
    }

    fn say_queue(&mut self) {
        let Queue { paused, full, .. } = self.rows.queue.clone();
        let length = self.queued().len() as u64;
        self.say(Body::Queue { paused: paused.or(full), length });
    }

    pub(super) fn pause_device(&mut self, name: String, paused: Option<Pause>) -> Answer {
        let device = self.rows.devices.get_mut(&name).ok_or(Refusal::NoDevice(name.clone()))?;
        if said(&device.paused) != said(&paused) {
            device.paused = paused.clone();
            self.say(Body::Device { name, paused });
        }
        Ok(Reply::Done)
    }
}

fn said(pause: &Option<Pause>) -> Option<(&Option<String>, &String, bool)> {
    pause.as_ref().map(|pause| (&pause.reason, &pause.by, pause.unload))
}

/// The key and the ticket, so that they sort as text.
fn by_priority(job: &Job) -> Rank {
    let places = i128::from(job.priority) * i128::from(LIMITS.priority_worth) * i128::from(TURN);
    Rank(format!("{:016x}{:016x}", i128::from(job.tag) - places + (1 << 63), job.ticket))
}

fn new_place(others: &[Rank], at: usize, ticket: Ticket) -> Rank {
    match (at.checked_sub(1).map(|before| &others[before]), others.get(at)) {
        (Some(low), Some(high)) => order::between(low, high, ticket),
        (None, Some(high)) => order::before_first(high, ticket),
        (Some(low), None) => order::after_last(low, ticket),
        (None, None) => unreachable!("alone in line, a job stays where it is"),
    }
}
