//! A start with a long line: from the process's first moment to its first answer. After a stop all is in the database's tables;
//! after a kill the end of it is in its log.

use std::sync::Arc;
use std::time::Instant;

use easel::config::Config;
use easel::store::{Embedded, Location, Sizes, Store};

use crate::bench::Bench;
use crate::host::Home;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const WAITING: u64 = 100_000;
const RUNS: usize = 3;

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let bar = bench.bar("start with 100,000 waiting jobs", WAITING);
    let home = Home::new(bench)?;
    let (mut host, _) = home.start().await?;
    let mut client = host.client().await?;
    line::pause(&mut client).await?;
    line::fill(&mut client, WAITING, line::picture, &bar).await?;
    let (mut killed, mut stopped, mut alone, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut time;
    for _ in 0..RUNS {
        host.kill().await?;
        (host, time) = home.start().await?;
        killed.push(time.as_secs_f64());
        host.stop().await?;
        alone.push(store_alone(&home).await?);
        (host, time) = home.start().await?;
        stopped.push(time.as_secs_f64());
        memory.push(host.memory()?);
    }
    host.kill().await?;
    bar.finish_and_clear();

    let alone = Spread::of(alone).median;
    let row = |what: &str, times| {
        Row::new(what, Unit::Seconds, Spread::of(times)).goal(5.0).limit("reading them from the store", alone)
    };
    Ok(Section {
        rows: vec![
            row("start with 100,000 waiting jobs, after kill -9", killed),
            row("the same, after a stop", stopped),
        ],
        notes: vec![format!(
            "start: {:.0} MB right after a start with {WAITING} waiting jobs.",
            Spread::of(memory).median / 1e6
        )],
    })
}

/// What the database takes to open and to hand out the jobs.
async fn store_alone(home: &Home) -> anyhow::Result<f64> {
    let (data, sizes) = (home.data(), Sizes::for_log(Config::default().store.max_log));
    let begun = Instant::now();
    let engine = Embedded::open(Location::SurrealKv(data.join("store")), sizes).await?;
    let opened = Store::open(Arc::new(engine), &data).await?;
    let time = begun.elapsed();
    anyhow::ensure!(opened.jobs.len() as u64 == WAITING, "{} jobs wait, not {WAITING}", opened.jobs.len());
    opened.store.close().await?;
    Ok(time.as_secs_f64())
}
