//! `make load`: what a host bears. Floods come one after another to one host, each larger than anybody means to send, and each
//! must leave the host as it was: its memory given back, and `/healthz` answered in time meanwhile.
//!
//! Unlike the rest of the bench it passes or fails. What a client here sends is as little work for this program as can be: the
//! two share the processor.

mod bodies;
mod downloads;
mod jobs;
mod sockets;
mod watch;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::files;
use crate::format::figure;
use crate::host::{Home, Host};
use crate::machine::{self, Machine};
use crate::row::Unit;
use sockets::Sockets;
use watch::{Seen, Watch};

/// How much more memory than at its start the host may have in the end.
const MORE: f64 = 100.0 * MIB;
/// How long an answer of `/healthz` may take.
const HEALTHY: Duration = Duration::from_secs(1);
/// How long after a flood the memory may take to come back.
const SETTLED: Duration = Duration::from_secs(60);
const MIB: f64 = 1024.0 * 1024.0;

/// What came of one flood.
struct Phase {
    what: String,
    before: f64,
    after: f64,
    settled: Duration,
    seen: Seen,
}

pub async fn run(bench: &Bench) -> anyhow::Result<()> {
    files::enough_for(sockets::ALL.max(downloads::ALL) + bodies::ALL)?;
    let machine = Machine::look(bench.directory());
    let home = Home::new(bench)?;
    let (host, _) = home.start().await?;
    let artifact = downloads::artifact(&host).await?;
    let start = host.memory()?;
    let mut load = Load { host, start, watch: None, phases: Vec::new() };
    load.watch = Some(Watch::begin(load.host.address, load.host.id()?));

    let mut phase = load.begin("nothing".to_owned())?;
    sleep(Duration::from_secs(5)).await;
    load.end(phase).await?;

    phase = load.begin(format!("{} WebSockets, of which {} never read", sockets::ALL, sockets::DEAF))?;
    let sockets = Sockets::open(load.host.address, bench).await.context("WebSockets")?;
    load.end(phase).await?;

    phase = load.begin(format!("{} large jobs, while they are there", jobs::ALL))?;
    jobs::run(&load.host, bench).await.context("large jobs")?;
    sockets.close().await;
    load.end(phase).await?;

    phase = load.begin(format!("{} bodies of {} MB that stall", bodies::ALL, bodies::SIZE / 1_000_000))?;
    bodies::stall(load.host.address, bench).await.context("bodies")?;
    load.end(phase).await?;

    phase = load.begin(format!("{} downloads that nobody reads", downloads::ALL))?;
    downloads::ignore(load.host.address, &artifact, bench).await.context("downloads")?;
    load.end(phase).await?;

    load.report(&machine)
}

struct Load {
    host: Host,
    start: f64,
    watch: Option<Watch>,
    phases: Vec<Phase>,
}

impl Load {
    fn begin(&mut self, what: String) -> anyhow::Result<(String, f64)> {
        if let Some(watch) = &self.watch {
            watch.take();
        }
        Ok((what, self.host.memory()?))
    }

    /// Waits until the memory is back, or ought to be.
    async fn end(&mut self, (what, before): (String, f64)) -> anyhow::Result<()> {
        let over = Instant::now();
        let mut after = self.host.memory()?;
        while after > self.start + MORE && over.elapsed() < SETTLED {
            sleep(Duration::from_millis(200)).await;
            after = self.host.memory()?;
        }
        let seen = self.watch.as_ref().map(Watch::take).unwrap_or_default();
        let phase = Phase { what, before, after, settled: over.elapsed(), seen };
        eprintln!("{}", phase.row());
        self.phases.push(phase);
        Ok(())
    }

    fn report(&self, machine: &Machine) -> anyhow::Result<()> {
        println!("{machine}\n\nLoad average: {} before, {} after.\n", machine.load, machine::load());
        println!("| flood | memory before | at most | after | back within | slowest `/healthz` | of |");
        println!("|---|---|---|---|---|---|---|");
        self.phases.iter().for_each(|phase| println!("{}", phase.row()));
        let more = self.host.memory()? - self.start;
        let slowest = self.phases.iter().map(|phase| phase.seen.slowest).max().unwrap_or_default();
        let failed: usize = self.phases.iter().map(|phase| phase.seen.failed).sum();
        println!(
            "\nIn the end the host has {:+.0} MiB of the {} MiB more that it may have; the slowest `/healthz` took {} of {}.",
            more / MIB,
            MORE / MIB,
            figure(slowest.as_secs_f64(), Unit::Seconds),
            figure(HEALTHY.as_secs_f64(), Unit::Seconds)
        );
        anyhow::ensure!(failed == 0, "{failed} requests of /healthz were not answered");
        anyhow::ensure!(more <= MORE, "the host keeps {:.0} MiB that it did not have at its start", more / MIB);
        anyhow::ensure!(slowest <= HEALTHY, "/healthz took {slowest:?}");
        Ok(())
    }
}

impl Phase {
    fn row(&self) -> String {
        let Self { what, before, after, settled, seen } = self;
        let [before, peak, after] =
            [*before, seen.peak.max(*before), *after].map(|bytes| format!("{:.0} MiB", bytes / MIB));
        let slowest = figure(seen.slowest.as_secs_f64(), Unit::Seconds);
        format!(
            "| {what} | {before} | {peak} | {after} | {:.0} s | {slowest} | {} |",
            settled.as_secs_f64(),
            seen.asked
        )
    }
}
