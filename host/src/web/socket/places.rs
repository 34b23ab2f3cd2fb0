//! Places in line: what a client has been told of them, and what it is to be told now.
//!
//! Clients that follow everything are told of the heads of all lines, and mostly all of them were told the same before. So what
//! leads from one to the other is made once for all of them: two thousand pages that watch a line of two hundred would
//! otherwise have the host work for seconds each time that it moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use easel_core::{Job, JobId, State, Status, Timestamp};
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::frames;
use super::scope::Filter;
use crate::events::Hub;
use crate::time;

/// How many places a frame holds.
const PLACES: usize = 200;
/// How many of what a filter names are looked at, the oldest first: to sort a hundred thousand by place takes a third of a
/// second, four times a second, for each who follows them.
pub(super) const LOOKED_AT: usize = 2_000;
/// How long a step is good for: expectations move while places stay.
const FRESH: Duration = Duration::from_millis(250);

/// What a client was told: for each job its place, and when it is to end.
pub(super) type Told = HashMap<JobId, (u64, Option<Timestamp>)>;

/// What a client is told now, and what it has been told then.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) frames: Vec<Utf8Bytes>,
    pub(super) told: Arc<Told>,
}

/// The places that changed among the jobs that are `followed` on each device. A place stays as it is while what runs is slower
/// than it was thought to be; so now and then, what is `expected` is looked at as well.
pub(super) fn step(
    before: &Arc<Told>,
    (state, hub): (&State, &Hub),
    expected: bool,
    followed: impl Fn(&str) -> Vec<Arc<Job>>,
) -> Step {
    let (mut frames, mut told, now) = (Vec::new(), Told::new(), time::now());
    for device in state.devices() {
        let mut places = BTreeMap::new();
        let progress = hub.progress_on(device, now);
        for job in followed(&device.name) {
            let place = state.position(&job);
            let known = before.get(&job.id).copied().filter(|(told, _)| *told == place);
            if let Some(known) = known
                && (!expected || same_end(known.1, state.estimate(&job, now, progress), now))
            {
                told.insert(job.id, known);
                continue;
            }
            let estimate = state.estimate(&job, now, progress);
            told.insert(job.id, (place, estimate.map(|(_, end)| end)));
            places.insert(job.id, (place, estimate));
        }
        if !places.is_empty() {
            frames.push(frames::positions(state.seq, &device.name, state.length(&device.name), &places));
        }
    }
    let told = if told == **before { before.clone() } else { Arc::new(told) };
    Step { frames, told }
}

/// The waiting jobs of a device that these filters name, in line order.
pub(super) fn named(filters: &BTreeSet<Filter>, state: &State, device: &str) -> Vec<Arc<Job>> {
    let here = |job: &Job| state.backend(&job.backend).is_some_and(|binding| binding.device == device);
    let waits = |job: &&Arc<Job>| job.status == Status::Queued && here(job);
    let mut jobs: Vec<Arc<Job>> = Vec::new();
    for filter in filters {
        match filter {
            Filter::Conversation(id) => jobs.extend(state.jobs_of(id).filter(waits).take(LOOKED_AT).cloned()),
            Filter::Job(id) => jobs.extend(state.job(*id).filter(waits).cloned()),
            Filter::Batch(id) => jobs.extend(state.jobs_of_batch(*id).filter(waits).cloned()),
        }
    }
    jobs.sort_by_key(|job| state.position(job));
    jobs.dedup_by_key(|job| job.id);
    jobs.truncate(PLACES);
    jobs
}

/// Those who follow everything.
#[derive(Default)]
pub(in crate::web) struct Crowd {
    made: Mutex<Vec<Made>>,
}

/// A step that was made, and from where.
struct Made {
    before: Arc<Told>,
    seq: u64,
    expected: bool,
    at: Instant,
    step: Step,
}

impl Crowd {
    /// The next step of one of them.
    pub(super) fn step(&self, before: &Arc<Told>, at: (&State, &Hub), expected: bool, now: Instant) -> Step {
        let state = at.0;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|made| made.seq == state.seq && now.saturating_duration_since(made.at) < FRESH);
        let same = |told: &Arc<Told>| Arc::ptr_eq(told, before) || (told.is_empty() && before.is_empty());
        if let Some(made) = made.iter().find(|made| made.expected == expected && same(&made.before)) {
            return made.step.clone();
        }
        let mut step = step(before, at, expected, |device| state.line(device, PLACES));
        // They came by different ways to the same: from here on they go together.
        if let Some(other) = made.iter().find(|made| made.step.told == step.told) {
            step.told = other.step.told.clone();
        }
        made.push(Made { before: before.clone(), seq: state.seq, expected, at: now, step: step.clone() });
        step
    }
}

/// Whether an expectation is still what a client was told: to the second, or, of what is far away, to a tenth.
fn same_end(told: Option<Timestamp>, expected: Option<(Timestamp, Timestamp)>, now: Timestamp) -> bool {
    match (told, expected) {
        (Some(told), Some((_, end))) => told.abs_diff(end) <= end.abs_diff(now).max(10_000_000) / 10,
        (told, expected) => told.is_none() && expected.is_none(),
    }
}

#[cfg(test)]
mod tests;
