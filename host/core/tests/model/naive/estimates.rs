//! How long things take, on rows: from all that ever completed, added up whenever somebody asks.

use std::collections::BTreeMap;

use easel_core::{Accuracy, Forecast, History, Job, Progress, Sample, Status, Timestamp};

use super::Naive;

impl Naive {
    /// An attempt at `job` has completed now, and took so long, if anybody knows.
    pub(super) fn learn(&mut self, job: &Job, took: Option<u64>) {
        let Some(took) = took else { return };
        self.completions.push((job.backend.clone(), took, job.work));
        let all: Vec<_> = self.completions.iter().filter(|(backend, ..)| *backend == job.backend).collect();
        let history = History {
            backend: job.backend.clone(),
            completed: all.len() as u64,
            recent: all
                .iter()
                .rev()
                .take(16)
                .rev()
                .map(|(_, took, work)| Sample { took: *took, work: *work })
                .collect(),
            accuracy: self.accuracy(job),
        };
        self.rows.histories.insert(job.backend.clone(), history);
    }

    /// How far off the forecasts of a backend's jobs were, one that completes now included.
    fn accuracy(&mut self, job: &Job) -> Accuracy {
        let forecasts = self.forecasts.entry(job.backend.clone()).or_default();
        let jumps = self.rows.queue.clock.jumps;
        forecasts.extend(job.forecast.filter(|told| told.jumps == jumps).map(|told| (told, self.now)));
        let fading = |value: &dyn Fn(&(Forecast, Timestamp)) -> i64| {
            forecasts.iter().map(value).fold(0, |sum, value| sum - sum / 16 + value as u64)
        };
        Accuracy {
            forecasts: forecasts.len() as u64,
            jobs: fading(&|_| 1 << 10),
            off: fading(&|(told, end)| (end - told.end).abs()),
            lasted: fading(&|(told, end)| end - told.made_at),
        }
    }

    /// The time for some jobs of one backend.
    fn time_for(&self, jobs: &[&Job]) -> Option<u64> {
        let Some(first) = jobs.first() else { return Some(0) };
        let recent = &self.rows.histories.get(&first.backend)?.recent;
        let measured: Vec<(u64, u64)> = recent.iter().filter_map(|seen| Some((seen.took, seen.work?))).collect();
        let sized: Vec<u64> = jobs.iter().filter_map(|job| job.work).filter(|_| measured.len() >= 3).collect();
        let singly = (jobs.len() - sized.len()) as u64;
        if singly > 0 && recent.len() < 3 {
            return None;
        }
        let by_job = if singly > 0 {
            singly * recent.iter().map(|seen| seen.took).sum::<u64>() / recent.len() as u64
        } else {
            0
        };
        if sized.is_empty() {
            return Some(by_job);
        }
        let (least, most) =
            (measured.iter().map(|(_, work)| work).min()?, measured.iter().map(|(_, work)| work).max()?);
        if sized.iter().any(|work| *work < least / 4 || *work > most * 4) {
            return None;
        }
        let (fixed, each) = costs(&measured, most >= &(least * 2));
        let cost = fixed * sized.len() as i128 + each * i128::from(sized.iter().sum::<u64>());
        let longest = measured.iter().map(|(took, _)| took).max()?;
        Some(((cost >> 28) as u64).min(longest * 4 * sized.len() as u64) + by_job)
    }

    fn end_of(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<Timestamp> {
        let takes = self.time_for(&[job])?;
        Some(now.max(match progress {
            Some(Progress { percent, since }) => since + (takes * (100 - u64::from(percent)) / 100) as i64,
            None => {
                let occupant = self.rows.devices[job.device.as_ref().unwrap()].occupant.as_ref().unwrap();
                occupant.since - occupant.shift + self.shift() + takes as i64
            }
        }))
    }

    /// The progress is that of whatever runs, on each device.
    pub fn estimate(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<(Timestamp, Timestamp)> {
        let devices = self.binding(&job.backend)?.devices.clone();
        if job.status == Status::Processing {
            return Some((now.min(job.started_at.unwrap()), self.end_of(job, now, progress)?));
        }
        let runs = |device: &&String| self.rows.devices[*device].paused.is_none() && !self.suspended_on(job, device);
        if job.status != Status::Queued || self.stands() {
            return None;
        }
        let devices: Vec<&String> = devices.iter().filter(runs).collect();
        let before = |device: &str| -> BTreeMap<String, Vec<&Job>> {
            let mut before: BTreeMap<String, Vec<&Job>> = BTreeMap::new();
            for other in self.line(device).into_iter().take_while(|other| other.id != job.id) {
                before.entry(other.backend.clone()).or_default().push(other);
            }
            before
        };
        let start = |device: &&String| {
            let jobs = before(device);
            let alike = devices.iter().filter(|other| before(other).keys().eq(jobs.keys()));
            let free: Vec<Timestamp> = alike.filter_map(|device| self.free_at(device, now, progress)).collect();
            let times: Vec<u64> = jobs.values().map(|jobs| self.time_for(jobs)).collect::<Option<_>>()?;
            let (count, time) = (jobs.values().map(Vec::len).sum::<usize>(), times.into_iter().sum::<u64>());
            // Each of these devices is free for another job again and again; the job gets the turn after those before it.
            let turn = |free: &Timestamp, turn: usize| free + (time * turn as u64 / count.max(1) as u64) as i64;
            let mut turns: Vec<Timestamp> =
                free.iter().flat_map(|free| (0..=count).map(move |n| turn(free, n))).collect();
            turns.sort_unstable();
            turns.get(count).copied()
        };
        let start = devices.iter().filter_map(start).min()?;
        Some((start, start + self.time_for(&[job])? as i64))
    }

    fn free_at(&self, device: &str, now: Timestamp, progress: Option<Progress>) -> Option<Timestamp> {
        let device = &self.rows.devices[device];
        match &device.occupant {
            Some(occupant) => self.end_of(&self.rows.jobs[&occupant.job], now, progress),
            None if device.dirty.is_some() => None,
            None => Some(now),
        }
    }
}

/// What a job costs however small it is, and for each unit of work, in 2⁻²⁸ microseconds: the line through the mean whose slope is
/// how time and work vary together, by how work varies.
fn costs(measured: &[(u64, u64)], apart: bool) -> (i128, i128) {
    let n = measured.len() as i128;
    let (time, work): (i128, i128) =
        measured.iter().fold((0, 0), |(t, w), (took, work)| (t + *took as i128, w + *work as i128));
    let in_proportion = if work > 0 { (0, (time << 28) / work) } else { ((time << 28) / n, 0) };
    let vary = |f: &dyn Fn(i128, i128) -> i128| -> i128 {
        measured.iter().map(|(took, size)| f(n * *took as i128 - time, n * *size as i128 - work)).sum()
    };
    let (together, alone) = (vary(&|took, size| took * size) / n, vary(&|_, size| size * size) / n);
    if !apart || alone == 0 {
        return in_proportion;
    }
    if together <= 0 {
        return ((time << 28) / n, 0);
    }
    let each = (together << 28) / alone;
    let fixed = ((time << 28) - each * work) / n;
    if fixed < 0 { in_proportion } else { (fixed, each) }
}
