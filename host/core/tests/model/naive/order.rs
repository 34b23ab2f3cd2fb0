//! Order and pauses, on rows: every line is sorted whenever it is asked for, every tag is looked up among all rows.

use std::collections::BTreeSet;

use easel_core::order::{self, TURN, Tag};
use easel_core::{
    Body, Job, JobId, MoveTo, Party, Pause, Queue, Rank, Refusal, Reply, Share, Status, Ticket, Transition,
};

use super::{Answer, Naive, party_of};
use crate::common::LIMITS;

impl Naive {
    /// The jobs that are queued for a device, by rank.
    fn ranked(&self, device: &str) -> Vec<&Job> {
        let here = |job: &&Job| self.binding(&job.backend).is_some_and(|binding| binding.device == device);
        sorted(self.queued().into_iter().filter(here).collect())
    }

    /// The line of a device, in order: what is held comes last.
    pub fn line(&self, device: &str) -> Vec<&Job> {
        let (held, mut line): (Vec<_>, Vec<_>) = self.ranked(device).into_iter().partition(|job| self.is_held(job));
        line.extend(held);
        line
    }

    pub fn is_held(&self, job: &Job) -> bool {
        self.held.contains_key(&job.backend)
    }

    /// What a job waits for.
    pub fn why(&self, job: &Job) -> Option<&'static str> {
        let waits = job.status == Status::Pending || job.status == Status::Queued;
        let binding = self.binding(&job.backend);
        let device = binding.map(|binding| &self.rows.devices[&binding.device]);
        Some(match device {
            _ if !waits => return None,
            None => "backend",
            Some(_) if job.status == Status::Pending && self.blocked(job) => "dependency",
            Some(_) if job.status == Status::Pending => {
                if job.retry_at.is_some() {
                    "retry"
                } else {
                    "time"
                }
            }
            Some(device) if self.stands() || device.paused.is_some() => "paused",
            Some(_) if self.is_held(job) => "backend",
            Some(device) if device.occupant.is_none() && device.dirty.is_some() => "device",
            Some(_) => "turn",
        })
    }

    /// Those who take turns on a device now.
    pub fn parties(&self, device: &str) -> BTreeSet<Party> {
        self.line(device).into_iter().filter(|job| !self.is_held(job)).map(party_of).collect()
    }

    pub fn position(&self, job: &Job) -> u64 {
        let line = match self.binding(&job.backend) {
            Some(binding) => self.line(&binding.device),
            None => sorted(self.queued().into_iter().filter(|other| other.backend == job.backend).collect()),
        };
        line.iter().position(|other| other.id == job.id).map_or(0, |before| before as u64 + 1)
    }

    /// Gives a job its turn.
    pub(super) fn line_up(&self, job: &mut Job) {
        let (device, party) = (&self.binding(&job.backend).unwrap().device, party_of(job));
        let waiting = self.ranked(device).into_iter().filter(|other| party_of(other) == party).map(|other| other.tag);
        let clock = self.rows.devices[device].clock;
        let claimed = self.claims.iter().filter(|claim| (&claim.0, &claim.1) == (device, &party)).map(|claim| claim.2);
        job.tag = waiting.chain(claimed).chain([clock]).max().unwrap() + TURN;
        job.rank = by_priority(job);
    }

    /// What a claim does to the clock of a device; the job is in its line still.
    pub(super) fn tick(&mut self, name: &str, job: &Job) {
        let parties = self.parties(name);
        self.claims.push((name.into(), party_of(job), job.tag));
        let device = self.rows.devices.get_mut(name).unwrap();
        device.clock += TURN / parties.len() as Tag;
        let of = |party: &Party| {
            let claims = self.claims.iter().filter(|claim| claim.0 == name && claim.1 == *party);
            Share { party: party.clone(), tag: claims.map(|claim| claim.2).max().unwrap() }
        };
        let everybody: BTreeSet<&Party> = self.claims.iter().filter(|claim| claim.0 == name).map(|c| &c.1).collect();
        device.shares = everybody.into_iter().map(of).filter(|share| share.tag > device.clock).collect();
        device.shares.sort_by_key(|share| std::cmp::Reverse(share.tag));
    }

    pub(super) fn move_to(&mut self, id: JobId, to: MoveTo) -> Answer {
        let mut job = self.rows.jobs.get(&id).ok_or(Refusal::NoJob(id))?.clone();
        if job.status != Status::Queued {
            return self.unfit(&job, "only a queued job has a place in line");
        }
        let device = self.binding(&job.backend).ok_or(Refusal::NoBackend(job.backend.clone()))?.device.clone();
        let line = self.ranked(&device);
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
        job.rank = new_place(&others, at, job.ticket);
        let reply = self.put(job, Transition::Moved);
        assert!(self.ranked(&device).iter().map(|job| job.id).eq(expected), "it stands where it was to stand");
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
        if !job.rank.0.is_empty() {
            job.rank = by_priority(&job);
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

    pub(super) fn guard(&mut self, full: Option<String>) -> Reply {
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

fn sorted(mut jobs: Vec<&Job>) -> Vec<&Job> {
    jobs.sort_by_key(|job| (&job.rank, job.ticket));
    jobs
}

/// The key and the ticket, so that they sort as text.
fn by_priority(job: &Job) -> Rank {
    let places = i128::from(job.priority) * i128::from(LIMITS.priority_worth) * i128::from(TURN);
    Rank(format!("{:016x}{:016x}", i128::from(job.tag) - places + (1 << 63), job.ticket))
}

fn new_place(others: &[&Job], at: usize, ticket: Ticket) -> Rank {
    match (at.checked_sub(1).map(|before| &others[before].rank), others.get(at).map(|job| &job.rank)) {
        (Some(low), Some(high)) => order::between(low, high, ticket),
        (None, Some(high)) => order::before_first(high, ticket),
        (Some(low), None) => order::after_last(low, ticket),
        (None, None) => unreachable!("alone in line, a job stays where it is"),
    }
}
