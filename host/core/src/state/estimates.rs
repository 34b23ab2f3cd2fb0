//! When a job will start and end, as far as that can be told. Nobody who arrives later is foreseen, nor is a failure.

use std::collections::BTreeMap;

use super::State;
use super::lines::Place;
use crate::device::Device;
use crate::history::{Accuracy, History, Progress};
use crate::ids::Timestamp;
use crate::job::{Job, Status};
use crate::rank_set::{Load, Member};

/// The progress of the attempt that runs on a device, if it is known.
pub type ProgressOn<'a> = &'a dyn Fn(&Device) -> Option<Progress>;

/// How many jobs of each backend a device runs before a certain one.
type Before<'a> = BTreeMap<&'a str, (usize, Load)>;

impl State {
    /// When `job` starts, or has started, and when it ends, if it is queued or runs. None if something is in its way of which
    /// nobody knows how long it lasts, or if too little is known of what runs before it.
    pub fn estimate(&self, job: &Job, now: Timestamp, progress: ProgressOn<'_>) -> Option<(Timestamp, Timestamp)> {
        if !self.has_device(&job.backend) {
            return None;
        }
        if job.status == Status::Processing {
            let progress = self.device(job.device.as_deref()?).and_then(progress);
            let end = self.end_of(job, now, progress)?;
            // The wall clock may have been set back since.
            return Some((job.started_at?.min(now), end));
        }
        if job.status != Status::Queued || self.queue.stands().is_some() {
            return None;
        }
        let start = self.start_of(job, now, progress)?;
        let work = Place::of(job).load();
        Some((start, later(start, self.expected(&job.backend, 1, work)?)))
    }

    /// When a queued job starts: at the earliest that any device gets to it. Devices that have the same lines before it are taken
    /// together. What another device may take of these lines meanwhile is left out: so, if anything, it starts sooner.
    fn start_of(&self, job: &Job, now: Timestamp, progress: ProgressOn<'_>) -> Option<Timestamp> {
        // They are all alike: if one is paused, or the backend suspended there, it is so on all.
        let open = |device: &&Device| self.obstacles(&job.backend, device) == (false, false);
        let place = self.place(job);
        let fronts = self.serving(&job.backend).into_iter().filter(open).map(|device| {
            let before = self.open_lanes(&device.name).map(|lane| (lane.backend, lane.load_before(&place)));
            let before: Before<'_> = before.filter(|(_, (jobs, _))| *jobs > 0).collect();
            (self.free_at(device, now, progress), before)
        });
        let fronts: Vec<(Option<Timestamp>, Before<'_>)> = fronts.collect();
        let start = |(_, before): &(Option<Timestamp>, Before<'_>)| {
            let alike = fronts.iter().filter(|(_, theirs)| theirs.keys().eq(before.keys()));
            let free: Vec<Timestamp> = alike.filter_map(|(free, _)| *free).collect();
            let jobs = before.values().map(|(jobs, _)| jobs).sum();
            let times = before.iter().map(|(backend, (jobs, load))| self.expected(backend, *jobs, *load));
            start_after(&free, jobs, times.sum::<Option<u64>>()?)
        };
        fronts.iter().filter_map(start).min()
    }

    /// When a device takes its next job: none if nobody knows.
    fn free_at(&self, device: &Device, now: Timestamp, progress: ProgressOn<'_>) -> Option<Timestamp> {
        match (&device.occupant, &device.dirty) {
            (Some(occupant), _) => self.end_of(self.job(occupant.job)?, now, progress(device)),
            (None, Some(_)) => None,
            (None, None) => Some(now),
        }
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
        let occupant =
            self.device(job.device.as_deref()?)?.occupant.as_ref().filter(|occupant| occupant.job == job.id)?;
        Some(self.clock().wall(occupant.since.saturating_sub(occupant.shift)))
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

/// When devices that are free at these times have taken so many jobs, which take so long altogether and each as long as any other,
/// and one of them is free for the next.
fn start_after(free: &[Timestamp], jobs: usize, time: u64) -> Option<Timestamp> {
    let first = *free.iter().min()?;
    let (jobs, time) = (jobs as u128, u128::from(time));
    if jobs == 0 || time == 0 {
        return Some(first);
    }
    // A device that is free at `f` is free for another job at each f + ⌊m · time / jobs⌋, m = 0, 1, …
    let turns_by = |at: Timestamp| -> u128 {
        let spans = free.iter().filter(|free| **free <= at).map(|free| u128::from(at.abs_diff(*free)));
        spans.map(|span| ((span + 1) * jobs - 1) / time + 1).sum()
    };
    // One device alone would have taken all of them by `late`.
    let (mut early, mut late) = (first, later(first, u64::try_from(time).unwrap_or(u64::MAX)));
    while early < late {
        let middle = early.midpoint(late);
        match turns_by(middle) > jobs {
            true => late = middle,
            false => early = middle + 1,
        }
    }
    Some(late)
}

fn later(at: Timestamp, time: u64) -> Timestamp {
    at.saturating_add(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
}
