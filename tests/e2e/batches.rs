//! Many jobs at once, all or none; and jobs that depend on others.

use crate::harness::Host;
use crate::harness::api::{failing, text};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_made_as_a_whole_and_told_as_a_whole() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;

    let batch =
        api.post("/v1/batches", &json!({"jobs": [{"params": {}}, {"params": {}, "priority": 3}]})).await.expect(201);
    let path = format!("/v1/batches/{}", text(&batch["id"]));

    let places: Vec<_> = batch["jobs"].as_array().unwrap().iter().map(|job| job["queue_position"].clone()).collect();
    assert_eq!(places, [json!(2), json!(1)]);
    assert!(batch["jobs"].as_array().unwrap().iter().all(|job| job["batch_id"] == batch["id"]), "{batch:#}");
    let shown = api.get(&path).await.expect(200);
    assert_eq!((&shown["total"], &shown["counts"]), (&json!(2), &json!({"queued": 2})));
    assert_eq!(api.jobs(&format!("batch_id={}", text(&batch["id"]))).await.len(), 2);

    let cancelled = api.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert_eq!(cancelled, json!({"cancelled": 2, "more": false}));
    assert_eq!(api.get(&path).await.expect(200)["counts"], json!({"cancelled": 2}));
    api.get("/v1/batches/019a0000-0000-7000-8000-000000000000").await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_entry_and_nothing_of_the_batch_is_there() {
    let host = Host::start().await;
    let api = host.api();

    for (entry, field) in [
        (json!({"params": {"steps": -1}}), "jobs.1.params.steps"),
        (json!({"params": {}, "depends_on": ["#1"]}), "jobs.1.depends_on"),
        (json!({"params": {}, "message_id": uuid::Uuid::now_v7()}), "jobs.1.message_id"),
        (json!({"params": {}, "priority": 500}), "jobs.1.priority"),
    ] {
        let problem = api.post("/v1/batches", &json!({"jobs": [{"params": {}}, entry]})).await.problem(&[404, 422]);
        assert_eq!(problem["field"], field, "{problem}");
    }
    api.post("/v1/batches", &json!({"jobs": []})).await.problem(&[422]);
    api.post("/v1/batches", &json!({"jobs": [[{}]]})).await.problem(&[422]);
    let many: Vec<Value> = (0..1001).map(|_| json!({"params": {}})).collect();
    api.post("/v1/batches", &json!({ "jobs": many })).await.problem(&[422]);

    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_batch_sent_twice_under_one_key_is_one_batch_also_after_a_crash() {
    let mut host = Host::start().await;
    let body = json!({"jobs": [{"params": {}}, {"params": {}}]});
    let send = async |host: &Host| {
        let api = host.api();
        api.send(api.request(reqwest::Method::POST, "/v1/batches").header("Idempotency-Key", "k").json(&body)).await
    };
    let first = send(&host).await.expect(201);
    assert_eq!(send(&host).await.expect(200)["id"], first["id"]);

    host.kill().await;
    host.start_again().await;

    assert_eq!(send(&host).await.expect(200)["id"], first["id"]);
    assert_eq!(host.api().jobs("").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_batch_is_no_other_requests_key_and_stands_for_one_body() {
    let host = Host::start().await;
    let api = host.api();
    let send = async |key: &str, body: Value| {
        api.send(api.request(reqwest::Method::POST, "/v1/batches").header("Idempotency-Key", key).json(&body)).await
    };
    api.submit_keyed("k#0", &json!({"params": {}})).await.expect(201);
    let batch = send("k", json!({"jobs": [{"params": {}}]})).await.expect(201);

    send("k", json!({"jobs": [{"params": {"steps": 2}}]})).await.problem(&[409]);
    api.until(&batch["jobs"][0]["id"], "complete").await;
    assert_eq!(api.delete(&format!("/v1/jobs/{}", text(&batch["jobs"][0]["id"]))).await.status, 204);
    let problem = send("k", json!({"jobs": [{"params": {}}]})).await.problem(&[409]);
    assert!(problem["detail"].as_str().unwrap().contains("\"k\""), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_upload_has_been_used_up_is_still_acknowledged_when_it_is_repeated() {
    let host = Host::start().await;
    let api = host.api();
    let upload = api.upload("text/plain", b"once".to_vec()).await;
    let body = json!({"jobs": [{"params": {}, "inputs": [{"name": "init", "upload": upload["id"]}]}]});
    let send = async || {
        api.send(api.request(reqwest::Method::POST, "/v1/batches").header("Idempotency-Key", "k").json(&body)).await
    };
    let first = send().await.expect(201);
    for file in std::fs::read_dir(host.home().data().join("uploads")).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() {
            std::fs::remove_dir_all(file.path()).unwrap();
        } else {
            std::fs::remove_file(file.path()).unwrap();
        }
    }

    assert_eq!(send().await.expect(200)["id"], first["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_what_it_depends_on_and_gets_what_that_made() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;

    let jobs = json!([
        {"params": {"artifacts": 1, "echo": "first"}},
        {"params": {}, "depends_on": ["#0"], "priority": 50},
    ]);
    let batch = api.post("/v1/batches", &json!({ "jobs": jobs })).await.expect(201);
    let (first, second) = (batch["jobs"][0]["id"].clone(), batch["jobs"][1]["id"].clone());
    let waiting = api.job(&second).await;
    assert_eq!((&waiting["status"], &waiting["waiting_for"]), (&json!("pending"), &json!("dependency")));
    assert!(waiting["waiting_detail"].as_str().unwrap().contains(text(&first)), "{waiting:#}");

    api.release(&holder).await;
    let second = api.until(&second, "complete").await;
    let first = api.job(&first).await;
    assert!(first["ended_at"].as_str().unwrap() <= second["started_at"].as_str().unwrap());
    let made = &second["result"]["dependencies"][0];
    assert_eq!((&made["id"], &made["result"]["echo"]), (&first["id"], &json!("first")), "{second:#}");
    let (artifact, input) = (&first["artifacts"][0], &second["result"]["inputs"][0]);
    assert_eq!((&made["artifacts"][0]["name"], &made["artifacts"][0]["input"]), (&json!("0.txt"), &input["name"]));
    assert_eq!((&input["size"], &input["sha256"]), (&artifact["size"], &artifact["sha256"]), "{second:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_depends_on_a_job_that_failed_ends_in_error_unless_it_runs_anyway() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;

    let jobs = json!([
        {"params": failing("no")},
        {"params": {}, "depends_on": ["#0"]},
        {"params": {}, "depends_on": ["#1"]},
        {"params": {}, "depends_on": ["#0"], "on_dependency_failure": "run"},
    ]);
    let batch = api.post("/v1/batches", &json!({ "jobs": jobs })).await.expect(201);
    let id = |index: usize| batch["jobs"][index]["id"].clone();
    api.release(&holder).await;

    for (index, cause) in [(1, 0), (2, 1)] {
        let job = api.until(&id(index), "error").await;
        assert_eq!((&job["error"]["kind"], &job["error"]["dependency_id"]), (&json!("dependency"), &id(cause)));
        assert_eq!(job["attempt"], 0);
    }
    api.until(&id(3), "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_on_which_a_thousand_depend_is_cancelled_and_all_of_them_end_across_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    let mut jobs = vec![json!({"params": {}})];
    jobs.extend((1..1000).map(|_| json!({"params": {}, "depends_on": ["#0"]})));
    let batch = api.post("/v1/batches", &json!({ "jobs": jobs })).await.expect(201);

    api.cancel(&batch["jobs"][0]["id"]).await.expect(200);
    host.kill().await;
    host.start_again().await;

    let api = host.api();
    let path = format!("/v1/batches/{}", text(&batch["id"]));
    let ended = crate::harness::eventually("all to end", async || {
        let counts = api.get(&path).await.expect(200)["counts"].clone();
        (counts["error"] == 999).then_some(counts)
    })
    .await;
    assert_eq!(ended, json!({"cancelled": 1, "error": 999}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_cancelled_by_what_they_have_in_common() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    for conversation in ["a", "a", "b"] {
        api.submit_job(&json!({"params": {}, "conversation_id": conversation})).await;
    }

    let reply = api.post("/v1/jobs/cancel", &json!({"conversation_id": "a", "status": ["queued"]})).await.expect(200);
    assert_eq!(reply, json!({"cancelled": 2, "more": false}));

    assert_eq!(api.jobs("status=queued").await.len(), 1);
    api.post("/v1/jobs/cancel", &json!({})).await.problem(&[422]);
    api.post("/v1/jobs/cancel", &json!({"colour": "red"})).await.problem(&[422]);
    let problem = api.post("/v1/jobs/cancel", &json!({"ids": [], "owner": "local"})).await.problem(&[422]);
    assert_eq!(problem["field"], "ids");
    assert_eq!(api.jobs("status=queued").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_message_are_cancelled_and_a_null_cancels_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({})).await;
    api.hold_device().await;
    api.submit_job(&json!({"params": {}, "message_id": message})).await;
    api.submit_job(&json!({"params": {}, "conversation_id": "c2"})).await;

    for field in ["ids", "batch_id", "conversation_id", "message_id", "backend", "owner", "status"] {
        for filter in [json!({field: null}), json!({field: [null]}), json!({"owner": "local", field: null})] {
            // A name that stands twice is another matter.
            let filter = if field == "owner" { json!({"backend": "fakes", "owner": null}) } else { filter };
            let problem = api.post("/v1/jobs/cancel", &filter).await.problem(&[422]);
            assert_eq!(problem["field"].as_str().unwrap().split('.').next(), Some(field), "{filter}: {problem}");
        }
    }
    assert_eq!(api.jobs("status=queued").await.len(), 2);

    let reply = api.post("/v1/jobs/cancel", &json!({"message_id": message})).await.expect(200);
    assert_eq!(reply, json!({"cancelled": 1, "more": false}));
    assert_eq!(api.jobs("status=queued").await.len(), 1);
}
