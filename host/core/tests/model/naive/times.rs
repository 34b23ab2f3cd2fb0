//! What is for later, and what is away, on rows.

use easel_core::{Body, Forecast, Job, Refusal, Reply, Status, Timestamp, Transition};

use super::{Answer, Naive};
use crate::common::LIMITS;

impl Naive {
    /// When each pending job goes on, the earliest first.
    pub fn dues(&self) -> Vec<(Timestamp, &Job)> {
        let pending = self.open().into_iter().filter(|job| job.status == Status::Pending);
        let bound = pending.filter(|job| self.binding(&job.backend).is_some() && !self.blocked(job));
        let mut dues: Vec<_> = bound.map(|job| (self.due_at(job).unwrap_or(Timestamp::MIN), job)).collect();
        dues.sort_by_key(|(at, job)| (*at, job.ticket));
        dues
    }

    pub(super) fn due(&mut self) -> Reply {
        let due = self.dues().into_iter().filter(|(at, _)| *at <= self.now).map(|(_, job)| job.clone());
        let due = due.take(LIMITS.slice);
        for mut job in due.collect::<Vec<_>>() {
            self.stand(&mut job);
            self.put(job, Transition::Queued);
        }
        Reply::Done
    }

    /// In line: at its rank, if it has one.
    pub(super) fn stand(&mut self, job: &mut Job) {
        let first = job.rank.is_none();
        if first {
            self.line_up(job);
        }
        (job.status, job.retry_at, job.queued_at) = (Status::Queued, None, Some(self.now.max(job.updated_at)));
        job.shifts.retry = 0;
        if first {
            self.rows.jobs.insert(job.id, job.clone());
            let expected = self.estimate(job, self.now, None);
            job.forecast =
                expected.map(|(_, end)| Forecast { made_at: self.now, end, jumps: self.rows.queue.clock.jumps });
        }
    }

    /// Whether a pending job has waited long enough.
    pub(super) fn is_due(&self, job: &Job) -> bool {
        let lined = job.rank.is_some() || self.binding(&job.backend).is_some();
        lined && self.due_at(job).is_none_or(|at| at <= self.now)
    }

    /// Whoever pauses goes by a clock that nobody sets, whoever asked for a time by the one on the wall.
    fn due_at(&self, job: &Job) -> Option<Timestamp> {
        let pause = job.retry_at.map(|at| at - job.shifts.retry + self.shift());
        pause.or(job.not_before.filter(|_| job.rank.is_none()))
    }

    /// How far the clock on the wall has been set.
    pub(super) fn shift(&self) -> Timestamp {
        self.rows.queue.clock.shift
    }

    /// What it would say if nobody had.
    pub(super) fn own(&self) -> Timestamp {
        self.now - self.shift()
    }

    pub(super) fn end(&self, job: &mut Job) {
        (job.ended_at, job.shifts.ended) = (Some(self.now.max(job.updated_at)), self.shift());
        (job.retry_at, job.shifts.retry) = (None, 0);
    }

    /// Where no device is named, or it is not one of several, it is about all of them.
    pub(super) fn suspend(&mut self, backend: String, device: Option<String>, reason: Option<String>) -> Answer {
        let all = match self.binding(&backend) {
            Some(binding) => binding.devices.clone(),
            None if reason.is_some() => return Err(Refusal::NoBackend(backend)),
            None => return Ok(Reply::Done),
        };
        let device = device.filter(|device| all.len() > 1 && all.contains(device));
        let devices: Vec<String> = device.iter().cloned().chain(all.into_iter().filter(|_| device.is_none())).collect();
        let here = |device: &String| (backend.clone(), device.clone());
        if devices.iter().all(|device| self.suspended.get(&here(device)) == reason.as_ref()) {
            return Ok(Reply::Done);
        }
        match &reason {
            Some(reason) => {
                self.resumed.remove(&backend);
                self.suspended.extend(devices.iter().map(|device| (here(device), reason.clone())));
            }
            None => {
                self.resumed.insert(backend.clone());
                devices.iter().for_each(|device| _ = self.suspended.remove(&here(device)));
            }
        }
        self.say_backend(backend, device, reason);
        Ok(Reply::Done)
    }

    /// The row of the queue knows what was said last.
    pub(super) fn say_backend(&mut self, backend: String, device: Option<String>, suspended: Option<String>) {
        self.rows.queue.suspended.retain(|other| *other != backend);
        let still = suspended.is_some() || self.suspended.keys().any(|(name, _)| *name == backend);
        self.rows.queue.suspended.extend(still.then(|| backend.clone()));
        self.say(Body::Backend { name: backend, suspended, device });
    }
}
