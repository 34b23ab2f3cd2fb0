//! Why a job waits, in a sentence for its user. It is derived whenever somebody asks, so it is true at any time.

use std::collections::BTreeSet;
use std::fmt;

use super::State;
use super::lines::Line;
use crate::device::Pause;
use crate::ids::Timestamp;
use crate::job::{Job, Status};

/// What a job can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// The jobs before it.
    Turn,
    /// The queue or its device is paused.
    Paused,
    /// Its device is not configured, or is being settled.
    Device,
    /// Its backend is not configured, or suspended.
    Backend,
    /// Another job.
    Dependency,
    /// The time that was asked for.
    Time,
    /// The pause before its next attempt.
    Retry,
}

impl WaitingFor {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Paused => "paused",
            Self::Device => "device",
            Self::Backend => "backend",
            Self::Dependency => "dependency",
            Self::Time => "time",
            Self::Retry => "retry",
        }
    }
}

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a waiting job waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For programs.
    pub reason: WaitingFor,
    /// A sentence for the user.
    pub detail: String,
    /// When it is over, if that is known.
    pub until: Option<Timestamp>,
}

/// A line that does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// That of this backend.
    pub backend: String,
    /// How many jobs stand in it.
    pub jobs: usize,
    /// What they wait for: their backend or their device.
    pub reason: WaitingFor,
    /// A sentence for people.
    pub detail: String,
}

impl State {
    /// What `job` waits for; none unless it waits.
    pub fn waiting_for(&self, job: &Job) -> Option<Waiting> {
        let (reason, detail) = match job.status {
            Status::Pending if self.has_device(&job.backend) => self.why_pending(job),
            Status::Queued | Status::Pending => self.why_queued(job),
            _ => return None,
        };
        let until = if matches!(reason, WaitingFor::Time | WaitingFor::Retry) { self.waits_until(job) } else { None };
        Some(Waiting { reason, detail, until })
    }

    /// The lines that do not move, whichever device is free: how many jobs stand in each, and why.
    pub fn standing(&self) -> Vec<Standing> {
        let standing = |(backend, line): (&String, &Line)| {
            let first = self.at(line.places().first()?.ticket)?;
            let (reason, detail) = self.why_queued(first);
            let device = self.has_device(backend);
            let jobs = line.places().len();
            (reason == WaitingFor::Backend || !device).then(|| Standing {
                backend: backend.clone(),
                jobs,
                reason,
                detail,
            })
        };
        self.lines.iter().filter_map(standing).collect()
    }

    fn why_pending(&self, job: &Job) -> (WaitingFor, String) {
        match self.blocked_by(job) {
            Some(id) if self.job(id).is_some() => return (WaitingFor::Dependency, format!("job {id} has not ended")),
            Some(id) => return (WaitingFor::Dependency, format!("job {id} has ended; this one goes on in a moment")),
            None => {}
        }
        if job.retry_at.is_none() {
            return (WaitingFor::Time, "it was asked to start later".into());
        }
        let why = job.attempts.last().and_then(|attempt| attempt.error.as_ref());
        let why = why.map(|error| format!(" ({})", error.message)).unwrap_or_default();
        (WaitingFor::Retry, format!("attempt {} failed{why}; the next one starts after a pause", job.attempt))
    }

    /// What stands in the way of everybody is told before the place in line.
    fn why_queued(&self, job: &Job) -> (WaitingFor, String) {
        let Some(binding) = self.backends.get(&job.backend) else {
            return (WaitingFor::Backend, format!("backend {} is not configured", job.backend));
        };
        let Some((device, before)) = self.nearest(job) else {
            return (WaitingFor::Device, format!("{} not configured", devices(&binding.devices)));
        };
        if let Some(pause) = self.queue.stands() {
            return (WaitingFor::Paused, paused("the queue", pause));
        }
        // Among several, those are left out that do not run it now: what is said of one here is so of all that could.
        if let Some(pause) = &device.paused {
            return (WaitingFor::Paused, paused(&device.name, pause));
        }
        if let Some(reason) = self.suspended_on(&job.backend, &device.name) {
            return (WaitingFor::Backend, format!("backend {} is not available: {reason}", job.backend));
        }
        let serving = self.serving(&job.backend);
        if serving.iter().all(|device| device.occupant.is_none() && device.dirty.is_some()) {
            let detail = format!("{} is being cleaned up after an attempt that was cut short", device.name);
            return (WaitingFor::Device, detail);
        }
        let serving: Vec<&str> = serving.iter().map(|device| device.name.as_str()).collect();
        let place = match serving.len() {
            1..=3 => serving.join(" or "),
            many => format!("one of {many} devices"),
        };
        let detail = match before {
            0 => format!("next on {place}"),
            1 => format!("one job is ahead of it on {place}"),
            before => format!("{before} jobs are ahead of it on {place}"),
        };
        (WaitingFor::Turn, detail)
    }
}

/// These devices, as the beginning of a sentence.
fn devices(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [name] => format!("device {name} is"),
        names => format!("devices {} are", names.join(", ")),
    }
}

fn paused(what: &str, pause: &Pause) -> String {
    match &pause.reason {
        Some(reason) => format!("{what} was paused by {}: {reason}", pause.by),
        None => format!("{what} was paused by {}", pause.by),
    }
}
