//! Why a job waits, in a sentence for its user. It is derived whenever somebody asks, so it is true at any time.

use super::State;
use super::lines::Line;
use crate::device::Pause;
use crate::job::{Job, Status, Timestamp};

/// What a waiting job waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `turn`, `paused`, `device`, `backend`, `dependency`, `time`, `retry`.
    pub reason: &'static str,
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
    /// What they wait for: `backend` or `device`.
    pub reason: &'static str,
    /// A sentence for people.
    pub detail: String,
}

impl State {
    /// What `job` waits for; none unless it waits.
    pub fn waiting_for(&self, job: &Job) -> Option<Waiting> {
        let (reason, detail) = match job.status {
            Status::Pending if self.device_of(&job.backend).is_some() => self.why_pending(job),
            Status::Queued | Status::Pending => self.why_queued(job),
            _ => return None,
        };
        let until = if matches!(reason, "time" | "retry") { self.waits_until(job) } else { None };
        Some(Waiting { reason, detail, until })
    }

    /// The lines that do not move, whichever device is free: how many jobs stand in each, and why.
    pub fn standing(&self) -> Vec<Standing> {
        let standing = |(backend, line): (&String, &Line)| {
            let first = self.at(line.places().first()?.ticket)?;
            let (reason, detail) = self.why_queued(first);
            let device = self.device_of(backend).is_some();
            let jobs = line.places().len();
            (reason == "backend" || !device).then(|| Standing { backend: backend.clone(), jobs, reason, detail })
        };
        self.lines.iter().filter_map(standing).collect()
    }

    fn why_pending(&self, job: &Job) -> (&'static str, String) {
        match self.blocked_by(job) {
            Some(id) if self.job(id).is_some() => return ("dependency", format!("job {id} has not ended")),
            Some(id) => return ("dependency", format!("job {id} has ended; this one goes on in a moment")),
            None => {}
        }
        if job.retry_at.is_none() {
            return ("time", "not before the time that was asked for".into());
        }
        let why = job.attempts.last().and_then(|attempt| attempt.error.as_ref());
        let why = why.map(|error| format!(" ({})", error.message)).unwrap_or_default();
        ("retry", format!("attempt {} failed{why}; the next one starts after a pause", job.attempt))
    }

    /// What stands in the way of everybody is told before the place in line.
    fn why_queued(&self, job: &Job) -> (&'static str, String) {
        let Some(binding) = self.backends.get(&job.backend) else {
            return ("backend", format!("backend {} is not configured", job.backend));
        };
        let Some(device) = self.devices.get(&binding.device) else {
            return ("device", format!("device {} is not configured", binding.device));
        };
        if let Some(pause) = self.queue.stands() {
            return ("paused", paused("the queue", pause));
        }
        if let Some(pause) = &device.paused {
            return ("paused", paused(&device.name, pause));
        }
        if let Some(reason) = self.held(&job.backend) {
            return ("backend", format!("{} is away: {reason}", job.backend));
        }
        if device.live.is_none() && device.dirty.is_some() {
            let detail = format!("{} is being cleaned up after an attempt that was cut short", device.name);
            return ("device", detail);
        }
        let detail = match self.position(job) {
            1 => format!("next on {}", device.name),
            2 => format!("one job is ahead of it on {}", device.name),
            place => format!("{} jobs are ahead of it on {}", place - 1, device.name),
        };
        ("turn", detail)
    }
}

fn paused(what: &str, pause: &Pause) -> String {
    match &pause.reason {
        Some(reason) => format!("{what} was paused by {}: {reason}", pause.by),
        None => format!("{what} was paused by {}", pause.by),
    }
}
