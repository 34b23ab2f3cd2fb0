//! What a waiting job costs: how much the process grows with each further 20,000 of them, once its caches have filled. Its log is
//! kept small, for what the database holds of it in memory comes and goes.

use crate::bench::Bench;
use crate::host::Home;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const STEP: u64 = 20_000;
/// Steps that fill the caches.
const WARM: u64 = 2;
/// Steps that count.
const RUNS: u64 = 5;

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let bar = bench.bar("memory per waiting job", STEP * (WARM + RUNS));
    let home = Home::with(bench, "[store]\nmax_log = \"4MiB\"\n")?;
    let (host, _) = home.start().await?;
    let mut client = host.client().await?;
    line::pause(&mut client).await?;
    line::fill(&mut client, STEP * WARM, line::picture, &bar).await?;
    let (mut before, mut each) = (host.memory()?, Vec::new());
    for _ in 0..RUNS {
        line::fill(&mut client, STEP, line::picture, &bar).await?;
        let now = host.memory()?;
        each.push((now - before) / STEP as f64);
        before = now;
    }
    host.kill().await?;
    bar.finish_and_clear();
    let row = Row::new("memory per waiting job", Unit::Bytes, Spread::of(each)).goal(1000.0);
    let note =
        format!("memory: {:.0} MB with {} waiting jobs, everything included.", before / 1e6, STEP * (WARM + RUNS));
    Ok(Section { rows: vec![row], notes: vec![note] })
}
