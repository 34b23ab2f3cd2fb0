//! Jobs whose params, metadata and result are as large as they may be, from several clients at once, until all have ended.

use std::time::Duration;

use easel_wire::{NewJob, Queue};
use tokio::time::sleep;

use crate::bench::Bench;
use crate::client::body;
use crate::host::Host;
use crate::line;

pub const ALL: u64 = 2_400;
const CLIENTS: u64 = 16;
/// Of params, and so of the result, which repeats them; and of metadata.
const PARAMS: usize = 62_000;
const METADATA: usize = 4_000;
/// How often it is looked whether all have ended.
const OFTEN: Duration = Duration::from_millis(500);

pub async fn run(host: &Host, bench: &Bench) -> anyhow::Result<()> {
    let bar = bench.bar("large jobs", ALL);
    let metadata = Some(line::fields([("note", "y".repeat(METADATA).into())]));
    let body = body(&NewJob { metadata, ..line::fake([("steps", 0.into()), ("echo", "x".repeat(PARAMS).into())]) })?;
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
        let queue: Queue = client.get("/v1/queue").await?;
        bar.set_position(ALL - queue.length);
        if queue.length == 0 && queue.processing.is_empty() {
            break;
        }
        sleep(OFTEN).await;
    }
    bar.finish_and_clear();
    Ok(())
}
