//! A fresh instance of a backend: a store with its limits, WASI, the embedded stub, and the call that does least (`unload`), in
//! a task of its own as each call is.

use std::time::Instant;

use anyhow::Context as _;
use easel::backends::Registry;
use easel::config::Config;

use crate::bench::Bench;
use crate::limits::Limits;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const RUNS: usize = 5;
const CALLS: usize = 2000;

pub async fn measure(bench: &Bench, limits: &Limits) -> anyhow::Result<Section> {
    let bar = bench.bar("a fresh instance of a backend", RUNS as u64);
    let directory = bench.fresh_directory()?;
    let config = Config::default();
    let registry = Registry::open(&config, directory.path()).await?;
    let backend = registry.get(&config.default_backend).context("there is no default backend")?;
    let backend = backend.anywhere();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            let ended = backend.unload().await;
            times.push(begun.elapsed().as_secs_f64());
            ended.map_err(|ended| anyhow::anyhow!("the backend {ended}"))?;
        }
        runs.push(times);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let what = "fresh instance of a backend, called and dropped";
    let row = Row::new(what, Unit::Seconds, Spread::of_quantiles(&mut runs, 0.5));
    Ok(Section { rows: vec![row.goal(50e-6).limit("an empty component", limits.wasm.median)], notes: Vec::new() })
}
