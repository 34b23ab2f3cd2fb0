//! WebSockets that follow everything. Many read, and many do not, as pages in the background of somebody's browser.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bench::Bench;

pub const ALL: usize = 2_500;
/// Those that never read.
pub const DEAF: usize = 1_000;
/// How many connect at a time.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Sockets {
    deaf: Vec<TcpStream>,
    readers: JoinSet<()>,
}

impl Sockets {
    pub async fn open(address: SocketAddr, bench: &Bench) -> anyhow::Result<Self> {
        let bar = bench.bar("WebSockets", ALL as u64);
        let mut sockets = Self { deaf: Vec::new(), readers: JoinSet::new() };
        for from in (0..ALL).step_by(AT_ONCE) {
            let some = (from..ALL.min(from + AT_ONCE)).map(|_| handshake(address));
            for stream in futures_util::future::try_join_all(some).await? {
                bar.inc(1);
                // Those that read and those that do not, mixed.
                if sockets.deaf.len() * ALL < (sockets.deaf.len() + sockets.readers.len() + 1) * DEAF {
                    sockets.deaf.push(stream);
                } else {
                    sockets.readers.spawn(read(stream));
                }
            }
        }
        bar.finish_and_clear();
        Ok(sockets)
    }

    pub async fn close(mut self) {
        let gone = std::iter::from_fn(|| self.readers.try_join_next()).count();
        if gone > 0 {
            eprintln!("the host has closed {gone} WebSockets that read");
        }
        drop(self.deaf);
        self.readers.shutdown().await;
    }
}

async fn handshake(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let shake = async {
        let mut stream = TcpStream::connect(address).await?;
        let head = b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(head).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        anyhow::ensure!(&answer == b"HTTP/1.1 101", "a handshake was answered {:?}", String::from_utf8_lossy(&answer));
        Ok(stream)
    };
    timeout(PATIENCE, shake).await.context("a handshake was not answered")?
}

/// Reads what comes, and makes nothing of it.
async fn read(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
}
