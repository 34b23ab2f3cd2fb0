//! Downloads of a large artifact, of which nobody reads a byte.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::host::Host;

pub const ALL: usize = 2_000;
/// More than the system takes from the host for one connection.
const SIZE: u64 = 64 * 1024 * 1024;
/// How long they stay: longer than the host has patience.
const STAY: Duration = Duration::from_secs(40);
const OFTEN: Duration = Duration::from_millis(100);

/// Makes an artifact; where it is.
pub async fn artifact(host: &Host) -> anyhow::Result<String> {
    let mut client = host.client().await?;
    let body = json!({"backend": "fakes", "params": {"artifacts": 1, "artifact_bytes": SIZE}});
    let job: Value = serde_json::from_slice(&client.post("/v1/jobs", Bytes::from(body.to_string())).await?)?;
    let path = format!("/v1/jobs/{}", job.get("id").and_then(Value::as_str).context("a job without an id")?);
    loop {
        let job = client.get(&path).await?;
        match job.get("status").and_then(Value::as_str) {
            Some("complete") => {
                let url = job.pointer("/artifacts/0/url").and_then(Value::as_str);
                return Ok(url.context("a job without its artifact")?.to_owned());
            }
            Some("error" | "cancelled") | None => anyhow::bail!("the artifact could not be made: {job}"),
            Some(_) => sleep(OFTEN).await,
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
