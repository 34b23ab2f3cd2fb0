//! What a job may ask for: the backend's own schema decides, and what is not built yet is refused instead of ignored.

use crate::harness::api::text;
use crate::harness::{Config, Home, Host};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn params_that_break_the_schema_are_refused_by_the_name_of_the_field() {
    let host = Host::start().await;
    let api = host.api();
    let stub = |params: Value| json!({"backend": "flux-stub", "params": params});

    for (body, field) in [
        (json!({"params": {"steps": -1}}), "steps"),
        (json!({"params": {"steps": 1.5}}), "steps"),
        (json!({"params": {"steps": "many"}}), "steps"),
        (json!({"params": {"behaviour": "dance"}}), "behaviour"),
        (json!({"params": {"log": ["fine", 7]}}), "log"),
        (json!({"params": {"colour": "red"}}), "colour"),
        (stub(json!({})), "prompt"),
        (stub(json!({"prompt": ""})), "prompt"),
        (stub(json!({"prompt": "a fox", "width": 15})), "width"),
        (stub(json!({"prompt": "a fox", "height": 2049})), "height"),
        (stub(json!({"prompt": "a fox", "steps": 0})), "steps"),
        (stub(json!({"prompt": "a fox", "seed": 2_147_483_648_u32})), "seed"),
        (stub(json!({"prompt": "a fox", "count": 17})), "count"),
        (stub(json!({"prompt": "a fox", "width": 1e308})), "width"),
    ] {
        let problem = api.post("/v1/jobs", &body).await.problem(&[422]);
        assert!(problem["field"].as_str().is_some_and(|name| name.contains(field)), "{body}: {problem}");
    }

    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defaults_of_the_schema_are_filled_in() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;

    let job = api.submit_job(&json!({"backend": "flux-stub", "params": {"prompt": "a fox"}})).await;

    for (field, value) in [("width", 512), ("height", 512), ("steps", 20), ("count", 1), ("step_ms", 50)] {
        assert_eq!(job["params"][field], value, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_built_yet_is_refused_and_not_ignored() {
    let host = Host::start().await;
    let api = host.api();

    let problem = api.post("/v1/backends/fakes/use", &json!({"digest": "sha256:0"})).await.problem(&[422]);
    assert!(problem.to_string().contains("not supported yet"), "{problem}");

    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_is_the_same_as_nothing() {
    let host = Host::start().await;
    let api = host.api();

    let body =
        json!({"params": {}, "priority": null, "depends_on": [], "not_before": null, "timeout_s": null, "user": null});
    let job = api.submit_job(&body).await;

    api.until(&job["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_job_can_be_is_refused_by_its_field() {
    let host = Host::start().await;
    let api = host.api();

    for (field, value) in [
        ("priority", json!(101)),
        ("priority", json!(-101)),
        ("priority", json!(1.5)),
        ("max_attempts", json!(0)),
        ("timeout_s", json!(0)),
        ("not_before", json!("tomorrow")),
        ("not_before", json!("2099-01-01T00:00:00")),
        ("depends_on", json!(["seven"])),
        ("depends_on", json!(["#0"])),
        ("depends_on", json!([uuid::Uuid::now_v7()])),
        ("on_dependency_failure", json!("panic")),
    ] {
        let mut body = json!({"params": {}});
        body[field] = value;
        let problem = api.post("/v1/jobs", &body).await.problem(&[422]);
        assert!(problem["field"].as_str().is_some_and(|name| name.contains(field)), "{body}: {problem}");
    }

    assert_eq!(api.jobs("").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_time_than_its_backend_gives_is_refused_with_what_it_gives() {
    let config = Config { fakes: "timeout = \"90s\"".to_owned(), ..Config::default() };
    let host = Home::with(config).start().await;
    let api = host.api();
    let asking = |seconds: u32| json!({"params": {}, "timeout_s": seconds});

    for seconds in [91, 600, 604_800] {
        let problem = api.post("/v1/jobs", &asking(seconds)).await.problem(&[422]);
        assert_eq!(problem["field"], "timeout_s", "{problem}");
        assert!(text(&problem["detail"]).contains("backend fakes gives an attempt 90 s at most"), "{problem}");
    }
    let problem = api.post("/v1/batches", &json!({"jobs": [asking(90), asking(91)]})).await.problem(&[422]);
    assert_eq!(problem["field"], "jobs.1.timeout_s", "{problem}");

    assert_eq!(api.jobs("").await.len(), 0);
    assert_eq!(api.submit_job(&asking(90)).await["timeout_s"], 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_backend_or_message_is_named() {
    let host = Host::start().await;
    let api = host.api();
    let nobody = uuid::Uuid::now_v7().to_string();

    let backend = api.post("/v1/jobs", &json!({"params": {}, "backend": "nobody"})).await.problem(&[404, 422]);
    let message = api.post("/v1/jobs", &json!({"params": {}, "message_id": nobody})).await.problem(&[404]);

    assert!(text(&backend["detail"]).contains("nobody"), "{backend}");
    assert!(text(&message["detail"]).contains(&nobody), "{message}");
    assert_eq!(api.jobs("").await.len(), 0);
}
