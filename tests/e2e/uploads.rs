//! Bytes that come with a job.

use crate::harness::api::{long, text};
use crate::harness::{Config, Home, Host};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_reaches_the_backend_under_the_name_that_the_job_gives_it() {
    let host = Host::start().await;
    let api = host.api();
    // More than one read of the backend's, so that the pieces have to fit together.
    let bytes: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();

    let upload = api.upload("image/png", bytes).await;
    let inputs = json!([{"name": "init", "upload": upload["id"]}]);
    let job = api.submit_job(&json!({"params": {}, "inputs": inputs})).await;
    let done = api.until(&job["id"], "complete").await;

    assert_eq!((&upload["size"], &upload["mime"]), (&json!(700_000), &json!("image/png")));
    let seen = &done["result"]["inputs"][0];
    assert_eq!((&seen["name"], &seen["mime"], &seen["size"]), (&json!("init"), &json!("image/png"), &json!(700_000)));
    assert_eq!(text(&upload["sha256"]).trim_start_matches("sha256:"), text(&seen["sha256"]));
    assert_eq!(job["inputs"][0]["name"], "init");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_there_for_a_job_that_runs_after_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let upload = api.upload("text/plain", b"a red fox".to_vec()).await;
    let holder = api.hold_device().await;
    let inputs = json!([{"name": "a", "upload": upload["id"]}, {"name": "b", "upload": upload["id"]}]);
    let job = api.submit_job(&json!({"params": {}, "inputs": inputs})).await;

    host.kill().await;
    host.start_again().await;
    let api = host.api();
    api.cancel(&holder).await.expect(200);
    let done = api.until(&job["id"], "complete").await;

    let names: Vec<_> = done["result"]["inputs"].as_array().unwrap().iter().map(|input| &input["name"]).collect();
    assert_eq!(names, ["a", "b"], "in the job's order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_that_cannot_be_are_refused_and_nothing_is_stored() {
    let host = Host::start().await;
    let api = host.api();
    let upload = api.upload("text/plain", b"x".to_vec()).await["id"].clone();
    let nobody = uuid::Uuid::now_v7().to_string();

    for inputs in [
        json!([{"name": "init", "upload": nobody}]),
        json!([{"name": "init", "upload": "../../etc/passwd"}]),
        json!([{"name": "init", "upload": upload}, {"name": "init", "upload": upload}]),
        json!([{"name": "init"}]),
        json!([{"upload": upload}]),
        json!([{"name": "init", "upload": upload, "url": "http://127.0.0.1/"}]),
        json!({"init": upload}),
    ] {
        let reply = api.post("/v1/jobs", &json!({"params": long(), "inputs": inputs})).await;
        reply.problem(&[404, 422]);
    }

    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_over_the_limit_is_refused() {
    let tables = "[web]\nmax_upload = \"1KiB\"".into();
    let host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();
    let post = async |bytes: usize| {
        let request = api.request(reqwest::Method::POST, "/v1/uploads").header("Content-Type", "image/png");
        api.send(request.body(vec![0; bytes])).await
    };

    assert_eq!(post(1024).await.status, 201);
    post(1025).await.problem(&[413]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_takes_no_inputs_is_given_none() {
    let host = Host::start().await;
    let api = host.api();
    let upload = api.upload("image/png", b"x".to_vec()).await["id"].clone();
    let stub = |inputs: Value| json!({"backend": "flux-stub", "params": {"prompt": "a red fox"}, "inputs": inputs});
    let one = json!([{"name": "init", "upload": upload}]);

    let alone = api.post("/v1/jobs", &stub(one.clone())).await.problem(&[422]);
    let batch = api.post("/v1/batches", &json!({"jobs": [stub(json!([])), stub(one)]})).await.problem(&[422]);

    assert_eq!((&alone["title"], &alone["field"]), (&json!("wrong value"), &json!("inputs")));
    assert_eq!(alone["detail"], "inputs must be left out: backend flux-stub takes none");
    assert_eq!(batch["field"], "jobs.1.inputs");
    assert_eq!(api.jobs("").await.len(), 0);
    let inputs = async |backend: &str| api.get(&format!("/v1/backends/{backend}")).await.expect(200)["inputs"].clone();
    assert_eq!(
        (inputs("flux-stub").await, inputs("fakes").await),
        (json!([]), Value::Null),
        "who says nothing takes all"
    );
}
