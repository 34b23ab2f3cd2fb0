//! Clients that do not read: they cost the host nothing, and when they read again they are put right.

use super::ids;
use crate::harness::api::text;
use crate::harness::socket::place;
use crate::harness::{Api, BOUND, Host, Socket};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// More than the host can be expected to keep at hand for a client that might come back.
const MANY: u64 = 12_000;
/// How many do not read: what the host wrongly kept for each would show sixteenfold.
const IDLERS: usize = 16;
/// How much the host may grow while they do not read. What it would have to keep for them is several times as much.
const BOUND_KIB: u64 = 64 * 1024;

/// Makes `count` durable events of about a KiB each.
async fn flood(api: &Api, messages: &[Value], count: u64) {
    let each = count / messages.len() as u64;
    join_all(messages.iter().map(|message| async move {
        for number in 0..each {
            api.merge(message, json!({"number": number})).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_are_resynchronised_and_cost_no_memory() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.submit(json!({"steps": 1_000_000, "step_ms": 10})).await["id"].clone();
    api.until(&holder, "processing").await;
    let messages = join_all((0..32).map(|_| api.message(json!({"padding": "x".repeat(800)})))).await;
    // Whatever the host keeps of the recent past, let it have that first.
    flood(&api, &messages, MANY).await;
    let mut idlers = join_all((0..IDLERS).map(|_| Socket::connect_narrow(&api))).await;
    for socket in &mut idlers {
        socket.until_mark().await;
    }
    let before = host.resident_kib();

    flood(&api, &messages, MANY).await;
    let waiting = api.submit(json!({})).await;
    let after = host.resident_kib();

    eprintln!("{before} KiB before, {after} KiB after");
    assert!(after <= before + BOUND_KIB, "grew from {before} to {after} KiB while {IDLERS} clients did not read");
    let head = waiting["seq"].as_u64().unwrap();
    for socket in &mut idlers {
        let seen = socket.frames.len();
        socket.next_matching(BOUND, |frame| frame["type"] == "resync").await;
        let snapshot = socket.next().await;
        assert_eq!(snapshot["type"], "snapshot", "right after the resync");
        assert!(place(text(&snapshot["cursor"])) >= head, "{}", snapshot["cursor"]);
        assert_eq!(ids(&snapshot), [text(&holder), text(&waiting["id"])]);
        socket.until_mark().await;
        let numbers: Vec<_> = socket.frames[seen..].iter().filter_map(|frame| frame["seq"].as_u64()).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "no hole before the resync but the one that it tells"
        );
        assert!(numbers.len() < MANY as usize, "all of it was kept for this client");
    }
    let job = api.submit(json!({})).await["id"].clone();
    for socket in &mut idlers {
        socket.job_event(&job, "queued").await;
    }
}
