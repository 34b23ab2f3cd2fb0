//! What the database takes: the host's own store, with nobody but this program at it.

use std::path::Path;
use std::time::Instant;

use easel::config::Config;
use easel::store::{Committed, Location, Sizes, Store};
use easel_core::{Cold, Command, Draft, Refusal};

use super::RUNS;
use crate::bench::Bench;
use crate::queue;
use crate::statistics::Spread;

/// Jobs of a full commit: as many as the writer takes.
pub const JOBS: usize = 64;
/// How many commits a run has.
const BARE: usize = 300;
const FULL: usize = 30;

/// A commit that changes the writer's row and nothing else, as each commit does: the median, and the 99th of a hundred.
pub async fn bare(bench: &Bench) -> anyhow::Result<(Spread, Spread)> {
    let directory = bench.fresh_directory()?;
    let mut runs = commits(directory.path(), BARE, |_| Ok(())).await?;
    Ok((Spread::of_quantiles(&mut runs, 0.5), Spread::of_quantiles(&mut runs, 0.99)))
}

/// A commit of many new jobs.
pub async fn full(bench: &Bench) -> anyhow::Result<Spread> {
    let directory = bench.fresh_directory()?;
    let mut last = 0;
    let mut runs = commits(directory.path(), FULL, |draft| {
        for _ in 0..JOBS {
            last += 1;
            queue::decide_on(draft, Command::Submit(Box::new(queue::new_job(last))))?;
        }
        Ok(())
    })
    .await?;
    Ok(Spread::of_quantiles(&mut runs, 0.5))
}

async fn commits(
    data: &Path,
    each: usize,
    mut change: impl FnMut(&mut Draft) -> Result<(), Refusal>,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let sizes = Sizes::for_log(Config::default().store.max_log);
    let store = Store::open(&Location::SurrealKv(data.join("store")), sizes, data).await?.store;
    let (mut state, mut number, mut runs) = (queue::empty(), 0, Vec::new());
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..each {
            let mut draft = Draft::new(state, Cold::default());
            change(&mut draft)?;
            number += 1;
            let begun = Instant::now();
            let committed = store.commit(&draft, number).await?;
            times.push(begun.elapsed().as_secs_f64());
            if let Committed::No(error) = committed {
                return Err(error.into());
            }
            state = draft.state;
            store.flush_if_due().await?;
        }
        runs.push(times);
    }
    store.close().await?;
    Ok(runs)
}
