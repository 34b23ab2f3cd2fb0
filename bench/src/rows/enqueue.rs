//! Durable enqueue: 64 clients, each with one connection, each sends its next job when the last one is acknowledged.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::bench::Bench;
use crate::client::{Client, body};
use crate::commits;
use crate::host::{Home, Host, processor};
use crate::limits::Limits;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const CLIENTS: u64 = 64;
const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(4);
/// Before the first run counts.
const WARM: Duration = Duration::from_secs(2);

pub async fn measure(bench: &Bench, limits: &Limits) -> anyhow::Result<Section> {
    let bar = bench.bar("durable enqueue, 64 clients", RUNS as u64);
    let home = Home::new(bench)?;
    let (host, _) = home.start().await?;
    line::pause(&mut host.client().await?).await?;
    run(&host, WARM).await?;
    let (mut rates, mut times) = (Vec::new(), Vec::new());
    let (begun, ours, theirs) = (Instant::now(), processor("self")?, host.processor()?);
    for _ in 0..RUNS {
        let (rate, latencies) = run(&host, RUN).await?;
        rates.push(rate);
        times.push(latencies);
        bar.inc(1);
    }
    let (ours, theirs) = ((processor("self")? - ours).as_secs_f64(), (host.processor()? - theirs).as_secs_f64());
    let (took, jobs) = (begun.elapsed().as_secs_f64(), times.iter().map(Vec::len).sum::<usize>() as f64);
    host.kill().await?;
    bar.finish_and_clear();

    let full = limits.full_commit.median;
    let what = "durable enqueue over HTTP, 64 clients";
    Ok(Section {
        rows: vec![
            Row::new(what, Unit::PerSecond, Spread::of(rates))
                .goal(10_000.0)
                .limit("full commits alone", commits::JOBS as f64 / full),
            Row::new("the same, p50", Unit::Seconds, Spread::of_quantiles(&mut times, 0.5))
                .limit("a full commit", full),
            Row::new("the same, p99", Unit::Seconds, Spread::of_quantiles(&mut times, 0.99))
                .goal(0.025)
                .limit("a full commit", full),
        ],
        notes: vec![format!(
            "enqueue: the host used {:.2} cores, {:.0} µs of processor time for each job; the 64 clients used {:.2} cores.",
            theirs / took,
            theirs / jobs * 1e6,
            ours / took
        )],
    })
}

/// All clients at once, for a while: jobs a second, and how long each took.
async fn run(host: &Host, time: Duration) -> anyhow::Result<(f64, Vec<f64>)> {
    let begun = Instant::now();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let body = body(&line::picture(number))?;
        clients.push(tokio::spawn(submit(host.client().await?, body, begun + time)));
    }
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await??);
    }
    Ok((latencies.len() as f64 / begun.elapsed().as_secs_f64(), latencies))
}

async fn submit(mut client: Client, body: Bytes, until: Instant) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        client.post("/v1/jobs", body.clone()).await?;
        latencies.push(begun.elapsed().as_secs_f64());
    }
    Ok(latencies)
}
