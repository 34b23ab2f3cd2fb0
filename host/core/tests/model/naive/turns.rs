//! What devices do, on rows.

use easel_core::{
    Attempt, Claimed, Device, ErrorKind, Finished, Job, JobId, Occupant, Outcome, Reply, Status, Transition,
};

use super::Naive;
use crate::common::error;

/// The sentence of a job that no attempt survived.
const LOST: &str = "Easel was stopped or crashed during each attempt at this job.";

impl Naive {
    pub(super) fn claim(&mut self, name: &str) -> Option<Claimed> {
        let Device { live: None, dirty: None, paused: None, .. } = &self.rows.devices[name] else { return None };
        if self.rows.queue.paused.is_some() {
            return None;
        }
        let mut job: Job = (*self.line(name).first()?).clone();
        self.tick(name, &job);
        let digest = self.binding(&job.backend)?.digest.clone();
        job.status = Status::Processing;
        job.device = Some(name.into());
        job.attempt += 1;
        (job.started_at, job.progress) = (Some(self.now), 0);
        let (number, backend_digest, started_at) = (job.attempt, digest.clone(), self.now);
        job.attempts.push(Attempt {
            number,
            charged: false,
            backend_digest,
            started_at,
            ended_at: None,
            outcome: None,
            error: None,
        });
        job.attempts.drain(..job.attempts.len().saturating_sub(20));
        let (backend, since) = (job.backend.clone(), self.now);
        let occupant =
            Occupant { job: job.id, attempt: job.attempt, backend, digest: digest.clone(), since, note: None };
        let device = self.rows.devices.get_mut(name).unwrap();
        (device.live, device.dirty) = (Some(occupant.clone()), Some(occupant));
        let Reply::Job(job, _) = self.put(job, Transition::Started) else { unreachable!() };
        Some(Claimed { job, digest })
    }

    pub(super) fn finish(&mut self, finished: Finished) {
        let Some(mut job) = self.running(finished.job, finished.attempt).cloned() else { return };
        let device = self.rows.devices.get_mut(job.device.as_ref().unwrap()).unwrap();
        device.live = None;
        device.dirty = device.dirty.take().filter(|_| !finished.clean);

        let outcome = if job.cancel_requested { Outcome::Cancelled } else { finished.outcome };
        let charged = outcome != Outcome::Interrupted && outcome != Outcome::Unavailable;
        let error_of_attempt = finished.error.filter(|_| outcome != Outcome::Complete && outcome != Outcome::Cancelled);
        let attempt = job.attempts.last_mut().unwrap();
        (attempt.outcome, attempt.charged, attempt.ended_at) = (Some(outcome), charged, Some(self.now));
        attempt.error = error_of_attempt.clone();
        job.attempts_used += u32::from(charged);

        if outcome == Outcome::Lost && job.attempts_used < job.max_attempts {
            (job.status, job.progress) = (Status::Pending, 0);
            self.put(job.clone(), Transition::Retrying);
            (job.status, job.queued_at) = (Status::Queued, Some(self.now));
            self.put(job, Transition::Queued);
            return;
        }
        if outcome == Outcome::Interrupted {
            (job.status, job.progress, job.queued_at) = (Status::Queued, 0, Some(self.now));
            self.put(job, Transition::Interrupted);
            return;
        }
        (job.ended_at, job.progress) = (Some(self.now), finished.progress);
        let event = match outcome {
            Outcome::Complete => {
                (job.status, job.progress) = (Status::Complete, 100);
                (job.result, job.artifacts) = (finished.result, finished.artifacts);
                Transition::Completed
            }
            Outcome::Cancelled => {
                job.status = Status::Cancelled;
                Transition::Cancelled
            }
            _ => {
                job.status = Status::Error;
                job.error = error_of_attempt.or_else(|| Some(error(ErrorKind::Lost, LOST)));
                Transition::Failed
            }
        };
        self.put(job, event);
    }

    pub(super) fn remember(&mut self, id: JobId, attempt: u32, note: String) {
        let Some(mut job) = self.running(id, attempt).cloned() else { return };
        let device = self.rows.devices.get_mut(job.device.as_ref().unwrap()).unwrap();
        device.live.as_mut().unwrap().note = Some(note.clone());
        device.dirty.as_mut().unwrap().note = Some(note.clone());
        job.note = Some(note);
        self.rows.jobs.insert(id, job);
    }

    pub(super) fn settle(&mut self, device: &str, job: JobId, attempt: u32) {
        let device = self.rows.devices.get_mut(device).unwrap();
        if device.live.is_none()
            && device.dirty.as_ref().is_some_and(|dirty| (dirty.job, dirty.attempt) == (job, attempt))
        {
            device.dirty = None;
        }
    }

    pub(super) fn recover(&mut self) {
        let running = self.live().into_iter().filter(|job| job.status == Status::Processing);
        let lost: Vec<Finished> = running.map(lost).collect();
        lost.into_iter().for_each(|lost| self.finish(lost));
    }
}

/// What a crash makes of an attempt.
fn lost(job: &Job) -> Finished {
    let (job, attempt) = (job.id, job.attempt);
    let (outcome, clean, progress) = (Outcome::Lost, false, 0);
    Finished { job, attempt, outcome, clean, progress, result: None, artifacts: Vec::new(), error: None }
}
