//! Lists of jobs by each filter, of much and of little, when there are few jobs and when there are very many. What fits a filter arrived first,
//! so whoever walks the jobs from the newest on meets it last.

use std::time::Instant;

use bytes::Bytes;
use easel_wire::{Job, Jobs};

use crate::bench::Bench;
use crate::client::Client;
use crate::host::Home;
use crate::line::{self, BATCH};
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

/// How many jobs there are.
const SIZES: [u64; 2] = [10_000, 1_000_000];
const RUNS: usize = 20;

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let [.., most] = SIZES;
    let bar = bench.bar("lists of jobs", most);
    let home = Home::new(bench)?;
    let (host, _) = home.start().await?;
    let mut client = host.client().await?;
    let [first] = line::submit(&mut client, [line::fake([])].into_iter()).await?[..] else {
        anyhow::bail!("a batch of one job has one")
    };
    while client.get::<Job>(&format!("/v1/jobs/{first}")).await?.ended_at.is_none() {}
    let first: Job = client.get(&format!("/v1/jobs/{first}")).await?;
    line::pause(&mut client).await?;
    for batch in line::fill(&mut client, BATCH, line::picture, &bar).await? {
        client.post(&format!("/v1/batches/{batch}/cancel"), Bytes::from("{}")).await?;
    }
    let filters = [
        ("the newest", String::new(), 100),
        ("status=cancelled", "&status=cancelled".to_owned(), 100),
        ("status=complete", "&status=complete".to_owned(), 1),
        ("status=error, of which there are none", "&status=error".to_owned(), 0),
        ("backend=fakes", "&backend=fakes".to_owned(), 1),
        ("owner=nobody", "&owner=nobody".to_owned(), 0),
        ("conversation_id", "&conversation_id=conversation-7".to_owned(), 10),
        ("until, the oldest", format!("&until={}", first.created_at.to_string().replace(':', "%3A")), 0),
        ("the last page", "&cursor=3".to_owned(), 2),
    ];
    let (mut rows, mut there) = (Vec::new(), BATCH);
    for size in SIZES {
        line::fill(&mut client, size - there, line::picture, &bar).await?;
        there = size;
        for (name, filter, least) in &filters {
            let times = times(&mut client, &format!("/v1/jobs?limit=100{filter}"), *least).await?;
            let what = format!("list of jobs, {size} there: {name}");
            rows.push(Row::new(what, Unit::Seconds, Spread::of(times)).goal(0.020));
        }
    }
    let note = format!("lists: {:.0} MB with {most} jobs there.", host.memory()? / 1e6);
    host.kill().await?;
    bar.finish_and_clear();
    Ok(Section { rows, notes: vec![note] })
}

async fn times(client: &mut Client, path: &str, least: usize) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let found: Jobs = client.get(path).await?;
        times.push(begun.elapsed().as_secs_f64());
        anyhow::ensure!(found.jobs.len() >= least, "{path} has {} jobs", found.jobs.len());
    }
    Ok(times)
}
