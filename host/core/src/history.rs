//! How long a backend's jobs take: sums that forget, so that a new model or a new GPU is believed after a few jobs. Where
//! the host can tell how much work a job is (steps times pixels, say), time is counted per unit of it; else per job.

use serde::{Deserialize, Serialize};

use crate::job::Timestamp;
use crate::rank_set::Load;

/// With each attempt, a sixteenth of what was known before is forgotten.
const FORGET: u64 = 16;
/// A job, or a unit of work, in the sums, so that the fraction that is left of one can be told.
const ONE: u64 = 1 << 10;
/// After fewer attempts than this, nothing is said: null rather than a lie.
const ENOUGH: u64 = 3;

/// What a backend's completed attempts took, as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The backend.
    pub backend: String,
    /// Attempts that completed, all told.
    pub completed: u64,
    /// Those of them whose work was known.
    pub measured: u64,
    /// What is remembered of all of them: jobs, in units of 2⁻¹⁰.
    pub jobs: u64,
    /// And the time that they took, in microseconds.
    pub time: u64,
    /// What is remembered of those whose work was known: work, in units of 2⁻¹⁰.
    pub work: u64,
    /// And the time that they took, in microseconds.
    pub work_time: u64,
    /// How far off it was when people were told when their jobs would end.
    #[serde(default)]
    pub accuracy: Accuracy,
}

/// When a job was expected to end, as of the moment in which it lined up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// That moment.
    pub made_at: Timestamp,
    /// The end.
    pub end: Timestamp,
}

/// How far forecasts were off: sums that forget, over the jobs that completed and had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Such jobs, all told.
    pub forecasts: u64,
    /// What is remembered of them: jobs, in units of 2⁻¹⁰.
    pub jobs: u64,
    /// How far off they were, early or late, in microseconds.
    pub off: u64,
    /// How long it was from the forecast to the end, in microseconds.
    pub lasted: u64,
}

impl Accuracy {
    /// Another job has completed that had a forecast.
    pub fn record(&mut self, forecast: Forecast, end: Timestamp) {
        self.forecasts += 1;
        fade(&mut self.jobs, ONE);
        fade(&mut self.off, end.abs_diff(forecast.end));
        fade(&mut self.lasted, end.abs_diff(forecast.made_at));
    }

    /// How far off forecasts were of late, and how long it was to what they foretold: means, in microseconds. None as long as
    /// nothing was foretold.
    pub fn means(&self) -> Option<(u64, u64)> {
        (self.jobs > 0).then(|| (share(1, self.off, self.jobs), share(1, self.lasted, self.jobs)))
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            forecasts: self.forecasts.saturating_add(other.forecasts),
            jobs: self.jobs.saturating_add(other.jobs),
            off: self.off.saturating_add(other.off),
            lasted: self.lasted.saturating_add(other.lasted),
        }
    }
}

/// How far an attempt says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: u8,
    /// Since when it has been that far.
    pub since: Timestamp,
}

impl History {
    /// Another attempt has completed: in so many microseconds, and, if that is known, for so much work.
    pub fn record(&mut self, took: u64, work: Option<u64>) {
        self.completed += 1;
        fade(&mut self.jobs, ONE);
        fade(&mut self.time, took);
        if let Some(work) = work {
            self.measured += 1;
            fade(&mut self.work, work.saturating_mul(ONE));
            fade(&mut self.work_time, took);
        }
    }

    /// How long that many jobs are going to take, in microseconds, if enough is known to tell.
    pub fn expect(&self, jobs: usize, load: Load) -> Option<u64> {
        let by_work = self.measured >= ENOUGH && self.work > 0;
        let (work, singly) = if by_work { (load.work, jobs - load.measured) } else { (0, jobs) };
        let mut time = share(work, self.work_time, self.work);
        if singly > 0 {
            if self.completed < ENOUGH {
                return None;
            }
            time = time.saturating_add(share(singly as u64, self.time, self.jobs));
        }
        Some(time)
    }
}

/// Adds to a sum that forgets.
fn fade(sum: &mut u64, more: u64) {
    *sum = (*sum - *sum / FORGET).saturating_add(more);
}

/// The time that `part` takes, if a remembered `whole` took `time`.
fn share(part: u64, time: u64, whole: u64) -> u64 {
    let product = u128::from(part) * u128::from(time) * u128::from(ONE);
    u64::try_from(product / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNMEASURED: Load = Load { measured: 0, work: 0 };

    /// But for what integers lose.
    fn near(time: Option<u64>, expected: u64) -> bool {
        time.is_some_and(|time| time.abs_diff(expected) <= expected / 1_000)
    }

    fn work(work: u64) -> Load {
        Load { measured: 1, work }
    }

    fn after(attempts: impl IntoIterator<Item = (u64, Option<u64>)>) -> History {
        let mut history = History::default();
        attempts.into_iter().for_each(|(took, work)| history.record(took, work));
        history
    }

    #[test]
    fn nothing_is_said_before_three_attempts_have_completed() {
        assert_eq!(after([(100_000, None); 2]).expect(1, UNMEASURED), None);
        assert!(near(after([(100_000, None); 3]).expect(1, UNMEASURED), 100_000));
        assert_eq!(History::default().expect(0, Load::default()), Some(0), "no jobs take no time");
    }

    #[test]
    fn time_is_counted_by_work_where_that_is_known_and_else_by_jobs() {
        let history = after([(100_000, Some(10)), (200_000, Some(20)), (300_000, Some(30)), (999_000, None)]);
        assert!(near(history.expect(1, work(50)), 500_000));
        assert!(near(history.expect(2, Load { measured: 2, work: 70 }), 700_000));
        let alone = history.expect(1, UNMEASURED).unwrap();
        assert!((400_000..=450_000).contains(&alone), "{alone}");
        assert!(near(history.expect(2, work(50)), 500_000 + alone));
    }

    #[test]
    fn forecasts_are_off_by_as_much_early_as_late_and_old_ones_fade() {
        let told = |end| Forecast { made_at: 1_000, end };
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.means(), None, "nothing was foretold");
        accuracy.record(told(1_700), 2_000);
        accuracy.record(told(2_300), 2_000);
        let (off, lasted) = accuracy.means().unwrap();
        assert!((299..=300).contains(&off) && (999..=1_000).contains(&lasted), "{accuracy:?}");
        (0..200).for_each(|_| accuracy.record(told(2_010), 2_000));
        assert!(accuracy.means().unwrap().0 <= 10, "{accuracy:?}");
        assert_eq!(accuracy.forecasts, 202);
    }

    #[test]
    fn jobs_whose_work_is_known_are_told_by_jobs_while_the_time_for_work_is_not() {
        assert!(near(after([(100_000, None); 5]).expect(2, Load { measured: 1, work: 7 }), 200_000));
        let two = after([(100_000, Some(1)), (100_000, Some(1)), (100_000, None)]);
        assert!(near(two.expect(1, work(70)), 100_000));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let history =
            after(std::iter::repeat_n((1_000_000, Some(1)), 50).chain(std::iter::repeat_n((100_000, Some(1)), 50)));
        let expected = history.expect(1, work(1)).unwrap();
        assert!((100_000..=140_000).contains(&expected), "{expected}");
        assert!(history.jobs <= FORGET * ONE && history.completed == 100);
    }
}
