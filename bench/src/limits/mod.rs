//! What the machine can do at best, whatever Easel does: the figures are held against this.

mod commit;
mod disk;
mod wasm;

use crate::bench::Bench;
use crate::row::{Row, Unit};
use crate::statistics::Spread;

/// How often each limit is measured.
const RUNS: usize = 5;

/// The limits, in seconds.
pub struct Limits {
    sync: Spread,
    pub commit: Spread,
    pub late_commit: Spread,
    /// A commit of 64 new jobs, the most that the writer puts into one.
    pub full_commit: Spread,
    pub wasm: Spread,
}

pub async fn measure(bench: &Bench) -> anyhow::Result<Limits> {
    let bar = bench.bar("the machine's own limits", 4);
    let sync = disk::sync(bench.directory())?;
    bar.inc(1);
    let (commit, late_commit) = commit::bare(bench).await?;
    bar.inc(1);
    let full_commit = commit::full(bench).await?;
    bar.inc(1);
    let wasm = wasm::call()?;
    bar.finish_and_clear();
    Ok(Limits { sync, commit, late_commit, full_commit, wasm })
}

impl Limits {
    pub fn rows(&self) -> Vec<Row> {
        let row = |what: &str, figure: &Spread| Row::new(what, Unit::Seconds, figure.clone());
        vec![
            row("4 KB appended to a file, and fdatasync", &self.sync),
            row("a bare commit: one row in SurrealDB, durable", &self.commit),
            row("the same, p99", &self.late_commit),
            row("a commit of 64 new jobs with their events, from one caller without HTTP", &self.full_commit),
            row("a bare call: a new instance of an empty WebAssembly component", &self.wasm),
        ]
    }
}
