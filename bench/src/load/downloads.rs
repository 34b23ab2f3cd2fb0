//! Downloads of a large artifact, of which nobody reads a byte.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use easel_wire::{Job, Status};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::client::body;
use crate::host::Host;
use crate::line;

pub const ALL: usize = 2_000;
/// More than the system takes from the host for one connection.
const SIZE: u64 = 64 * 1024 * 1024;
/// How long they stay: longer than the host has patience.
const STAY: Duration = Duration::from_secs(40);
const OFTEN: Duration = Duration::from_millis(100);

/// Makes an artifact; where it is.
pub async fn artifact(host: &Host) -> anyhow::Result<String> {
    let mut client = host.client().await?;
    let new = line::fake([("artifacts", 1.into()), ("artifact_bytes", SIZE.into())]);
    let job: Job = client.ask("/v1/jobs", body(&new)?).await?;
    let path = format!("/v1/jobs/{}", job.id);
    loop {
        let job: Job = client.get(&path).await?;
        match job.status {
            Status::Complete => {
                return Ok(job.artifacts.into_iter().next().context("a job without its artifact")?.url);
            }
            Status::Error | Status::Cancelled => anyhow::bail!("the artifact could not be made: {:?}", job.error),
            _ => sleep(OFTEN).await,
        }
    }
}

pub async fn ignore(address: SocketAddr, artifact: &str, bench: &Bench) -> anyhow::Result<()> {
    let bar = bench.bar("downloads", ALL as u64);
    let head = format!("GET {artifact} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut streams = Vec::new();
    for _ in 0..ALL {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        streams.push(stream);
        bar.inc(1);
    }
    sleep(STAY).await;
    drop(streams);
    bar.finish_and_clear();
    Ok(())
}
