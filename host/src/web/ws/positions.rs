//! Places in line: what the clients of one scope have been told of them, and what each is to be told now.
//!
//! The line is looked at once for all of them, and each place remembers in which of these looks it was new. So a client that
//! remembers the last look that it was told of is told what is newer, also made once for all who remember the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use easel_core::{Device, Job, JobId, Pool, State, Status, Timestamp, Viewer};
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::frames;
use super::scope::{Filter, Follows, Scope};
use crate::events::Hub;
use crate::time;

/// How many places a frame holds.
const PLACES: usize = 200;
/// How many of what a filter names are looked at, the oldest first: to sort a hundred thousand by place takes a third of a
/// second, four times a second.
pub(super) const LOOKED_AT: usize = 2_000;
/// A look takes this share of the time at the most: the next has to wait so many times longer than the last took.
const SHARE: u32 = 20;
/// How often expectations are looked at again while places stay: what runs may be slower than it was thought to be.
const EXPECTED: Duration = Duration::from_secs(5);
/// A client that is further behind is told everything.
const BEHIND: u64 = 64;

/// The places of one scope's jobs.
#[derive(Default)]
pub(super) struct Places {
    /// Which look this is: those that find nothing new do not count.
    number: u64,
    /// The event as of which it is.
    seq: u64,
    lines: Vec<Line>,
    /// What was made of it, by the look that clients remember.
    frames: HashMap<u64, Vec<Utf8Bytes>>,
    /// When expectations were looked at, and before when nothing is to be looked at again.
    expected_at: Option<Instant>,
    not_before: Option<Instant>,
}

/// Those who wait in the line of one pool.
struct Line {
    devices: BTreeSet<String>,
    length: u64,
    places: BTreeMap<JobId, Place>,
}

struct Place {
    place: u64,
    expected: Option<(Timestamp, Timestamp)>,
    /// The look that found it.
    new_in: u64,
}

/// What a client is told, and what it has been told then.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) frames: Vec<Utf8Bytes>,
    /// The look that it remembers, and the event as of which that is.
    pub(super) told: (u64, u64),
    /// When to come again, if it knows of later events than that.
    pub(super) again: Instant,
}

impl Places {
    /// What a client is told that remembers the look `told.0` and knows all events up to `told.1`: nothing as of an earlier one.
    /// At a heartbeat, what is `expected` may be looked at again as well.
    pub(super) fn step(
        &mut self,
        (told, seq): (u64, u64),
        scope: &Scope,
        (state, hub): (&State, &Hub),
        expected: bool,
        now: Instant,
    ) -> Step {
        let expected = expected && self.expected_at.is_none_or(|at| now >= at + EXPECTED);
        let again = self.not_before.filter(|time| *time > now);
        if again.is_none() && (self.not_before.is_none() || expected || self.seq < state.seq) {
            let begun = Instant::now();
            self.look(scope, (state, hub), expected);
            if expected {
                self.expected_at = Some(now);
            }
            self.not_before = Some(now + begun.elapsed() * SHARE);
        }
        if self.seq < seq {
            return Step { frames: Vec::new(), told: (told, self.seq), again: again.unwrap_or(now) };
        }
        let since = if self.number - told.min(self.number) > BEHIND { 0 } else { told };
        let Self { number, seq, lines, frames, .. } = self;
        let frames = frames.entry(since).or_insert_with(|| newer(lines, since, *seq)).clone();
        Step { frames, told: (*number, *seq), again: now }
    }

    fn look(&mut self, scope: &Scope, (state, hub): (&State, &Hub), expected: bool) {
        let now = time::now();
        let next = self.number + 1;
        let progress = |device: &Device| hub.progress_on(device, now);
        let mut before: HashMap<BTreeSet<String>, Line> =
            self.lines.drain(..).map(|line| (line.devices.clone(), line)).collect();
        let (mut lines, mut changed) = (Vec::new(), false);
        for pool in state.pools() {
            let mut known = before.remove(&pool.devices).map(|line| line.places).unwrap_or_default();
            let mut places = BTreeMap::new();
            for job in followed(scope, state, pool) {
                let place = state.position(&job);
                let same = known.remove(&job.id).filter(|known| known.place == place).filter(|known| {
                    let end = |expected: Option<(Timestamp, Timestamp)>| expected.map(|(_, end)| end);
                    !expected || same_end(end(known.expected), end(state.estimate(&job, now, &progress)), now)
                });
                let place = same.unwrap_or_else(|| {
                    changed = true;
                    Place { place, expected: state.estimate(&job, now, &progress), new_in: next }
                });
                places.insert(job.id, place);
            }
            lines.push(Line { devices: pool.devices.clone(), length: state.length_of(pool), places });
        }
        (self.lines, self.seq) = (lines, state.seq);
        self.frames.clear();
        if changed {
            self.number = next;
        }
    }
}

/// The frames of what is newer than a look.
fn newer(lines: &[Line], look: u64, seq: u64) -> Vec<Utf8Bytes> {
    let mut frames = Vec::new();
    for line in lines {
        let newer = line.places.iter().filter(|(_, place)| place.new_in > look);
        let newer: frames::Places = newer.map(|(job, place)| (*job, (place.place, place.expected))).collect();
        if !newer.is_empty() {
            frames.push(frames::positions(seq, &line.devices, line.length, &newer));
        }
    }
    frames
}

/// The waiting jobs of a pool that a scope holds, in line order: of everything, the head of the line.
fn followed(scope: &Scope, state: &State, pool: &Pool) -> Vec<Arc<Job>> {
    match &scope.follows {
        Follows::Everything if scope.viewer == Viewer::Everything => state.line_of(pool, PLACES),
        Follows::Everything => own(state, pool, &scope.viewer),
        Follows::Only(filters) => named(filters, state, pool, &scope.viewer),
    }
}

/// The first waiting jobs of a pool that somebody sees who does not see all.
fn own(state: &State, pool: &Pool, viewer: &Viewer) -> Vec<Arc<Job>> {
    let waits = |job: &&Arc<Job>| waits(state, pool, viewer, job);
    in_line(state, state.jobs().filter(waits).take(LOOKED_AT).cloned().collect())
}

fn named(filters: &BTreeSet<Filter>, state: &State, pool: &Pool, viewer: &Viewer) -> Vec<Arc<Job>> {
    let waits = |job: &&Arc<Job>| waits(state, pool, viewer, job);
    let mut jobs: Vec<Arc<Job>> = Vec::new();
    for filter in filters {
        match filter {
            Filter::Conversation(id) => jobs.extend(state.jobs_of(id).filter(waits).take(LOOKED_AT).cloned()),
            Filter::Job(id) => jobs.extend(state.job(*id).filter(waits).cloned()),
            Filter::Batch(id) => jobs.extend(state.jobs_of_batch(*id).filter(waits).cloned()),
        }
    }
    in_line(state, jobs)
}

/// Whether a job waits in the line of this pool, and is seen.
fn waits(state: &State, pool: &Pool, viewer: &Viewer, job: &Job) -> bool {
    let here = || state.pool_of(&job.backend).is_some_and(|theirs| theirs.devices == pool.devices);
    job.status == Status::Queued && viewer.sees_job(job) && here()
}

/// The first of them, each once.
fn in_line(state: &State, mut jobs: Vec<Arc<Job>>) -> Vec<Arc<Job>> {
    jobs.sort_by_key(|job| state.position(job));
    jobs.dedup_by_key(|job| job.id);
    jobs.truncate(PLACES);
    jobs
}

/// Whether an expectation is still what a client was told: to the second, or, of what is far away, to a tenth.
fn same_end(told: Option<Timestamp>, expected: Option<Timestamp>, now: Timestamp) -> bool {
    match (told, expected) {
        (Some(told), Some(end)) => told.abs_diff(end) <= end.abs_diff(now).max(10_000_000) / 10,
        (told, expected) => told.is_none() && expected.is_none(),
    }
}

#[cfg(test)]
mod tests;
