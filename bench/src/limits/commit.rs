//! What the database takes.

use super::RUNS;
use crate::bench::Bench;
use crate::commits::Commits;
use crate::statistics::Spread;

/// How many commits a run has.
const BARE: usize = 300;
const FULL: usize = 30;

/// A bare commit: the median, and the 99th of a hundred.
pub async fn bare(bench: &Bench) -> anyhow::Result<(Spread, Spread)> {
    let mut runs = times(bench, BARE, async |commits| commits.bare().await).await?;
    Ok((Spread::of_quantiles(&mut runs, 0.5), Spread::of_quantiles(&mut runs, 0.99)))
}

/// A commit of many new jobs.
pub async fn full(bench: &Bench) -> anyhow::Result<Spread> {
    let mut runs = times(bench, FULL, async |commits| commits.full().await).await?;
    Ok(Spread::of_quantiles(&mut runs, 0.5))
}

/// The seconds of `each` commits of a kind, in each run.
async fn times(
    bench: &Bench,
    each: usize,
    commit: impl AsyncFn(&mut Commits) -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let directory = bench.fresh_directory()?;
    let mut commits = Commits::open(directory.path()).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..each {
            times.push(commit(&mut commits).await?);
        }
        runs.push(times);
    }
    commits.close().await?;
    Ok(runs)
}
