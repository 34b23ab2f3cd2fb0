//! A job over HTTP: what a client gets when it submits one, and how it finds it again.

use crate::harness::api::{failing, long, text};
use crate::harness::{Config, Home, Host, eventually};
use serde_json::{Value, json};

/// Every field of a job that the contract names.
const FIELDS: [&str; 37] = [
    "id",
    "status",
    "backend",
    "device",
    "owner",
    "user",
    "params",
    "inputs",
    "metadata",
    "conversation_id",
    "message_id",
    "batch_id",
    "depends_on",
    "not_before",
    "priority",
    "queue_position",
    "waiting_for",
    "waiting_detail",
    "estimated_start_at",
    "estimated_end_at",
    "progress",
    "stage",
    "preview",
    "cancel_requested",
    "attempt",
    "attempts_used",
    "max_attempts",
    "attempts",
    "artifacts",
    "result",
    "error",
    "created_at",
    "queued_at",
    "started_at",
    "ended_at",
    "updated_at",
    "seq",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitted_job_has_every_field_and_echoes_what_was_sent() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    let body = json!({
        "params": {"steps": 3, "echo": {"deep": [1]}}, "backend": "fakes", "conversation_id": "c9",
        "metadata": {"client_ref": 7}, "priority": 0, "max_attempts": 2,
    });

    let reply = api.post("/v1/jobs", &body).await;
    let job = reply.expect(201);

    for field in FIELDS {
        assert!(job.get(field).is_some(), "no {field}: {job:#}");
    }
    uuid::Uuid::parse_str(text(&job["id"])).expect("a UUID");
    assert_eq!((&job["status"], &job["queue_position"], &job["attempt"]), (&json!("queued"), &json!(1), &json!(0)));
    assert_eq!((&job["backend"], &job["device"], &job["owner"]), (&json!("fakes"), &Value::Null, &json!("local")));
    assert_eq!((&job["conversation_id"], &job["metadata"]), (&json!("c9"), &json!({"client_ref": 7})));
    assert_eq!((&job["params"]["steps"], &job["params"]["echo"]), (&json!(3), &json!({"deep": [1]})));
    assert_eq!((&job["max_attempts"], &job["attempts_used"], &job["progress"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!((&job["waiting_for"], &job["artifacts"], &job["attempts"]), (&json!("turn"), &json!([]), &json!([])));
    for time in ["created_at", "queued_at", "updated_at"] {
        let time = text(&job[time]);
        assert!(time.len() == "2025-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{time}");
    }
    assert_eq!(api.job(&job["id"]).await["seq"], job["seq"], "shown, it is the same job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completed_job_tells_what_happened() {
    let host = Host::start().await;
    let api = host.api();

    let job = api.submit(json!({"steps": 4, "echo": "fox"})).await;
    let done = api.until(&job["id"], "complete").await;

    assert_eq!((&done["result"]["echo"], &done["result"]["attempt"]), (&json!("fox"), &json!(1)));
    assert_eq!((&done["progress"], &done["queue_position"], &done["error"]), (&json!(100), &json!(0), &Value::Null));
    assert_eq!((&done["attempt"], &done["attempts_used"]), (&json!(1), &json!(1)));
    let attempt = &done["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["charged"]), (&json!(1), &json!(true)));
    assert_eq!((&attempt["outcome"], &attempt["error"]), (&json!("complete"), &Value::Null));
    assert!(text(&attempt["backend_digest"]).starts_with("sha256:"), "{attempt}");
    assert!(text(&attempt["started_at"]) <= text(&attempt["ended_at"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_job_tells_the_kind_and_the_message_of_its_backend() {
    let host = Host::start().await;
    let api = host.api();

    let invalid = api.submit(failing("no such colour")).await;
    let rubbish = api.submit(json!({"behaviour": "bad-json"})).await;

    let error = api.until(&invalid["id"], "error").await["error"].clone();
    assert_eq!(
        (&error["kind"], &error["message"], &error["retryable"]),
        (&json!("invalid"), &json!("no such colour"), &json!(false))
    );
    let job = api.until(&rubbish["id"], "error").await;
    assert_eq!((&job["error"]["kind"], &job["result"]), (&json!("failed"), &Value::Null));
    let why = text(&job["error"]["detail"]);
    assert!(why.contains("JSON"), "operators read why: {job:#}");
    assert_eq!(job["attempts"][0]["error"], job["error"], "the attempt keeps it too");
    eventually("a line with the job's id and the whole of what went wrong", async || {
        host.log().iter().any(|line| line.contains(text(&job["id"])) && line.contains(why)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_what_the_backend_said() {
    let host = Host::start().await;
    let api = host.api();

    let job = api.submit(json!({"log": ["mixing colours", "second\nline"]})).await;
    api.until(&job["id"], "complete").await;

    let log = api.get(&format!("/v1/jobs/{}/log", text(&job["id"]))).await;
    assert_eq!(log.status, 200, "{log}");
    let said = String::from_utf8_lossy(&log.body).into_owned();
    assert!(said.contains("mixing colours") && said.contains("second"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_there_while_the_job_runs_and_gone_when_it_has_ended() {
    let host = Host::start().await;
    let api = host.api();
    let mut params = long();
    params["preview"] = json!(true);
    let job = api.submit(params).await["id"].clone();
    let path = format!("/v1/jobs/{}/preview", text(&job));

    let preview =
        eventually("a preview", async || Some(api.get(&path).await).filter(|reply| reply.status == 200)).await;
    let running = api.job(&job).await;
    api.release(&job).await;

    assert_eq!(preview.header("content-type"), "image/png");
    assert!(preview.body.starts_with(b"\x89PNG"), "{preview}");
    assert!(text(&running["preview"]).starts_with(&path), "{running:#}");
    api.get(&path).await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_pages_is_the_list_in_one_piece() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    let mut submitted = Vec::new();
    for _ in 0..7 {
        submitted.push(api.submit(json!({})).await["id"].clone());
    }

    let whole: Vec<_> = api.jobs("status=queued").await.iter().map(|job| job["id"].clone()).collect();
    let paged: Vec<_> = api.jobs("status=queued&limit=3").await.iter().map(|job| job["id"].clone()).collect();
    let first = api.get("/v1/jobs?status=queued&limit=3").await.expect(200);

    assert_eq!(paged, whole);
    assert_eq!(first["jobs"].as_array().map(Vec::len), Some(3));
    let newest_first: Vec<_> = submitted.iter().rev().cloned().collect();
    assert!(whole == submitted || whole == newest_first, "in the order of arrival, one way or the other: {whole:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_narrowed_by_each_filter() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({})).await;
    let done = api.submit_job(&json!({"params": {}, "message_id": message})).await["id"].clone();
    api.until(&done, "complete").await;
    let failed = api.submit(failing("no")).await["id"].clone();
    api.until(&failed, "error").await;
    let holder = api.hold_device().await;
    let stub = json!({"backend": "flux-stub", "params": {"prompt": "a fox"}, "conversation_id": "c9"});
    let waiting = api.submit_job(&stub).await["id"].clone();

    for (query, expected) in [
        ("status=complete".to_owned(), &done),
        ("status=error".to_owned(), &failed),
        ("status=processing".to_owned(), &holder),
        ("backend=flux-stub".to_owned(), &waiting),
        ("conversation_id=c9".to_owned(), &waiting),
        (format!("message_id={}", text(&message)), &done),
        ("backend=fakes&status=error".to_owned(), &failed),
    ] {
        let found: Vec<_> = api.jobs(&query).await.iter().map(|job| job["id"].clone()).collect();
        assert_eq!(found, std::slice::from_ref(expected), "{query}");
    }
    assert_eq!(api.jobs("owner=local").await.len(), 4);
    assert_eq!(api.jobs("owner=nobody").await.len(), 0);
    assert_eq!(api.jobs("").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_and_the_events_tell_what_is_going_on() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let waiting = api.submit(json!({})).await["id"].clone();

    let queue = api.get("/v1/queue").await.expect(200);
    let events = api.get("/v1/events?limit=100").await.expect(200);

    assert_eq!((&queue["length"], &queue["paused"]), (&json!(1), &Value::Null));
    assert_eq!(queue["processing"][0]["id"], holder);
    assert_eq!(queue["devices"][0]["name"], "gpu0");
    let events = events["events"].as_array().expect("events").clone();
    // On a busy machine a backend that is still being compiled is told of as well.
    let of_jobs = events.iter().filter(|frame| frame["type"] == "job");
    let told: Vec<_> = of_jobs.map(|frame| (&frame["event"], &frame["job"]["id"])).collect();
    assert_eq!(json!(told), json!([["queued", holder], ["started", holder], ["queued", waiting]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_says_that_it_is_alive_and_ready_and_which_backends_it_has() {
    let host = Host::start().await;
    let api = host.api();

    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 200);
    let reply = api.get("/v1/backends").await.expect(200);
    let backends = reply.get("backends").unwrap_or(&reply).as_array().expect("backends").clone();
    let fakes = backends.iter().find(|backend| backend["name"] == "fakes").expect("fakes");

    assert_eq!(backends.len(), 2);
    assert!(text(&fakes["digest"]).starts_with("sha256:"), "{fakes:#}");
    assert_eq!((&fakes["device"], &fakes["default"]), (&json!("gpu0"), &json!(true)));
    let one = api.get("/v1/backends/flux-stub").await.expect(200);
    assert_eq!((&one["name"], &one["default"]), (&json!("flux-stub"), &json!(false)));
    api.get("/v1/backends/nobody").await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_lets_nobody_in_and_says_when_to_come_back() {
    let one = Config { tables: "[queue]\nmax_waiting = 1".into(), ..Config::default() };
    let host = Home::with(one).start().await;
    let api = host.api();
    let running = api.hold_device().await;
    api.submit(json!({})).await;
    let known = api.jobs("").await.len();

    let refused = api.post("/v1/jobs", &json!({"params": {}})).await;

    refused.problem(&[429]);
    assert!(refused.header("Retry-After").parse::<u32>().is_ok(), "{refused}");
    assert_eq!(api.jobs("").await.len(), known, "nothing is stored");
    api.release(&running).await;
    api.until_idle().await;
    api.submit(json!({})).await;
}
