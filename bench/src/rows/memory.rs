//! What a waiting job costs: how much the process grows with very many of them, once its caches have filled. One long
//! stretch, for what the database holds in memory comes and goes, by more than some thousands of jobs take. Its log is kept
//! small for the same reason.

use crate::bench::Bench;
use crate::host::Home;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

/// Jobs that fill the caches.
const WARM: u64 = 40_000;
/// Jobs that count.
const JOBS: u64 = 100_000;

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let bar = bench.bar("memory per waiting job", WARM + JOBS);
    let home = Home::with(bench, "[store]\nmax_log = \"4MiB\"\n")?;
    let (host, _) = home.start().await?;
    let mut client = host.client().await?;
    line::pause(&mut client).await?;
    line::fill(&mut client, WARM, line::picture, &bar).await?;
    let before = host.memory()?;
    line::fill(&mut client, JOBS, line::picture, &bar).await?;
    let after = host.memory()?;
    host.kill().await?;
    bar.finish_and_clear();
    let each = Spread::of(vec![(after - before) / JOBS as f64]);
    let row = Row::new("memory per waiting job", Unit::Bytes, each).goal(1000.0);
    let note = format!("memory: {:.0} MB with {} waiting jobs, everything included.", after / 1e6, WARM + JOBS);
    Ok(Section { rows: vec![row], notes: vec![note] })
}
