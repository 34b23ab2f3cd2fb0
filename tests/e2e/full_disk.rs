//! A disk that is full, and has room again.

use crate::harness::Home;
use crate::harness::api::text;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_after_a_write_has_failed_survives_a_crash() {
    let mut host = Home::new().file_limit(2 * 1024).start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    let mut messages = Vec::new();
    let refused = loop {
        let id = Uuid::new_v4();
        let content = "x".repeat(50_000);
        let body = json!({"id": id, "conversation_id": "c1", "role": "user", "content": content, "extra_metadata": {}});
        let reply = api.post("/v1/messages", &body).await;
        if reply.status != 201 {
            reply.problem(&[503]);
            break id;
        }
        messages.push(id);
    };
    assert!(messages.len() > 10, "the log had no room for {} messages", messages.len());

    host.lift_file_limit();
    let mut jobs: Vec<Value> = Vec::new();
    for _ in 0..50 {
        jobs.push(api.submit(json!({})).await["id"].clone());
    }
    host.kill().await;
    host.start_again().await;
    let api = host.api();

    for message in &messages {
        assert_eq!(api.get(&format!("/v1/messages/{message}")).await.status, 200, "a message that was acknowledged");
    }
    assert_eq!(api.get(&format!("/v1/messages/{refused}")).await.status, 404, "one that was refused");
    for job in &jobs {
        assert_eq!(api.get(&format!("/v1/jobs/{}", text(job))).await.status, 200, "a job that was acknowledged");
    }
    assert_eq!(api.get("/v1/queue").await.expect(200)["length"], 50);
    api.post("/v1/queue/resume", &json!({})).await.expect(200);
    api.until(jobs.last().unwrap(), "complete").await;
}
