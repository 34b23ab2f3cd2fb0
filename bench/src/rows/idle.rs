//! How long a device stands idle between two jobs: from where the guest sees it. The test backend's jobs do nothing but say
//! when they began and ended, so the gap is all that the host does in between: outcome and claim on the disk, a new instance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use easel_wire::{Jobs, Queue};
use uuid::Uuid;

use crate::bench::Bench;
use crate::client::Client;
use crate::host::Home;
use crate::limits::Limits;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

/// How many wait at least.
const WAITING: u64 = 10_000;
const RUNS: u64 = 5;
const RUN: u64 = 1000;
/// What the host does to two jobs besides the commit.
const REST: f64 = 0.0003;

pub async fn measure(bench: &Bench, limits: &Limits) -> anyhow::Result<Section> {
    let bar = bench.bar("device idle between two jobs", WAITING + RUNS * RUN);
    let home = Home::new(bench)?;
    let (host, _) = home.start().await?;
    let mut client = host.client().await?;
    line::pause(&mut client).await?;
    let job = |_| line::fake([("steps", 0.into())]);
    let batches = line::fill(&mut client, WAITING + RUNS * RUN, job, &bar).await?;

    bar.set_position(0);
    let mut windows = Vec::new();
    for run in 1..=RUNS {
        let begun = now();
        line::resume(&mut client).await?;
        while waiting(&mut client).await? > WAITING + (RUNS - run) * RUN {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        line::pause(&mut client).await?;
        windows.push(begun..now());
        bar.set_position(run * RUN);
    }
    let mut times = Vec::new();
    // A few more than asked for have run by the time that each pause is heard.
    for batch in batches.into_iter().take(RUNS as usize + 1) {
        times.extend(completed(&mut client, batch).await?);
    }
    times.sort_unstable();
    host.kill().await?;
    bar.finish_and_clear();

    let mut runs: Vec<Vec<f64>> = windows
        .iter()
        .map(|window| {
            let inside: Vec<_> = times.iter().filter(|(began, _)| window.contains(began)).collect();
            let gaps = inside.iter().zip(inside.iter().skip(1));
            gaps.map(|((_, ended), (began, _))| began.saturating_sub(*ended) as f64 / 1e6).collect()
        })
        .collect();
    let (bare, late) = (limits.commit.median, limits.late_commit.median);
    Ok(Section {
        rows: vec![
            Row::new(
                "device idle between two jobs, 10,000 waiting, p50",
                Unit::Seconds,
                Spread::of_quantiles(&mut runs, 0.5),
            )
            .goal(bare + REST)
            .limit("a bare commit", bare),
            Row::new("the same, p99", Unit::Seconds, Spread::of_quantiles(&mut runs, 0.99))
                .goal(0.005)
                .limit("a bare commit, p99", late),
        ],
        notes: Vec::new(),
    })
}

async fn waiting(client: &mut Client) -> anyhow::Result<u64> {
    Ok(client.get::<Queue>("/v1/queue").await?.length)
}

/// When the jobs of a batch began and ended, in microseconds, as far as they have.
async fn completed(client: &mut Client, batch: Uuid) -> anyhow::Result<Vec<(u64, u64)>> {
    let (mut times, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Jobs = client.get(&format!("/v1/jobs?batch_id={batch}&status=complete&limit=200{cursor}")).await?;
        for job in page.jobs {
            let at = |name: &str| job.result.as_ref()?.get(name)?.as_u64();
            times.push(at("began_us").zip(at("ended_us")).context("a job that does not say when it ran")?);
        }
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(times),
        }
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
