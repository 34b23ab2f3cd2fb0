//! How long a backend's jobs take, from the last of them that completed: so a new model or a new GPU is believed after a few
//! jobs. Where the host can tell how much work a job is (steps times pixels, say), a job is taken to cost something however small
//! it is, and then something for each unit of work; else each job is taken for an average one.

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::rank_set::Load;

/// With each forecast, a sixteenth of what was known before is forgotten.
const FORGET: u64 = 16;
/// A job in the sums that forget, so that the fraction that is left of one can be told.
const ONE: u64 = 1 << 10;
/// How many jobs are remembered.
const RECENT: usize = 16;
/// After fewer than this, nothing is said: null rather than a lie.
const ENOUGH: usize = 3;
/// Nothing is said of a job that is larger, or smaller, than all that are remembered by more than this factor.
const FACTOR: u64 = 4;
/// What is for a unit of work is told from what is for each job only where sizes differ by this factor at least.
const APART: u64 = 2;
/// Costs are counted in 2⁻²⁸ microseconds: a unit of work may take far less than one.
const FINE: u32 = 28;
/// No work is counted for more, and no time: sums of a few of these, and their products, fit.
const MOST: (u64, u64) = (1 << 40, 1 << 50);

/// An attempt that completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// How long it had the device, in microseconds.
    pub took: u64,
    /// How much it was, if that could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<u64>,
}

/// What a backend's completed attempts took, as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The backend.
    pub backend: String,
    /// Attempts that completed, all told.
    pub completed: u64,
    /// The last of them, at the most 16, in their order.
    #[serde(default)]
    pub recent: Vec<Sample>,
    /// How far off it was when people were told when their jobs would end.
    #[serde(default)]
    pub accuracy: Accuracy,
}

/// What a job is taken to cost, in 2⁻²⁸ microseconds.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// However small it is.
    fixed: i128,
    /// And for each unit of work.
    each: i128,
}

/// When a job was expected to end, as of the moment in which it lined up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// That moment.
    pub made_at: Timestamp,
    /// The end.
    pub end: Timestamp,
    /// How often the wall clock had been set by then.
    #[serde(default)]
    pub jumps: u64,
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
        (self.jobs > 0).then(|| (share(ONE, self.off, self.jobs), share(ONE, self.lasted, self.jobs)))
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
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Sample { took: took.min(MOST.1), work: work.map(|work| work.min(MOST.0)) });
    }

    /// How long that many jobs are going to take, in microseconds, if enough is known to tell.
    pub fn expect(&self, jobs: usize, load: Load) -> Option<u64> {
        let measured = self.measured();
        let by_work = measured.len() >= ENOUGH;
        let (sized, singly) = if by_work { (load.measured, jobs - load.measured) } else { (0, jobs) };
        let mut time = 0;
        if let Some((least, most)) = load.range.filter(|_| sized > 0) {
            let seen = |(low, high): (u64, u64), (_, work): &(u64, u64)| (low.min(*work), high.max(*work));
            let seen = measured.iter().fold((u64::MAX, 0), seen);
            if least < seen.0 / FACTOR || most > seen.1.saturating_mul(FACTOR) {
                return None;
            }
            // However the costs are split, no job is taken for much longer than the longest.
            let longest = measured.iter().map(|(took, _)| *took).max().unwrap_or_default();
            let bound = longest.saturating_mul(FACTOR).saturating_mul(sized as u64);
            time = Cost::of(&measured, seen).of_all(sized, load.work).min(bound);
        }
        if singly > 0 {
            if self.recent.len() < ENOUGH {
                return None;
            }
            let all = self.recent.iter().fold(0u64, |sum, sample| sum.saturating_add(sample.took));
            time = time.saturating_add(share(singly as u64, all, self.recent.len() as u64));
        }
        Some(time)
    }

    /// Time and work of those whose work is known.
    fn measured(&self) -> Vec<(u64, u64)> {
        self.recent.iter().filter_map(|sample| Some((sample.took, sample.work?))).collect()
    }
}

impl Cost {
    /// That of the line that lies closest to these samples (least squares), which are of sizes from one to another. It neither
    /// falls nor begins below nothing: where it would, costs are taken to be all of one kind.
    fn of(samples: &[(u64, u64)], (least, most): (u64, u64)) -> Self {
        let sum = |of: fn(i128, i128) -> i128| -> i128 {
            samples.iter().map(|(took, work)| of(i128::from(*took), i128::from(*work))).sum()
        };
        let (count, time, work) = (samples.len().max(1) as i128, sum(|took, _| took), sum(|_, work| work));
        let alone = Self { fixed: (time << FINE) / count, each: 0 };
        let in_proportion = if work > 0 { Self { fixed: 0, each: (time << FINE) / work } } else { alone };
        let spread = count * sum(|_, work| work * work) - work * work;
        if spread <= 0 || most < least.saturating_mul(APART) {
            return in_proportion;
        }
        let together = count * sum(|took, work| took * work) - work * time;
        if together <= 0 {
            return alone;
        }
        let each = together.saturating_mul(1 << FINE) / spread;
        let fixed = ((time << FINE) - each.saturating_mul(work)) / count;
        if fixed < 0 { in_proportion } else { Self { fixed, each } }
    }

    /// What so many jobs cost, of so much work together: microseconds.
    fn of_all(self, jobs: usize, work: u64) -> u64 {
        let cost = self.fixed.saturating_mul(jobs as i128).saturating_add(self.each.saturating_mul(work.into()));
        u64::try_from(cost >> FINE).unwrap_or(u64::MAX)
    }
}

/// Adds to a sum that forgets.
fn fade(sum: &mut u64, more: u64) {
    *sum = (*sum - *sum / FORGET).saturating_add(more);
}

/// The time that `part` takes, if a `whole` took `time`.
fn share(part: u64, time: u64, whole: u64) -> u64 {
    let product = u128::from(part) * u128::from(time);
    u64::try_from(product / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rank_set::Load;

    const UNMEASURED: Load = Load { measured: 0, work: 0, range: None };

    /// But for what integers lose.
    fn near(time: Option<u64>, expected: u64) -> bool {
        time.is_some_and(|time| time.abs_diff(expected) <= 1 + expected / 1_000)
    }

    fn work(sizes: &[u64]) -> Load {
        let one = |work: &u64| Load { measured: 1, work: *work, range: Some((*work, *work)) };
        sizes.iter().map(one).fold(Load::default(), Load::and)
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
        let history = after([(100_000, Some(10)), (200_000, Some(20)), (300_000, Some(30)), (1_000_000, None)]);
        assert!(near(history.expect(1, work(&[50])), 500_000));
        assert!(near(history.expect(2, work(&[30, 40])), 700_000));
        assert!(near(history.expect(1, UNMEASURED), 400_000), "an average job");
        assert!(near(history.expect(2, work(&[50])), 900_000));
    }

    #[test]
    fn a_job_costs_something_however_small_it_is() {
        let history =
            after([(3_100_000, Some(10)), (3_200_000, Some(20)), (4_000_000, Some(100)), (3_400_000, Some(40))]);
        assert!(near(history.expect(1, work(&[5])), 3_050_000));
        assert!(near(history.expect(1, work(&[400])), 7_000_000));
        assert!(near(history.expect(3, work(&[10, 20, 30])), 9_600_000));
    }

    #[test]
    fn nothing_is_said_of_a_size_that_nobody_has_seen() {
        let tiny = after([(3_000_000, Some(1_000)); 4]);
        assert_eq!(tiny.expect(1, work(&[2_600_000])), None);
        assert_eq!(tiny.expect(2, work(&[1_000, 2_600_000])), None, "one of several");
        assert_eq!(tiny.expect(1, work(&[249])), None);
        assert!(tiny.expect(2, work(&[250, 4_000])).is_some());
    }

    #[test]
    fn noise_among_jobs_of_about_one_size_is_not_taken_for_what_work_costs() {
        let history = after([(900_000, Some(99)), (1_000_000, Some(100)), (1_100_000, Some(101))]);
        assert!(near(history.expect(1, work(&[400])), 4_000_000));
        let falling = after([(300_000, Some(10)), (200_000, Some(20)), (100_000, Some(30))]);
        assert!(near(falling.expect(1, work(&[120])), 200_000));
    }

    #[test]
    fn forecasts_are_off_by_as_much_early_as_late_and_old_ones_fade() {
        let told = |end| Forecast { made_at: 1_000, end, jumps: 0 };
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
        assert!(near(after([(100_000, None); 5]).expect(2, work(&[7])), 200_000));
        let two = after([(100_000, Some(1)), (100_000, Some(1)), (100_000, None)]);
        assert!(near(two.expect(1, work(&[70])), 100_000));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let (old, new) = ((1_000_000, Some(1)), (100_000, Some(1)));
        let history = after(std::iter::repeat_n(old, 50).chain(std::iter::repeat_n(new, 16)));
        assert!(near(history.expect(1, work(&[1])), 100_000));
        assert!(history.recent.len() == RECENT && history.completed == 66);
    }

    proptest! {
        #[test]
        fn what_is_said_is_never_wildly_beyond_what_was_seen(
            seen in prop::collection::vec((0u64..=u64::MAX, prop::option::of(0u64..=u64::MAX)), 0..40),
            sizes in prop::collection::vec(0u64..=u64::MAX, 1..5),
            scale in 0u32..40,
        ) {
            let scaled = |(took, work): &(u64, Option<u64>)| (took >> scale, work.map(|work| work >> scale));
            let (history, sizes) = (after(seen.iter().map(scaled)), sizes.iter().map(|size| size >> scale));
            let sizes: Vec<u64> = sizes.collect();
            let longest = history.recent.iter().map(|sample| sample.took).max().unwrap_or_default();
            let of_known_work: Vec<u64> = history.recent.iter().filter_map(|sample| sample.work).collect();
            let said = history.expect(sizes.len(), work(&sizes));
            if let Some(said) = said {
                prop_assert!(said <= longest.saturating_mul(FACTOR).saturating_mul(sizes.len() as u64), "{said} after {longest}");
            }
            if of_known_work.len() >= ENOUGH {
                let (least, most) = (of_known_work.iter().min().unwrap(), of_known_work.iter().max().unwrap());
                let known = |size: &u64| *size >= least / FACTOR && *size <= most.saturating_mul(FACTOR);
                prop_assert_eq!(said.is_some(), sizes.iter().all(known));
            }
        }
    }
}
