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
    let directory = bench.fresh_directory()?;
    let mut commits = Commits::open(directory.path()).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..BARE {
            times.push(commits.bare().await?);
        }
        runs.push(times);
    }
    commits.close().await?;
    Ok((Spread::of_quantiles(&mut runs, 0.5), Spread::of_quantiles(&mut runs, 0.99)))
}

/// A commit of many new jobs.
pub async fn full(bench: &Bench) -> anyhow::Result<Spread> {
    let directory = bench.fresh_directory()?;
    let mut commits = Commits::open(directory.path()).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..FULL {
            times.push(commits.full().await?);
        }
        runs.push(times);
    }
    commits.close().await?;
    Ok(Spread::of_quantiles(&mut runs, 0.5))
}
