//! When a job will start and end, as far as that can be told. Nobody who arrives later is foreseen, nor is a failure.

use super::State;
use super::lines::Place;
use crate::history::{Accuracy, History, Progress};
use crate::job::{Job, Status, Timestamp};
use crate::rank_set::{Load, Member};

impl State {
    /// When `job` starts, or has started, and when it ends, if it is queued or runs. None if something is in its way of which
    /// nobody knows how long it lasts, or if too little is known of what runs before it. `progress` is that of the attempt that
    /// runs on its device, if it is known.
    pub fn estimate(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<(Timestamp, Timestamp)> {
        let device = self.device_of(&job.backend)?;
        if job.status == Status::Processing {
            let end = self.end_of(job, now, progress)?;
            // The wall clock may have been set back since.
            return Some((job.started_at?.min(now), end));
        }
        let stopped = self.queue.stands().is_some() || device.paused.is_some() || self.held.contains_key(&job.backend);
        if job.status != Status::Queued || stopped {
            return None;
        }
        let mut start = match (&device.occupant, &device.dirty) {
            (Some(live), _) => self.end_of(self.job(live.job)?, now, progress)?,
            (None, Some(_)) => return None,
            (None, None) => now,
        };
        let place = Place::of(job);
        for (backend, line) in self.named_lines(&device.name, false) {
            let (jobs, load) = line.places().before(&place);
            start = later(start, self.expected(backend, jobs, load)?);
        }
        Some((start, later(start, self.expected(&job.backend, 1, place.load())?)))
    }

    /// When a job that runs ends: not before now, however long it takes already. What it says of itself is believed: of the time
    /// that it takes, as much is left as it has not done.
    fn end_of(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<Timestamp> {
        let takes = self.expected(&job.backend, 1, Place::of(job).load())?;
        let begun = || Some(Progress { percent: 0, since: self.begun(job)? });
        let Progress { percent, since } = progress.or_else(begun)?;
        let left = u128::from(takes) * u128::from(100 - percent.min(100)) / 100;
        Some(later(since, u64::try_from(left).unwrap_or(u64::MAX)).max(now))
    }

    /// When the attempt that runs began, by the wall clock as it is set now.
    fn begun(&self, job: &Job) -> Option<Timestamp> {
        let live = self.device(job.device.as_deref()?)?.occupant.as_ref().filter(|live| live.job == job.id)?;
        Some(self.clock().wall(live.since.saturating_sub(live.shift)))
    }

    fn expected(&self, backend: &str, jobs: usize, load: Load) -> Option<u64> {
        match self.histories.get(backend) {
            Some(history) => history.expect(jobs, load),
            None => History::default().expect(jobs, load),
        }
    }

    /// How long a job took of late, over all backends, in microseconds; none before three have completed.
    pub fn mean(&self) -> Option<u64> {
        let recent = self.histories.values().flat_map(|history| &history.recent).copied().collect();
        History { recent, ..History::default() }.expect(1, Load::default())
    }

    /// How far off it was when people were told when their jobs would end, over all backends.
    pub fn accuracy(&self) -> Accuracy {
        self.histories.values().map(|history| history.accuracy).fold(Accuracy::default(), Accuracy::and)
    }

    /// How long the jobs of a backend took.
    pub fn history(&self, backend: &str) -> Option<&History> {
        self.histories.get(backend)
    }

    pub(crate) fn put_history(&mut self, history: History) {
        self.histories.insert(history.backend.clone(), history);
    }

    /// Takes over how long jobs took as it was read from the store at start-up.
    pub fn restore_histories(&mut self, histories: impl IntoIterator<Item = History>) {
        histories.into_iter().for_each(|history| self.put_history(history));
    }
}

fn later(at: Timestamp, time: u64) -> Timestamp {
    at.saturating_add(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
}
