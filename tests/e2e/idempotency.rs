//! The same key gives the same job, whatever happens in between.

use crate::harness::api::text;
use crate::harness::{Config, Home, Host};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_and_body_give_the_same_job_and_not_a_second_one() {
    let host = Host::start().await;
    let api = host.api();
    let body = json!({"params": {"steps": 2}, "metadata": {"n": 1}});

    let first = api.submit_keyed("key-1", &body).await.expect(201);
    let again = api.submit_keyed("key-1", &body).await.expect(200);
    api.until(&first["id"], "complete").await;
    let later = api.submit_keyed("key-1", &body).await.expect(200);

    assert_eq!(again["id"], first["id"]);
    assert_eq!((&later["id"], &later["status"]), (&first["id"], &json!("complete")), "as it is now");
    assert_eq!(api.jobs("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_with_another_body_is_a_conflict() {
    let host = Host::start().await;
    let api = host.api();
    api.submit_keyed("key-1", &json!({"params": {"steps": 2}})).await.expect(201);

    api.submit_keyed("key-1", &json!({"params": {"steps": 3}})).await.problem(&[409]);

    assert_eq!(api.jobs("").await.len(), 1);
    api.submit_keyed("key-2", &json!({"params": {"steps": 3}})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_written_in_another_order_is_the_same_body() {
    let host = Host::start().await;
    let api = host.api();
    let send = async |body: &'static str| {
        let request = api.request(reqwest::Method::POST, "/v1/jobs").header("Idempotency-Key", "key-1");
        api.send(request.header("Content-Type", "application/json").body(body)).await
    };

    let first = send(r#"{"params": {"steps": 2, "echo": 1}, "metadata": {}}"#).await.expect(201);
    let again = send(r#"{"metadata":{},"params":{"echo":1,"steps":2}}"#).await.expect(200);

    assert_eq!(again["id"], first["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_key_at_once_exactly_one_creates_the_job() {
    let host = Host::start().await;
    let api = host.api();
    let body = json!({"params": {}});

    let replies = join_all((0..20).map(|_| api.submit_keyed("key-1", &body))).await;

    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 19);
    assert!(replies.iter().all(|reply| reply.json()["id"] == replies[0].json()["id"]));
    assert_eq!(api.jobs("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_remembered_across_a_crash() {
    let mut host = Host::start().await;
    let body = json!({"params": {"steps": 2}});
    let first = host.api().submit_keyed("key-1", &body).await.expect(201);

    host.kill().await;
    host.start_again().await;
    let api = host.api();

    assert_eq!(api.submit_keyed("key-1", &body).await.expect(200)["id"], first["id"]);
    api.submit_keyed("key-1", &json!({"params": {"steps": 9}})).await.problem(&[409]);
    assert_eq!(api.jobs("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_deleted_job_does_not_make_it_anew() {
    let host = Host::start().await;
    let api = host.api();
    let body = json!({"params": {}});
    let job = api.submit_keyed("key-1", &body).await.expect(201);
    api.until(&job["id"], "complete").await;

    let deleted = api.delete(&format!("/v1/jobs/{}", text(&job["id"]))).await;

    assert!([200, 204].contains(&deleted.status), "{deleted}");
    api.submit_keyed("key-1", &body).await.problem(&[409]);
    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_gives_its_job_also_when_that_job_could_not_be_submitted_any_more() {
    let with_painter = Config {
        tables: "[backend.painter]\ncomponent = \"builtin:flux-stub\"\ndevice = \"gpu0\"".into(),
        ..Config::default()
    };
    let mut host = Home::with(with_painter).start().await;
    let body =
        json!({"backend": "painter", "params": {"prompt": "a red fox", "width": 16, "height": 16, "step_ms": 0}});
    let first = host.api().submit_keyed("key-1", &body).await.expect(201);
    host.api().until(&first["id"], "complete").await;

    host.stop().await;
    std::fs::write(host.home().path().join("easel.toml"), Config::default().text()).unwrap();
    host.start_again().await;

    let again = host.api().submit_keyed("key-1", &body).await.expect(200);
    assert_eq!(again["id"], first["id"]);
    host.api().submit_keyed("key-2", &body).await.problem(&[404, 422]);
}
