//! Jobs whose params, metadata and result are as large as they may be, from several clients at once, until all have ended.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::bench::Bench;
use crate::host::Host;

pub const ALL: u64 = 2_400;
const CLIENTS: u64 = 16;
/// Of params, and so of the result, which repeats them; and of metadata.
const PARAMS: usize = 62_000;
const METADATA: usize = 4_000;
/// How often it is looked whether all have ended.
const OFTEN: Duration = Duration::from_millis(500);

pub async fn run(host: &Host, bench: &Bench) -> anyhow::Result<()> {
    let bar = bench.bar("large jobs", ALL);
    let body = json!({
        "backend": "fakes", "params": {"steps": 0, "echo": "x".repeat(PARAMS)}, "metadata": {"note": "y".repeat(METADATA)},
    });
    let body = Bytes::from(body.to_string());
    let clients = (0..CLIENTS).map(|_| async {
        let mut client = host.client().await?;
        for _ in 0..ALL / CLIENTS {
            client.post("/v1/jobs", body.clone()).await?;
            bar.inc(1);
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(clients).await?;
    let mut client = host.client().await?;
    loop {
        let queue = client.get("/v1/queue").await?;
        let waiting = queue.get("length").and_then(Value::as_u64).context("a queue without a length")?;
        let running = queue.get("processing").and_then(Value::as_array).map_or(0, Vec::len);
        bar.set_position(ALL - waiting);
        if waiting == 0 && running == 0 {
            break;
        }
        sleep(OFTEN).await;
    }
    bar.finish_and_clear();
    Ok(())
}
