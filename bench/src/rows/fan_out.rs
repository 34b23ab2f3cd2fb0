//! From what somebody does to 2,000 WebSockets that follow everything, a thousand jobs in line: from the request's first byte,
//! so the commit is in it. A job that arrives changes nobody's place; one that leaves the head of the line changes all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use easel_wire::ConversationPage;
use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::bench::Bench;
use crate::client::{Client, body};
use crate::files;
use crate::host::Home;
use crate::line;
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const CLIENTS: usize = 2000;
const RUNS: usize = 5;
/// Events of each kind in a run.
const EVENTS: usize = 3;
/// From one event to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that an event is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client has got something.
enum Got {
    /// All that there was: from here on it hears of things as they happen.
    Mark,
    Arrived(Instant),
    Left(Instant),
}

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    files::enough_for(CLIENTS)?;
    let bar = bench.bar("an event to 2,000 WebSocket clients", (2 * RUNS * EVENTS) as u64);
    let home = Home::new(bench)?;
    let (host, _) = home.start().await?;
    let mut client = host.client().await?;
    line::pause(&mut client).await?;
    let mut waiting = line::submit(&mut client, (0..line::BATCH).map(line::picture)).await?.into_iter();

    // They come back after a while, as it were: two thousand snapshots of the line would be another measurement.
    let conversation: ConversationPage = client.get("/v1/conversations/none/messages").await?;
    let url = format!("ws://{}/v1/ws?since={}", host.address, conversation.cursor);
    let (news, mut inbox) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(follow(host.address, url.clone(), news.clone()));
    }
    for _ in 0..CLIENTS {
        let mark = timeout(PATIENCE, inbox.recv()).await.context("not all WebSockets are served")?;
        anyhow::ensure!(matches!(mark, Some(Got::Mark)), "an event before the first mark");
    }

    let (mut arrivals, mut leavings) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (mut arrived, mut left) = (Vec::new(), Vec::new());
        for _ in 0..EVENTS {
            let job = waiting.next().context("no job waits")?;
            let body = body(&line::picture(0))?;
            arrived.extend(event(&mut client, "/v1/jobs", body, &mut inbox).await?);
            left.extend(event(&mut client, &format!("/v1/jobs/{job}/cancel"), Bytes::new(), &mut inbox).await?);
            bar.inc(2);
        }
        arrivals.push(arrived);
        leavings.push(left);
    }
    clients.shutdown().await;
    host.kill().await?;
    bar.finish_and_clear();

    let row =
        |what: &str, runs: &mut [Vec<f64>], share| Row::new(what, Unit::Seconds, Spread::of_quantiles(runs, share));
    Ok(Section {
        rows: vec![
            row("a job arrives: known to 2,000 WebSocket clients, p50", &mut arrivals, 0.5),
            row("the same, p99", &mut arrivals, 0.99).goal(0.1),
            row("a job leaves the head of the line: known to 2,000 WebSocket clients, p50", &mut leavings, 0.5),
            row("the same, p99", &mut leavings, 0.99).goal(0.1),
        ],
        notes: Vec::new(),
    })
}

/// Makes something happen; after how many seconds each client knew.
async fn event(
    client: &mut Client,
    path: &str,
    body: Bytes,
    inbox: &mut mpsc::UnboundedReceiver<Got>,
) -> anyhow::Result<Vec<f64>> {
    let begun = Instant::now();
    client.post(path, body).await?;
    let mut times = Vec::new();
    while times.len() < CLIENTS {
        let got = timeout(PATIENCE, inbox.recv()).await.with_context(|| format!("{path} is not told to all"))?;
        if let Some(Got::Arrived(at) | Got::Left(at)) = got {
            times.push((at - begun).as_secs_f64());
        }
    }
    tokio::time::sleep(PAUSE).await;
    Ok(times)
}

/// Reads whatever comes, and tells when something happened.
async fn follow(address: SocketAddr, url: String, news: mpsc::UnboundedSender<Got>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (mut socket, _) = client_async(url, stream).await?;
    let mut live = false;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        // Parsing would cost this program more than sending costs the host.
        let got = if text.contains(r#""type":"mark""#) {
            if std::mem::replace(&mut live, true) {
                continue;
            }
            Got::Mark
        } else if text.contains(r#""event":"queued""#) {
            Got::Arrived(Instant::now())
        } else if text.contains(r#""event":"cancelled""#) {
            Got::Left(Instant::now())
        } else {
            continue;
        };
        news.send(got)?;
    }
    Ok(())
}
