//! What devices do, on rows.

use easel_core::state::Binding;
use easel_core::{
    Attempt, Claimed, Device, ErrorKind, Finished, Job, JobError, JobId, Occupant, Outcome, Reply, Status, Transition,
    policy,
};

use super::Naive;
use crate::common::error;

/// The sentence of a job that no attempt survived.
const LOST: &str = "Easel was stopped or crashed during each attempt at this job.";

impl Naive {
    pub(super) fn claim(&mut self, name: &str) -> Option<Claimed> {
        let Device { occupant: None, dirty: None, paused: None, .. } = &self.rows.devices[name] else { return None };
        if self.stands() {
            return None;
        }
        let mut job: Job = self.line(name).into_iter().find(|job| !self.suspended_on(job, name))?.clone();
        let last_error = job.attempts.last().and_then(|attempt| attempt.error.clone());
        self.tick(name, &job);
        let digest = self.binding(&job.backend)?.digest().to_owned();
        job.status = Status::Processing;
        job.device = Some(name.into());
        job.attempt += 1;
        let told = self.now.max(job.updated_at);
        (job.started_at, job.progress) = (Some(told), 0);
        let (number, backend_digest, started_at) = (job.attempt, digest.clone(), told);
        job.attempts.push(Attempt {
            number,
            charged: false,
            backend_digest,
            started_at,
            ended_at: None,
            took: None,
            outcome: None,
            error: None,
        });
        job.attempts.drain(..job.attempts.len().saturating_sub(20));
        let (backend, since, shift) = (job.backend.clone(), self.now, self.shift());
        let occupant =
            Occupant { job: job.id, attempt: job.attempt, backend, digest: digest.clone(), since, shift, note: None };
        let device = self.rows.devices.get_mut(name).unwrap();
        (device.occupant, device.dirty) = (Some(occupant.clone()), Some(occupant));
        let Reply::Job(job, _) = self.put(job, Transition::Started) else { unreachable!() };
        let unload_first = last_error.is_some_and(|error| error.kind == ErrorKind::OutOfMemory);
        Some(Claimed { job, digest, unload_first })
    }

    pub(super) fn finish(&mut self, finished: Finished) {
        let Some(mut job) = self.running(finished.job, finished.attempt).cloned() else { return };
        let device = self.rows.devices.get_mut(job.device.as_ref().unwrap()).unwrap();
        device.occupant = None;
        device.dirty = device.dirty.take().filter(|_| !finished.clean);

        let outcome = if job.cancel_requested { Outcome::Cancelled } else { finished.outcome };
        let error_of_attempt = finished.error.filter(|_| outcome != Outcome::Complete && outcome != Outcome::Cancelled);
        let mut free = outcome == Outcome::Interrupted;
        if outcome == Outcome::Unavailable {
            let again = job.unavailable_in_a_row == 0 || self.resumed.contains(&job.backend);
            job.unavailable_in_a_row += u32::from(again);
            free = job.unavailable_in_a_row < 3;
        }
        if outcome != Outcome::Unavailable || !free {
            job.unavailable_in_a_row = 0;
        }
        let attempt = job.attempts.last_mut().unwrap();
        (attempt.outcome, attempt.charged) = (Some(outcome), !free);
        (attempt.ended_at, attempt.took) = (Some(self.now.max(job.updated_at)), finished.took);
        attempt.error = error_of_attempt.clone();
        job.attempts_used += u32::from(!free);

        if free {
            if outcome == Outcome::Unavailable {
                let why = error_of_attempt.map_or("The engine was away.".into(), |error| error.message);
                self.suspend(job.backend.clone(), job.device.clone(), Some(why)).unwrap();
            }
            (job.status, job.progress) = (Status::Pending, 0);
            if !self.blocked(&job) {
                self.stand(&mut job);
            }
            self.put(job, Transition::Interrupted);
            return;
        }
        let helps = |error: &JobError| {
            error.retryable && error.kind != ErrorKind::Invalid && error.kind != ErrorKind::Cancelled
        };
        let may = match outcome {
            Outcome::Complete | Outcome::Cancelled => false,
            Outcome::Lost => true,
            _ => error_of_attempt.as_ref().is_none_or(helps),
        };
        if may && job.attempts_used < job.max_attempts {
            let backoff = self.binding(&job.backend).and_then(Binding::backoff).filter(|_| outcome != Outcome::Lost);
            let pause = backoff.map_or(0, |backoff| {
                policy::pause(backoff, job.attempts_used, job.id, job.attempt, finished.retry_after_ms)
            });
            (job.status, job.progress, job.retry_at) = (Status::Pending, 0, Some(self.now + pause));
            job.shifts.retry = self.shift();
            self.put(job.clone(), Transition::Retrying);
            if pause == 0 && !self.blocked(&job) {
                self.stand(&mut job);
                self.put(job, Transition::Queued);
            }
            return;
        }
        self.end(&mut job);
        job.progress = finished.progress;
        let event = match outcome {
            Outcome::Complete => {
                if !self.is_lease(&job) {
                    self.learn(&job, finished.took);
                }
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
                job.error = error_of_attempt.or_else(|| Some(nameless(outcome)));
                Transition::Failed
            }
        };
        self.put(job, event);
    }

    pub(super) fn remember(&mut self, id: JobId, attempt: u32, note: String) {
        let Some(mut job) = self.running(id, attempt).cloned() else { return };
        let device = self.rows.devices.get_mut(job.device.as_ref().unwrap()).unwrap();
        device.occupant.as_mut().unwrap().note = Some(note.clone());
        device.dirty.as_mut().unwrap().note = Some(note.clone());
        job.note = Some(note);
        self.rows.jobs.insert(id, job);
    }

    pub(super) fn settle(&mut self, device: &str, job: JobId, attempt: u32) {
        let device = self.rows.devices.get_mut(device).unwrap();
        if device.occupant.is_none()
            && device.dirty.as_ref().is_some_and(|dirty| (dirty.job, dirty.attempt) == (job, attempt))
        {
            device.dirty = None;
        }
    }

    pub(super) fn recover(&mut self) {
        let running = self.open().into_iter().filter(|job| job.status == Status::Processing && !self.is_lease(job));
        let lost: Vec<Finished> = running.map(lost).collect();
        lost.into_iter().for_each(|lost| self.finish(lost));
        for backend in self.rows.queue.suspended.clone() {
            self.say_backend(backend, None, None);
        }
    }
}

/// What a crash makes of an attempt.
fn lost(job: &Job) -> Finished {
    let (job, attempt) = (job.id, job.attempt);
    let (outcome, clean, progress) = (Outcome::Lost, false, 0);
    Finished {
        job,
        attempt,
        outcome,
        clean,
        took: None,
        progress,
        result: None,
        artifacts: Vec::new(),
        error: None,
        retry_after_ms: None,
    }
}

fn nameless(outcome: Outcome) -> JobError {
    match outcome {
        Outcome::Lost => error(ErrorKind::Lost, LOST),
        Outcome::Timeout => error(ErrorKind::Timeout, "The attempt ran out of time."),
        Outcome::Stalled => error(ErrorKind::Stalled, "The backend reported nothing for too long."),
        Outcome::Trapped => error(ErrorKind::Trapped, "The backend crashed."),
        Outcome::Unavailable => error(ErrorKind::Unavailable, "The engine was away."),
        _ => error(ErrorKind::Failed, "The backend failed."),
    }
}
