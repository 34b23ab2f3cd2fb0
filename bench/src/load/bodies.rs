//! Batches whose bodies are as large as they may be, and stop before their last byte.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bench::Bench;

pub const ALL: usize = 60;
pub const SIZE: usize = 15_000_000;
/// How long the host is waited for to have had enough of one.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn stall(address: SocketAddr, bench: &Bench) -> anyhow::Result<()> {
    let bar = bench.bar("bodies", ALL as u64);
    let bodies = (0..ALL).map(|_| async {
        timeout(PATIENCE, one(address)).await.context("a body that stalls is waited for without end")??;
        bar.inc(1);
        anyhow::Ok(())
    });
    try_join_all(bodies).await?;
    bar.finish_and_clear();
    Ok(())
}

/// Sends nearly all of a body, and waits until the host has answered or hung up.
async fn one(address: SocketAddr) -> anyhow::Result<()> {
    let (mut from, mut to) = TcpStream::connect(address).await?.into_split();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {SIZE}\r\n\r\n\
         {{\"jobs\": [{{\"params\": {{\"prompt\": \""
    );
    let sends = async {
        to.write_all(head.as_bytes()).await?;
        let piece = vec![b'x'; 50_000];
        for _ in 0..SIZE / piece.len() - 1 {
            to.write_all(&piece).await?;
        }
        std::future::pending::<std::io::Result<()>>().await
    };
    let reads = async {
        let mut answer = [0; 1024];
        from.read(&mut answer).await
    };
    // Whichever way it ends is the host's affair.
    tokio::select! {
        sent = sends => drop(sent),
        answer = reads => drop(answer),
    }
    Ok(())
}
