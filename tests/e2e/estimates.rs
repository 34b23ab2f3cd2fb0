//! When a job will start and end: told when enough is known, and null rather than a lie.

use crate::harness::Host;
use crate::harness::api::long;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_and_end_are_told_after_three_jobs_have_completed_also_after_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let waiting = api.submit(json!({})).await;
    assert_eq!((&waiting["estimated_start_at"], &waiting["estimated_end_at"]), (&json!(null), &json!(null)));
    assert_eq!(api.get("/v1/queue").await.expect(200)["mean_seconds"], json!(null));
    api.release(&holder).await;
    api.until(&waiting["id"], "complete").await;
    for _ in 0..2 {
        let job = api.submit(json!({"steps": 5, "step_ms": 10})).await;
        api.until(&job["id"], "complete").await;
    }

    host.kill().await;
    host.start_again().await;

    let api = host.api();
    let holder = api.hold_device().await;
    let (first, second) = (api.submit(json!({})).await, api.submit(long()).await);
    let time =
        |job: &serde_json::Value, field: &str| job[field].as_str().unwrap_or_else(|| panic!("{job:#}")).to_owned();
    let (first, second) = (api.job(&first["id"]).await, api.job(&second["id"]).await);
    assert!(time(&first, "estimated_start_at") < time(&first, "estimated_end_at"), "{first:#}");
    assert!(time(&first, "estimated_end_at") <= time(&second, "estimated_start_at"), "{first:#} {second:#}");
    assert!(api.get("/v1/queue").await.expect(200)["mean_seconds"].as_f64().is_some_and(|mean| mean > 0.0));
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_while_something_stands_in_the_way_whose_end_nobody_knows() {
    let host = Host::start().await;
    let api = host.api();
    for _ in 0..3 {
        let job = api.submit(json!({})).await;
        api.until(&job["id"], "complete").await;
    }

    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    let job = api.submit(json!({})).await;
    assert_eq!(api.job(&job["id"]).await["estimated_start_at"], json!(null));

    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    api.until(&job["id"], "complete").await;
}
