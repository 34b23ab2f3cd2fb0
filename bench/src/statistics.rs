//! Medians and quantiles of what was measured, and how far apart several runs were.

/// A figure of several runs.
#[derive(Clone, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub runs: usize,
}

impl Spread {
    /// Of one figure for each run.
    pub fn of(mut runs: Vec<f64>) -> Self {
        Self {
            median: quantile(&mut runs, 0.5),
            least: quantile(&mut runs, 0.0),
            most: quantile(&mut runs, 1.0),
            runs: runs.len(),
        }
    }

    /// Of the same quantile of each run.
    pub fn of_quantiles(runs: &mut [Vec<f64>], share: f64) -> Self {
        Self::of(runs.iter_mut().map(|run| quantile(run, share)).collect())
    }
}

/// The value that this share of all is not above: the nearest rank. Sorts them.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut values, 0.0), 1.0);
        assert_eq!(quantile(&mut values, 0.5), 100.0);
        assert_eq!(quantile(&mut values, 0.99), 198.0);
        assert_eq!(quantile(&mut values, 1.0), 200.0);
    }

    #[test]
    fn of_several_runs_the_middle_one_counts() {
        let spread = Spread::of(vec![3.0, 9.0, 1.0]);
        assert_eq!((spread.median, spread.least, spread.most, spread.runs), (3.0, 1.0, 9.0, 3));
    }
}
