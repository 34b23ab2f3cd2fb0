//! Bodies that make no sense: a problem document with the right status, nothing stored, and no error of ours in the log.

use crate::harness::api::text;
use crate::harness::{Api, Host, Next, Reply, Socket};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// A host that holds something, so that damage would show.
pub struct Calm {
    pub host: Host,
    pub api: Api,
    pub job: Value,
    jobs: Vec<Value>,
    message: Value,
}

impl Calm {
    pub async fn start() -> Self {
        let host = Host::start().await;
        let api = host.api();
        let message = api.message(json!({"kept": 1})).await;
        let job = api.submit(json!({"artifacts": 1})).await;
        let job = api.until(&job["id"], "complete").await;
        api.until_idle().await;
        let jobs = api.jobs("").await;
        Self { host, api, job, jobs, message }
    }

    /// Sends a body as JSON without looking at it.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.api.request(Method::POST, path).header("Content-Type", "application/json");
        self.api.send(request.body(body)).await
    }

    /// Nothing was stored, nothing is broken, and the host blames nobody but the client.
    pub async fn is_unharmed(&self) {
        assert_eq!(self.api.jobs("").await, self.jobs);
        let page = self.api.get("/v1/conversations/c1/messages").await.expect(200);
        let messages: Vec<_> = page["messages"].as_array().unwrap().iter().map(|found| &found["id"]).collect();
        assert_eq!(messages, [&self.message]);
        assert_eq!(self.api.metadata(&self.message).await, json!({"kept": 1}));
        assert_eq!(self.host.errors_logged(), Vec::<String>::new());
        let reply = self.api.get("/healthz").await;
        assert_eq!(reply.status, 200, "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_json_is_refused() {
    let calm = Calm::start().await;

    for body in ["", "{", "nonsense", "{\"params\": {}", "{\"params\": {},}", "{\"params\": {}} trailing"] {
        calm.post("/v1/jobs", body).await.problem(&[400]);
        calm.post("/v1/messages", body).await.problem(&[400]);
    }
    calm.post("/v1/jobs", b"{\"params\": {\"echo\": \"\xff\xfe\"}}".to_vec()).await.problem(&[400]);

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_shape_is_refused() {
    let calm = Calm::start().await;

    for body in [
        "null",
        "[]",
        "7",
        "\"text\"",
        "{}",
        "{\"params\": null}",
        "{\"params\": []}",
        "{\"params\": \"steps\"}",
        "{\"params\": 1e400}",
    ] {
        calm.post("/v1/jobs", body).await.problem(&[400, 422]);
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_types_and_unknown_fields_are_refused_by_name() {
    let calm = Calm::start().await;

    for (field, value) in [
        ("backend", json!(7)),
        ("conversation_id", json!({})),
        ("message_id", json!("no-uuid")),
        ("metadata", json!("text")),
        ("priority", json!("high")),
        ("depends_on", json!("everything")),
        ("max_attempts", json!("three")),
        ("inputs", json!(7)),
        ("colour", json!("red")),
        ("id", json!("0198c0de-0000-7000-8000-000000000000")),
    ] {
        let mut body = json!({"params": {}});
        body[field] = value;
        let problem = calm.api.post("/v1/jobs", &body).await.problem(&[422]);
        assert!(problem.to_string().contains(field), "{field}: {problem}");
    }
    for (field, value) in
        [("content", json!(7)), ("extra_metadata", json!([])), ("colour", json!(1)), ("id", json!("no-uuid"))]
    {
        let mut body = json!({"conversation_id": "c1", "role": "user", "content": "x"});
        body[field] = value;
        let problem = calm.api.post("/v1/messages", &body).await.problem(&[422]);
        assert!(problem.to_string().contains(field), "{field}: {problem}");
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn negative_and_absurd_numbers_are_refused() {
    let calm = Calm::start().await;

    for body in [
        r#"{"params": {}, "max_attempts": 0}"#,
        r#"{"params": {}, "max_attempts": -1}"#,
        r#"{"params": {}, "max_attempts": 1000000000000}"#,
        r#"{"params": {}, "max_attempts": 2.5}"#,
        r#"{"params": {}, "priority": 1e99}"#,
        r#"{"params": {}, "priority": -99999999999999999999}"#,
        r#"{"params": {}, "timeout_s": -5}"#,
        r#"{"params": {"steps": -1}}"#,
        r#"{"params": {"steps": 1e300}}"#,
        r#"{"params": {"step_ms": 99999999999999999999}}"#,
        r#"{"params": {"artifacts": 65}}"#,
    ] {
        calm.post("/v1/jobs", body).await.problem(&[400, 422]);
    }
    for query in
        ["limit=-1", "limit=0", "limit=many", "limit=99999999999999999999", "cursor=junk", "status=lost", "colour=red"]
    {
        calm.api.get(&format!("/v1/jobs?{query}")).await.problem(&[400, 422]);
    }

    calm.is_unharmed().await;
}

/// What serde, uuid, url, chrono, tungstenite and jsonschema say of such things.
const FOREIGN: [&str; 16] = [
    "floating point",
    "expected",
    "invalid type",
    "invalid value",
    "parsing failed",
    "u32",
    "i32",
    "integer `",
    "string \"",
    " at line ",
    "untagged",
    "sequence",
    "a map",
    "is wrong",
    "is not of type",
    "is not one of",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_in_our_own_words_with_what_would_be_right() {
    let calm = Calm::start().await;
    let id = text(&calm.job["id"]).to_owned();

    for (path, body, told) in [
        (
            "/v1/jobs",
            r#"{"params": {}, "max_attempts": 1.5}"#,
            "max_attempts is 1.5 and must be a whole number from 1 to 100",
        ),
        ("/v1/jobs", r#"{"params": {}, "max_attempts": 0}"#, "max_attempts is 0 and must be from 1 to 100"),
        (
            "/v1/jobs",
            r#"{"params": {}, "priority": "high"}"#,
            "priority is \"high\" and must be a whole number from -100 to 100",
        ),
        (
            "/v1/jobs",
            r#"{"params": {}, "priority": 1e99}"#,
            "priority is 1e99 and must be a whole number from -100 to 100",
        ),
        ("/v1/jobs", r#"{"params": {}, "timeout_s": -5}"#, "timeout_s is -5 and must be a whole number of seconds"),
        ("/v1/jobs", r#"{"params": {}, "message_id": "seven"}"#, "message_id is \"seven\" and must be a UUID, such as"),
        (
            "/v1/jobs",
            r#"{"params": {}, "inputs": [{"name": "a", "upload": "x"}]}"#,
            "inputs.0.upload is \"x\" and must be a UUID",
        ),
        (
            "/v1/jobs",
            r#"{"params": {}, "inputs": {"name": "a"}}"#,
            "inputs is an object and must be a list of objects, such as",
        ),
        ("/v1/jobs", r#"{"params": {}, "user": 7}"#, "user is 7 and must be a text in quotes"),
        (
            "/v1/jobs",
            r#"{"params": {}, "not_before": "soon"}"#,
            "not_before is \"soon\" and must be a time, such as 2026-01-31T12:00:00Z",
        ),
        (
            "/v1/jobs",
            r#"{"params": {}, "on_dependency_failure": "panic"}"#,
            "on_dependency_failure is \"panic\" and must be one of fail, run",
        ),
        ("/v1/jobs", r#"{"params": {}, "colour": "red"}"#, "colour is unknown; use one of params, backend"),
        ("/v1/jobs", "{}", "params is required: it must be an object"),
        ("/v1/jobs", r#"{"params": {"steps": 1.5}}"#, "params.steps is 1.5 and must be a whole number"),
        ("/v1/jobs", r#"{"params": {"steps": -1}}"#, "params.steps is -1 and must be at least 0"),
        (
            "/v1/jobs",
            r#"{"params": {"behaviour": "dance"}}"#,
            "params.behaviour is \"dance\" and must be one of \"succeed\", \"fail\"",
        ),
        ("/v1/jobs", r#"{"params": {"colour": 1}}"#, "params.colour is unknown to this backend; use one of"),
        ("/v1/jobs/cancel", r#"{"ids": ["seven"]}"#, "ids is a list and must be a UUID or a list of UUIDs"),
        ("/v1/jobs/cancel", r#"{"status": "done"}"#, "status is \"done\" and must be one of pending, queued"),
        ("/v1/jobs/cancel", r#"{"owner": 7}"#, "owner is 7 and must be a text or a list of texts"),
        (&format!("/v1/jobs/{id}/move"), r#"{"to": "up"}"#, "to is \"up\" and must be one of front, back"),
        (&format!("/v1/jobs/{id}/move"), r#"{"before": "x"}"#, "before is \"x\" and must be a UUID"),
        ("/v1/queue/pause", r#"{"unload": "yes"}"#, "unload is \"yes\" and must be true or false"),
        (
            "/v1/messages",
            r#"{"id": 7, "conversation_id": "c", "role": "user", "content": "x"}"#,
            "id is 7 and must be a UUID",
        ),
        ("/v1/batches", r#"{"jobs": 7}"#, "jobs is 7 and must be a list of objects, such as"),
    ] {
        let problem = calm.post(path, body).await.problem(&[422]);
        let detail = text(&problem["detail"]);
        assert!(detail.contains(told), "{body}: {detail}");
        assert_eq!(FOREIGN.iter().find(|word| detail.contains(**word)), None, "{detail}");
    }
    for (query, told) in [
        ("message_id=seven", "message_id is \"seven\" and must be a UUID, such as"),
        ("batch_id=seven", "batch_id is \"seven\" and must be a UUID, such as"),
        ("limit=many", "limit is \"many\" and must be a whole number from 1 to 200"),
        ("cursor=junk", "cursor is \"junk\" and must be the `next` of the page before"),
        ("since=soon", "since is \"soon\" and must be a time, such as 2026-01-31T12:00:00Z"),
    ] {
        let problem = calm.api.get(&format!("/v1/jobs?{query}")).await.problem(&[422]);
        assert!(text(&problem["detail"]).contains(told), "{problem}");
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nul_characters_are_refused() {
    let calm = Calm::start().await;

    for body in [
        json!({"params": {"message": "a\0b"}}),
        json!({"params": {"echo": {"deep": ["a\0b"]}}}),
        json!({"params": {"echo": {"a\0b": 1}}}),
        json!({"params": {}, "metadata": {"ref": "\0"}}),
        json!({"params": {}, "conversation_id": "c\0"}),
        json!({"params": {}, "backend": "fakes\0"}),
    ] {
        calm.api.post("/v1/jobs", &body).await.problem(&[404, 422]);
    }
    let message = |content: &str, extra: Value| json!({"conversation_id": "c1", "role": "user", "content": content, "extra_metadata": extra});
    calm.api.post("/v1/messages", &message("a\0b", json!({}))).await.problem(&[422]);
    calm.api.post("/v1/messages", &message("fine", json!({"a": "\0"}))).await.problem(&[422]);
    let path = format!("/v1/messages/{}", text(&calm.message));
    calm.api.patch(&path, &json!({"extra_metadata": {"a": {"b\0": 1}}})).await.problem(&[422]);

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_brackets_do_no_harm() {
    let calm = Calm::start().await;

    for depth in [200, 10_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let job = format!("{{\"params\": {{\"echo\": {nested}}}}}");
            calm.post("/v1/jobs", job).await.problem(&[400, 413, 422]);
            let message = format!(
                "{{\"conversation_id\": \"c1\", \"role\": \"user\", \"content\": \"x\", \"extra_metadata\": {{\"x\": {nested}}}}}"
            );
            calm.post("/v1/messages", message).await.problem(&[400, 413, 422]);
        }
        calm.post("/v1/jobs", "[".repeat(depth)).await.problem(&[400, 413]);
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused() {
    let calm = Calm::start().await;
    let of = |bytes: usize| "x".repeat(bytes);

    calm.api.post("/v1/jobs", &json!({"params": {"echo": of(64 * 1024)}})).await.problem(&[413]);
    calm.api.post("/v1/jobs", &json!({"params": {"echo": of(4_000_000)}})).await.problem(&[413]);
    calm.api.post("/v1/jobs", &json!({"params": {}, "metadata": {"ref": of(4096)}})).await.problem(&[413, 422]);
    calm.api.post("/v1/jobs", &json!({"params": {}, "conversation_id": of(100_000)})).await.problem(&[413, 422]);
    calm.api.submit_keyed(&of(5000), &json!({"params": {}})).await.problem(&[400, 413, 422]);

    calm.is_unharmed().await;
    let fits = calm.api.submit(json!({"echo": of(60 * 1024)})).await;
    calm.api.until(&fits["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_websocket_gets_an_error_frame_and_the_socket_lives() {
    let calm = Calm::start().await;
    let mut socket = Socket::connect(&calm.api, None, &[]).await;
    socket.until_mark().await;

    let junk = [
        Message::text("{"),
        Message::text(""),
        Message::text("nonsense \0"),
        Message::text("[]"),
        Message::text("{}"),
        Message::text(r#"{"type":"dance"}"#),
        Message::text(r#"{"type":"subscribe","ref":1}"#),
        Message::text(r#"{"type":"subscribe","ref":2,"job_id":"no-uuid"}"#),
        Message::text(r#"{"type":"subscribe","ref":3,"job_id":7}"#),
        Message::text("[".repeat(10_000)),
        Message::binary(vec![0, 159, 146, 150]),
    ];
    for message in junk {
        let shown = message.to_string();
        socket.send_raw(message).await;
        let frame = socket.next_matching(Duration::from_secs(30), |frame| frame["type"] != "mark").await;
        assert_eq!(frame["type"], "error", "after {:.60}: {frame}", shown);
        assert!(frame["title"].as_str().is_some_and(|title| !title.is_empty()), "{frame}");
    }
    socket.send(&json!({"type": "ping"})).await;
    socket.next_matching(Duration::from_secs(30), |frame| frame["type"] == "pong").await;

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_of_many_megabytes_costs_its_sender_the_socket_at_most() {
    let calm = Calm::start().await;
    let mut socket = Socket::connect(&calm.api, None, &[]).await;
    socket.until_mark().await;

    socket.try_send(Message::text("x".repeat(20_000_000))).await;
    let refused = loop {
        match socket.try_next(Duration::from_secs(30)).await {
            Next::Frame(frame) if frame["type"] == "error" => break true,
            Next::Frame(_) => {}
            Next::Closed(_) => break true,
            Next::Silent => break false,
        }
    };

    assert!(refused, "an error frame or a closed socket");
    calm.is_unharmed().await;
}
