//! The queue or a device stands still: what runs finishes, nothing starts, everybody knows why, and a crash changes nothing.

use crate::harness::{Config, Home, Host, Socket};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_queue_starts_nothing_and_says_why_until_it_goes_on() {
    let host = Host::start().await;
    let api = host.api();
    let running = api.submit(json!({"steps": 20, "step_ms": 10})).await;
    api.until(&running["id"], "processing").await;

    let queue = api.post("/v1/queue/pause", &json!({"reason": "new card"})).await.expect(200);
    assert_eq!((&queue["paused"]["reason"], &queue["paused"]["by"]), (&json!("new card"), &json!("local")));
    let waiting = api.submit(json!({})).await;
    api.until(&running["id"], "complete").await;
    api.until_idle().await;

    let job = api.job(&waiting["id"]).await;
    assert_eq!((&job["status"], &job["waiting_for"]), (&json!("queued"), &json!("paused")));
    assert!(job["waiting_detail"].as_str().unwrap().contains("new card"), "{job:#}");

    let queue = api.post("/v1/queue/resume", &json!({})).await.expect(200);
    assert_eq!(queue["paused"], json!(null));
    api.until(&waiting["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_outlasts_a_crash() {
    let mut host = Host::start().await;
    host.api().post("/v1/queue/pause", &json!({"reason": "new card"})).await.expect(200);
    let waiting = host.api().submit(json!({})).await;

    host.kill().await;
    host.start_again().await;

    let api = host.api();
    assert_eq!(api.get("/v1/queue").await.expect(200)["paused"]["reason"], "new card");
    assert_eq!(api.job(&waiting["id"]).await["waiting_for"], "paused");
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    api.until(&waiting["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_device_starts_nothing_and_an_empty_body_is_enough() {
    let host = Host::start().await;
    let api = host.api();

    let device = api.send(api.request(reqwest::Method::POST, "/v1/devices/gpu0/pause")).await.expect(200);
    assert_eq!(device["paused"]["by"], "local");
    let waiting = api.submit(json!({})).await;
    assert_eq!(api.job(&waiting["id"]).await["waiting_for"], "paused");

    // Many clients say what a body would be and send none.
    let empty =
        api.request(reqwest::Method::POST, "/v1/queue/pause").header("Content-Type", "application/json").body("");
    api.send(empty).await.expect(200);
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    let device = api.send(api.request(reqwest::Method::POST, "/v1/devices/gpu0/resume")).await.expect(200);
    assert_eq!(device["paused"], json!(null));
    api.until(&waiting["id"], "complete").await;
    api.post("/v1/devices/gpu7/pause", &json!({})).await.problem(&[404]);
    api.post("/v1/queue/pause", &json!({"why": "?"})).await.problem(&[422]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_told_to_whoever_follows_also_to_a_single_conversation() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[("conversation_id", "c1")]).await;
    socket.next_matching(crate::harness::BOUND, |frame| frame["type"] == "mark").await;

    api.post("/v1/queue/pause", &json!({"reason": "new card"})).await.expect(200);

    let frame = socket.next_matching(crate::harness::BOUND, |frame| frame["type"] == "queue").await;
    assert_eq!((&frame["paused"]["reason"], &frame["by"]), (&json!("new card"), &json!("local")));
    assert!(frame["seq"].is_u64() && frame["cursor"].is_string(), "{frame}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_maintenance_a_device_is_paused_its_memory_freed_and_then_it_goes_on() {
    let host = Host::start().await;
    let api = host.api();
    let running = api.submit(json!({"steps": 20, "step_ms": 10})).await;
    api.until(&running["id"], "processing").await;
    api.post("/v1/devices/gpu0/pause", &json!({"reason": "new driver"})).await.expect(200);
    let waiting = api.submit(json!({})).await;

    let problem = api.post("/v1/devices/gpu0/unload", &json!({})).await.problem(&[409]);
    assert!(problem["detail"].as_str().unwrap().contains("pause the device"), "{problem}");
    api.until(&running["id"], "complete").await;
    api.until_idle().await;
    let device = api.post("/v1/devices/gpu0/unload", &json!({})).await.expect(200);
    assert_eq!(device["paused"]["reason"], "new driver");
    assert_eq!(api.job(&waiting["id"]).await["attempt"], 0);

    api.post("/v1/devices/gpu0/resume", &json!({})).await.expect(200);
    api.until(&waiting["id"], "complete").await;
    api.post("/v1/devices/gpu7/unload", &json!({})).await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_cannot_be_freed_is_told_with_the_backend_that_holds_it() {
    let fakes = "config = { unload = \"fail\" }".into();
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let api = host.api();

    let problem = api.post("/v1/devices/gpu0/unload", &json!({})).await.problem(&[409]);
    assert!(problem["detail"].as_str().unwrap().contains("fakes"), "{problem}");

    let job = api.submit(json!({})).await;
    api.until(&job["id"], "complete").await;
}
