//! What is for later, and what is away, on rows.

use easel_core::{Body, Job, Refusal, Reply, Status, Timestamp, Transition};

use super::{Answer, Naive};

impl Naive {
    /// When each pending job goes on, the earliest first.
    pub fn dues(&self) -> Vec<(Timestamp, &Job)> {
        let pending = self.live().into_iter().filter(|job| job.status == Status::Pending);
        let bound = pending.filter(|job| self.binding(&job.backend).is_some());
        let mut dues: Vec<_> = bound.map(|job| (job.retry_at.or(job.not_before).unwrap(), job)).collect();
        dues.sort_by_key(|(at, job)| (*at, job.ticket));
        dues
    }

    pub(super) fn due(&mut self) -> Reply {
        let due = self.dues().into_iter().filter(|(at, _)| *at <= self.now).map(|(_, job)| job.clone());
        for mut job in due.collect::<Vec<_>>() {
            self.stand(&mut job);
            self.put(job, Transition::Queued);
        }
        Reply::Done
    }

    /// In line: at its rank, if it has one.
    pub(super) fn stand(&mut self, job: &mut Job) {
        if job.rank.0.is_empty() {
            self.line_up(job);
        }
        (job.status, job.retry_at, job.queued_at) = (Status::Queued, None, Some(self.now));
    }

    /// In line, unless it is for later.
    pub(super) fn arrived(&mut self, mut job: Job) -> Reply {
        if let Some(note) = job.message_id.and_then(|id| self.rows.messages.get_mut(&id)) {
            note.reporter = Some(job.id);
        }
        if job.not_before.is_some_and(|at| at > self.now) {
            job.status = Status::Pending;
            return self.put(job, Transition::Pending);
        }
        self.stand(&mut job);
        self.put(job, Transition::Queued)
    }

    pub(super) fn hold(&mut self, backend: String, reason: Option<String>) -> Answer {
        if reason.is_some() && self.binding(&backend).is_none() {
            return Err(Refusal::NoBackend(backend));
        }
        if self.held.get(&backend) != reason.as_ref() {
            match reason.clone() {
                Some(reason) => {
                    self.released.remove(&backend);
                    self.held.insert(backend.clone(), reason);
                }
                None => {
                    self.released.insert(backend.clone());
                    self.held.remove(&backend);
                }
            }
            self.say(Body::Backend { name: backend, held: reason });
        }
        Ok(Reply::Done)
    }
}
