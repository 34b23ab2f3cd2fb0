//! Many callers at once: unique positions, strict order, nothing lost.

use crate::harness::api::{failing, text};
use crate::harness::socket::{head, runs};
use crate::harness::{Host, eventually, history};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_are_told_unique_positions_from_one_on() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;

    let jobs = join_all((0..50).map(|_| api.submit(json!({})))).await;

    let told: BTreeSet<_> = jobs.iter().map(|job| job["queue_position"].as_u64().unwrap()).collect();
    assert_eq!(told, (1..=50).collect());
    let kept = api.jobs("status=queued").await;
    let kept: BTreeMap<_, _> = kept.iter().map(|job| (text(&job["id"]), &job["queue_position"])).collect();
    for job in &jobs {
        assert_eq!(kept[text(&job["id"])], &job["queue_position"], "read back, the position is the one that was told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_from_queued_through_processing_to_complete_with_a_time_for_each() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;

    let job = api.submit(json!({"steps": 5, "step_ms": 10})).await;
    let done = api.until(&job["id"], "complete").await;

    let events = history(&api, &before).await;
    let told: Vec<_> = events.iter().map(|frame| (&frame["event"], &frame["job"]["status"])).collect();
    let expected = json!([["queued", "queued"], ["started", "processing"], ["completed", "complete"]]);
    assert_eq!(json!(told), expected);
    let during = &events[1]["job"];
    assert_eq!((during["device"].as_str(), during["attempt"].as_u64()), (Some("gpu0"), Some(1)));
    assert!(during["ended_at"].is_null() && job["started_at"].is_null());
    let times: Vec<_> =
        ["created_at", "queued_at", "started_at", "ended_at"].iter().map(|field| text(&done[*field])).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(done["progress"], 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failure_the_next_job_starts_by_itself() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;
    let holder = api.hold_device().await;
    let bad = api.submit(failing("the paint ran out")).await;
    let good = api.submit(json!({})).await;

    api.release(&holder).await;

    let failed = api.until(&bad["id"], "error").await;
    assert_eq!(failed["error"]["message"], "the paint ran out");
    assert_eq!(failed["error"]["kind"], "invalid");
    api.until(&good["id"], "complete").await;
    let ran = runs(&history(&api, &before).await);
    assert_eq!(ran, [holder, bad["id"].clone(), good["id"].clone()]);
    let logged = |line: &String| line.contains("the paint ran out");
    eventually("the failure to be logged", async || host.log().iter().any(logged).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_patches_of_a_message_lose_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({"client": {"theme": "dark"}})).await;
    let job = api.submit_job(&json!({"params": {"steps": 20, "step_ms": 5}, "message_id": message})).await;

    let patches = (0..40).map(|index| {
        let (flat, nested) = (format!("flat{index}"), format!("nested{index}"));
        api.merge(&message, json!({flat: index, "client": {nested: index}}))
    });
    join_all(patches).await;
    api.until(&job["id"], "complete").await;

    let metadata = api.metadata(&message).await;
    for index in 0..40 {
        assert_eq!(metadata[format!("flat{index}")], index, "{metadata:#}");
        assert_eq!(metadata["client"][format!("nested{index}")], index, "{metadata:#}");
    }
    assert_eq!(metadata["client"]["theme"], "dark");
    assert_eq!(metadata["status"], "complete", "the job's own writes are there as well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_run_strictly_in_the_order_in_which_they_came() {
    let host = Host::start().await;
    let api = host.api();
    let before = head(&api).await;

    let mut submitted = Vec::new();
    for _ in 0..12 {
        submitted.push(api.submit(json!({"steps": 2, "step_ms": 5})).await["id"].clone());
    }
    api.until(submitted.last().unwrap(), "complete").await;

    assert_eq!(runs(&history(&api, &before).await), submitted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_jobs_of_64_clients_each_run_once_and_in_line_order() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let before = head(&api).await;

    let clients = (0..64).map(|client| {
        let api = &api;
        async move {
            let mut mine = Vec::new();
            for _ in (client..2000).step_by(64) {
                mine.push(api.submit(json!({})).await);
            }
            mine
        }
    });
    let acknowledged: Vec<Value> = join_all(clients).await.into_iter().flatten().collect();
    let line: BTreeMap<_, _> =
        acknowledged.iter().map(|job| (job["queue_position"].as_u64().unwrap(), job["id"].clone())).collect();
    assert!(line.keys().copied().eq(1..=2000), "positions are unique and without a gap");
    api.release(&holder).await;
    for id in line.values() {
        api.until(id, "complete").await;
    }

    let events = history(&api, &before).await;
    let started: Vec<_> = events.iter().filter(|frame| frame["event"] == "started").collect();
    let started: Vec<_> = started.iter().map(|frame| frame["job"]["id"].clone()).collect();
    assert!(started.iter().eq(line.values()), "each started once, in line order");
    assert_eq!(api.jobs("status=complete&limit=100").await.len(), 2000);
}
