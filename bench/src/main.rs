//! `make bench`: what Easel promises about speed, measured, with the machine's own limits beside it. `make load`: what it bears.
//!
//! It drives the real `easel` process over real sockets, its store on a real disk; what is only a function of the queue or of
//! the sandbox is called as a library. It prints Markdown, which is what `docs/performance.md` shows. A figure never makes `make
//! bench` fail: that is for people to judge.

mod bench;
mod client;
mod commits;
mod files;
mod format;
mod host;
mod limits;
mod line;
mod load;
mod machine;
mod queue;
mod report;
mod row;
mod rows;
mod statistics;

use std::pin::Pin;
use std::process::ExitCode;

use anyhow::Context as _;
use bench::{Bench, Options, Task};
use clap::Parser as _;
use report::Report;
use row::Section;

type Measurement<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Section>> + 'a>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("easel-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::prepare(options)?;
    if let Some(Task::Load) = options.task {
        return load::run(&bench).await;
    }
    let mut report = Report::begin(&bench);
    let limits = limits::measure(&bench).await.context("the machine's own limits")?;
    report.limits(&limits);

    let table: [(&str, Measurement); 8] = [
        ("enqueue", Box::pin(rows::enqueue::measure(&bench, &limits))),
        ("idle", Box::pin(rows::idle::measure(&bench, &limits))),
        ("million", Box::pin(rows::million::measure(&bench))),
        ("instance", Box::pin(rows::instance::measure(&bench, &limits))),
        ("fan-out", Box::pin(rows::fan_out::measure(&bench))),
        ("start", Box::pin(rows::start::measure(&bench))),
        ("memory", Box::pin(rows::memory::measure(&bench))),
        ("lists", Box::pin(rows::lists::measure(&bench))),
    ];
    for (name, measurement) in table {
        if options.wants(name) {
            report.add(name, measurement.await);
        }
    }
    report.print()
}
