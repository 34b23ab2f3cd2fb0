//! How long things take, on rows: from all that ever completed, added up whenever somebody asks.

use easel_core::{Accuracy, Forecast, History, Job, Progress, Status, Timestamp};

use super::Naive;

impl Naive {
    /// An attempt at `job` has completed now.
    pub(super) fn learn(&mut self, job: &Job) {
        let took = (self.now - job.started_at.unwrap()) as u64;
        self.completions.push((job.backend.clone(), took, job.work));
        let all: Vec<_> = self.completions.iter().filter(|(backend, ..)| *backend == job.backend).collect();
        let measured: Vec<_> = all.iter().filter_map(|(_, took, work)| Some((*took, (*work)?))).collect();
        let fading = |values: Vec<u64>| values.into_iter().fold(0, |sum, value| sum - sum / 16 + value);
        let history = History {
            backend: job.backend.clone(),
            completed: all.len() as u64,
            measured: measured.len() as u64,
            jobs: fading(vec![1 << 10; all.len()]),
            time: fading(all.iter().map(|(_, took, _)| *took).collect()),
            work: fading(measured.iter().map(|(_, work)| *work << 10).collect()),
            work_time: fading(measured.iter().map(|(took, _)| *took).collect()),
            accuracy: self.accuracy(job),
        };
        self.rows.histories.insert(job.backend.clone(), history);
    }

    /// How far off the forecasts of a backend's jobs were, one that completes now included.
    fn accuracy(&mut self, job: &Job) -> Accuracy {
        let forecasts = self.forecasts.entry(job.backend.clone()).or_default();
        forecasts.extend(job.forecast.map(|told| (told, self.now)));
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
        let history = self.rows.histories.get(&first.backend)?;
        let by_work = history.measured >= 3 && history.work > 0;
        let work: u64 = jobs.iter().filter_map(|job| job.work).filter(|_| by_work).sum();
        let singly = jobs.iter().filter(|job| !by_work || job.work.is_none()).count() as u64;
        if singly > 0 && history.completed < 3 {
            return None;
        }
        let by_job = if singly > 0 { (singly << 10) * history.time / history.jobs } else { 0 };
        Some(if by_work { (work << 10) * history.work_time / history.work } else { 0 } + by_job)
    }

    fn end_of(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<Timestamp> {
        let takes = self.time_for(&[job])?;
        Some(now.max(match progress {
            Some(Progress { percent: percent @ 1.., since }) => {
                since + (takes * (100 - u64::from(percent)) / 100) as i64
            }
            _ => job.started_at.unwrap() + takes as i64,
        }))
    }

    pub fn estimate(&self, job: &Job, now: Timestamp, progress: Option<Progress>) -> Option<(Timestamp, Timestamp)> {
        let device = &self.rows.devices[&self.binding(&job.backend)?.device];
        if job.status == Status::Processing {
            return Some((job.started_at.unwrap(), self.end_of(job, now, progress)?));
        }
        if job.status != Status::Queued || self.is_held(job) || device.paused.is_some() || self.stands() {
            return None;
        }
        let mut start = match &device.live {
            Some(live) => self.end_of(&self.rows.jobs[&live.job], now, progress)?,
            None if device.dirty.is_some() => return None,
            None => now,
        };
        let line = self.line(&device.name);
        let before = &line[..line.iter().position(|other| other.id == job.id).unwrap()];
        for (backend, _) in &self.backends {
            let jobs: Vec<&Job> = before.iter().filter(|other| other.backend == *backend).copied().collect();
            start += self.time_for(&jobs)? as i64;
        }
        Some((start, start + self.time_for(&[job])? as i64))
    }
}
