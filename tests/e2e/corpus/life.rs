//! The life that is told: every route, every frame, most refusals.

use super::transcript::Transcript;
use crate::harness::api::text;
use crate::harness::{Api, BOUND, Host, Reply, Socket};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody who talks to the host, and has everything written down.
struct Teller<'a> {
    api: Api,
    transcript: &'a Transcript,
}

impl Teller<'_> {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
        let body = body.into();
        let mut request = self.api.request(method.clone(), path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = self.api.send(request.body(body.clone())).await;
        self.transcript.reply(format!("{method} {path} {}", String::from_utf8_lossy(&body)).trim(), &reply);
        reply
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, path, &json, body.to_string()).await.json()
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        let json = [("content-type", "application/json")];
        self.send(Method::PATCH, path, &json, body.to_string()).await.json()
    }

    async fn submit(&self, body: Value) -> Value {
        self.post("/v1/jobs", body).await["id"].clone()
    }

    /// Occupies the device until it is released, and reports nothing meanwhile.
    async fn hold_device(&self) -> Value {
        let job = self.api.submit(json!({"steps": 1, "step_ms": 600_000})).await["id"].clone();
        self.api.until(&job, "processing").await;
        job
    }

    fn chapter(&self, name: &str) {
        self.transcript.chapter(name);
    }
}

pub(super) async fn live(host: &Host, transcript: &Transcript) {
    let teller = Teller { api: host.api(), transcript };
    let mut everything = Socket::connect(&teller.api, None, &[]).await;
    everything.until_mark().await;
    beginning(&teller).await;
    let (conversation, picture) = one_job(&teller).await;
    line(&teller).await;
    batch(&teller).await;
    ends(&teller).await;
    pauses(&teller).await;
    lists(&teller, &picture).await;
    frames(&teller, &conversation).await;
    lease(&teller).await;
    refusals(&teller, &picture).await;

    teller.chapter("everything durable that was told on a WebSocket");
    let head = crate::harness::socket::head(&teller.api).await;
    everything.until_cursor(&head).await;
    for (frame, text) in everything.frames.iter().zip(&everything.texts) {
        // What merely is comes as often as there is time for it.
        if !["progress", "positions", "mark", "resync"].contains(&frame["type"].as_str().unwrap()) {
            transcript.frame(text);
        }
    }
    teller.chapter("the same over HTTP");
    teller.get(&format!("/v1/events?limit=3&since={}", everything.cursor().unwrap())).await;
}

async fn beginning(teller: &Teller<'_>) {
    teller.chapter("a host that has done nothing yet");
    for path in [
        "/healthz",
        "/readyz",
        "/v1/queue",
        "/v1/devices",
        "/v1/backends",
        "/v1/backends/flux-stub",
        "/v1/jobs",
        "/v1/conversations",
        "/v1/conversations/c1/messages",
        "/v1/conversations/c1/messages?expand=jobs",
    ] {
        teller.get(path).await;
    }
}

/// A job with everything: the id of its conversation, and its own.
async fn one_job(teller: &Teller<'_>) -> (String, Value) {
    teller.chapter("a job with everything");
    let message = json!({"conversation_id": "c1", "role": "assistant", "content": "…", "extra_metadata": {"mine": 1}});
    let message = teller.post("/v1/messages", message).await["id"].clone();
    let upload = teller.send(Method::POST, "/v1/uploads", &[("content-type", "text/plain")], "some bytes").await.json();
    let body = json!({
        "params": {"steps": 2.0, "artifacts": 1, "png": true, "log": ["one", "two"], "echo": {"deep": [1, null]}},
        "inputs": [{"name": "init", "upload": upload["id"]}], "metadata": {"seed": 1}, "conversation_id": "c1",
        "message_id": message, "max_attempts": 2, "priority": 3, "timeout_s": 60, "user": "ann",
        "on_dependency_failure": "run",
    });
    let key = [("content-type", "application/json"), ("idempotency-key", "k1")];
    let made = teller.send(Method::POST, "/v1/jobs", &key, body.to_string()).await;
    let id = made.json()["id"].clone();
    teller.api.until(&id, "complete").await;
    let path = format!("/v1/jobs/{}", text(&id));
    teller.send(Method::POST, "/v1/jobs", &key, body.to_string()).await;
    teller.send(Method::POST, "/v1/jobs", &key, json!({"params": {}, "user": "ann"}).to_string()).await;
    for more in ["", "/log", "/preview", "/artifacts/nothing.png"] {
        teller.get(&format!("{path}{more}")).await;
    }
    let job = teller.api.job(&id).await;
    let file = text(&job["artifacts"][0]["url"]).to_owned();
    let got = teller.get(&file).await;
    let etag = got.header("etag").to_owned();
    teller.send(Method::HEAD, &file, &[], "").await;
    teller.send(Method::GET, &file, &[("if-none-match", &etag)], "").await;
    teller.send(Method::GET, &file, &[("range", "bytes=0-3")], "").await;
    teller.send(Method::GET, &file, &[("range", "bytes=900000-")], "").await;
    let message = format!("/v1/messages/{}", text(&message));
    teller.get(&message).await;
    teller.patch(&message, json!({"extra_metadata": {"more": {"deep": true}}})).await;
    teller.get("/v1/conversations/c1/messages?expand=jobs").await;
    teller.get("/v1/conversations").await;
    teller.send(Method::DELETE, &message, &[], "").await;
    ("c1".to_owned(), id)
}

async fn line(teller: &Teller<'_>) {
    teller.chapter("a line behind a job that runs");
    let holder = teller.hold_device().await;
    let mut waiting = Vec::new();
    for number in 0..3 {
        waiting.push(teller.submit(json!({"params": {"steps": 1}, "metadata": {"number": number}})).await);
    }
    let path = |job: &Value| format!("/v1/jobs/{}", text(job));
    teller.get("/v1/jobs?order=line").await;
    teller.get(&path(&waiting[2])).await;
    teller.post(&format!("{}/move", path(&waiting[2])), json!({"to": "front"})).await;
    teller.post(&format!("{}/move", path(&waiting[2])), json!({"before": waiting[1]})).await;
    teller.patch(&path(&waiting[1]), json!({"priority": 50})).await;
    teller.post(&format!("{}/cancel", path(&waiting[0])), json!({})).await;
    teller.post("/v1/jobs/cancel", json!({"status": "queued"})).await;
    teller.post("/v1/jobs/cancel", json!({"user": "nobody"})).await;
    let later = json!({"params": {}, "not_before": "2126-01-01T00:00:00Z"});
    let later = teller.submit(later).await;
    teller.get(&path(&later)).await;
    teller.post(&format!("{}/cancel", path(&later)), json!({})).await;
    teller.api.release(&holder).await;
    teller.api.until_idle().await;
}

async fn batch(teller: &Teller<'_>) {
    teller.chapter("a batch");
    teller.post("/v1/devices/gpu0/pause", json!({"reason": "to look at"})).await;
    let jobs = json!({"jobs": [
        {"params": {"behaviour": "fail", "kind": "invalid", "message": "as told"}},
        {"params": {}, "depends_on": ["#0"]},
        {"params": {}, "depends_on": ["#0"], "on_dependency_failure": "run"},
    ]});
    let batch = teller.post("/v1/batches", jobs).await;
    let path = format!("/v1/batches/{}", text(&batch["id"]));
    teller.get(&path).await;
    teller.get("/v1/jobs?order=line").await;
    teller.get("/v1/queue").await;
    // What it answers depends on whether the device has taken a job by then.
    teller.api.post("/v1/devices/gpu0/resume", &json!({})).await;
    let last = batch["jobs"][2]["id"].clone();
    teller.api.until(&last, "complete").await;
    teller.api.until_idle().await;
    teller.get(&path).await;
    teller.post(&format!("{path}/cancel"), json!({})).await;
}

async fn ends(teller: &Teller<'_>) {
    teller.chapter("ways to end");
    let path = |job: &Value, more: &str| format!("/v1/jobs/{}{more}", text(job));
    for params in [
        json!({"behaviour": "fail", "kind": "invalid", "message": "as told"}),
        json!({"behaviour": "trap"}),
        json!({"behaviour": "bad-json"}),
    ] {
        let job = teller.submit(json!({"params": params, "max_attempts": 1})).await;
        let ended = teller.api.until_job(&job, "an end", |job| job["status"] == "error").await;
        teller.api.until_idle().await;
        let mut ended = ended;
        // The words of a trap are the engine's.
        if ended["error"]["kind"] == "trapped" {
            ended["error"]["detail"] = json!("…");
        }
        teller.chapter(&ended["error"].to_string());
    }
    let job = teller.submit(json!({"params": {"steps": 1, "step_ms": 600_000}})).await;
    teller.api.until(&job, "processing").await;
    teller.post(&path(&job, "/retry"), json!({})).await;
    teller.send(Method::DELETE, &path(&job, ""), &[], "").await;
    teller.api.release(&job).await;
    teller.api.until_idle().await;
    teller.get(&path(&job, "")).await;
    teller.post(&path(&job, "/cancel"), json!({})).await;
    teller.post("/v1/queue/pause", json!({})).await;
    teller.post(&path(&job, "/retry"), json!({})).await;
    teller.post(&path(&job, "/cancel"), json!({})).await;
    teller.post("/v1/queue/resume", json!({})).await;
    teller.send(Method::DELETE, &path(&job, ""), &[], "").await;
    teller.get(&path(&job, "")).await;
}

async fn pauses(teller: &Teller<'_>) {
    teller.chapter("pauses and memory");
    teller.post("/v1/queue/pause", json!({"reason": "a new card"})).await;
    teller.get("/v1/queue").await;
    teller.post("/v1/devices/gpu0/pause", json!({"unload": true})).await;
    teller.get("/v1/devices").await;
    teller.post("/v1/devices/gpu0/unload", json!({})).await;
    teller.post("/v1/devices/gpu0/resume", json!({})).await;
    teller.post("/v1/queue/resume", json!({})).await;
}

async fn lists(teller: &Teller<'_>, picture: &Value) {
    teller.chapter("lists");
    for path in [
        "/v1/jobs?limit=2".to_owned(),
        "/v1/jobs?status=error&limit=1".to_owned(),
        "/v1/jobs?user=ann".to_owned(),
        "/v1/jobs?q=nothing".to_owned(),
        format!("/v1/jobs?id={}", text(picture)),
    ] {
        teller.get(&path).await;
    }
}

async fn frames(teller: &Teller<'_>, conversation: &str) {
    teller.chapter("a WebSocket with filters");
    let mut socket = Socket::connect(&teller.api, None, &[("conversation_id", conversation)]).await;
    socket.until_mark().await;
    // One after the other: what is not asked in order is not answered in order.
    for (frame, answer) in [
        (json!({"type": "subscribe", "ref": 1, "conversation_id": "c2"}), "snapshot"),
        (json!({"type": "unsubscribe", "ref": 2, "conversation_id": "c2"}), "subscribed"),
        (json!({"type": "ping", "ref": "three"}), "pong"),
        (json!({"type": "dance", "ref": 4}), "error"),
        (json!({"type": "subscribe", "ref": 5}), "error"),
        (json!({"type": "subscribe", "ref": 6, "job_id": "x"}), "error"),
        (json!([]), "error"),
    ] {
        socket.send(&frame).await;
        socket.next_matching(BOUND, |frame| frame["type"] == answer).await;
    }
    for (frame, text) in socket.frames.iter().zip(&socket.texts) {
        if frame["type"] != "mark" {
            teller.transcript.frame(text);
        }
    }
    teller.chapter("what merely is: the newest of each");
    let holder = teller.api.hold_device().await;
    let waiting = teller.api.submit(json!({})).await["id"].clone();
    let mut socket = Socket::connect(&teller.api, None, &[("job_id", text(&holder))]).await;
    let progress = socket.next_matching(BOUND, |frame| frame["type"] == "progress").await;
    teller.chapter(&format!("progress has {:?}", progress.as_object().unwrap().keys().collect::<Vec<_>>()));
    let mut socket = Socket::connect(&teller.api, None, &[]).await;
    socket.until_mark().await;
    let second = teller.api.submit(json!({})).await["id"].clone();
    let path = format!("/v1/jobs/{}/move", text(&second));
    teller.post(&path, json!({"to": "front"})).await;
    let positions = socket.next_matching(BOUND, |frame| frame["type"] == "positions").await;
    let (_, place) = positions["positions"].as_object().unwrap().iter().next().unwrap();
    teller.chapter(&format!("a place has {:?}", place.as_object().unwrap().keys().collect::<Vec<_>>()));
    for job in [second, waiting] {
        teller.api.cancel(&job).await.expect(200);
    }
    teller.api.release(&holder).await;
    teller.api.until_idle().await;
}

async fn lease(teller: &Teller<'_>) {
    teller.chapter("a lease");
    let path = "/v1/devices/gpu0/lease?command=train&name=LoRA";
    let holder = teller.hold_device().await;
    let mut lease = Socket::connect_to(&teller.api, path, &[("idempotency-key", "lease-1")]).await;
    lease.next_matching(BOUND, |frame| frame["type"] == "waiting").await;
    teller.api.release(&holder).await;
    let granted = lease.next_matching(BOUND, |frame| frame["type"] == "granted").await;
    teller.get("/v1/devices").await;
    teller.get(&format!("/v1/jobs/{}", text(&granted["job_id"]))).await;
    lease.send(&json!({"type": "ping", "ref": 7})).await;
    lease.next_matching(BOUND, |frame| frame["type"] == "pong").await;
    lease.send(&json!({"type": "done", "attempt": 1, "exit_code": 0})).await;
    lease.next_matching(BOUND, |frame| frame["type"] == "ended").await;
    let mut waited = false;
    for (frame, text) in lease.frames.iter().zip(&lease.texts) {
        // How often it is told why it waits depends on who is quicker.
        if frame["type"] != "waiting" || !std::mem::replace(&mut waited, true) {
            teller.transcript.frame(text);
        }
    }
    teller.api.until_idle().await;
}

async fn refusals(teller: &Teller<'_>, picture: &Value) {
    teller.chapter("refusals");
    let nobody = "00000000-0000-7000-8000-000000000000";
    for path in [
        "/nowhere",
        "/metrics",
        "/openapi.json",
        "/sdapi/v1/options",
        "/v1/backends/nobody",
        "/v1/jobs?status=done",
        "/v1/jobs?colour=red",
        "/v1/jobs?limit=0",
        "/v1/jobs?cursor=x",
        "/v1/events?since=x",
        "/v1/jobs/x",
        "/v1/ws",
    ] {
        teller.get(path).await;
    }
    teller.get(&format!("/v1/jobs/{nobody}")).await;
    teller.get(&format!("/v1/messages/{nobody}")).await;
    teller.get(&format!("/v1/batches/{nobody}")).await;
    teller.send(Method::PUT, "/v1/jobs", &[], "").await;
    teller.send(Method::PUT, "/v1/backends/flux-stub", &[], "").await;
    teller.send(Method::POST, "/v1/jobs", &[("content-type", "text/plain")], "{}").await;
    let json = [("content-type", "application/json")];
    for body in ["", "{", "[]", "{}", r#"{"params": {}, "params": {}}"#, r#"{"params": {"steps": "many"}}"#] {
        teller.send(Method::POST, "/v1/jobs", &json, body).await;
    }
    for body in [
        json!({"params": {}, "colour": "red"}),
        json!({"params": {}, "backend": "nobody"}),
        json!({"params": {}, "priority": 101}),
        json!({"params": {}, "max_attempts": 0}),
        json!({"params": {}, "not_before": "soon"}),
        json!({"params": {}, "depends_on": ["x"]}),
        json!({"params": {}, "depends_on": [nobody]}),
        json!({"params": {}, "message_id": nobody}),
        json!({"params": {}, "inputs": [{"name": "a", "upload": nobody}]}),
        json!({"params": {"echo": "x".repeat(70_000)}}),
    ] {
        let reply = teller.api.post("/v1/jobs", &body).await;
        let body = body.to_string();
        teller.transcript.reply(&format!("POST /v1/jobs {}", &body[..body.len().min(100)]), &reply);
    }
    teller
        .send(Method::POST, "/v1/jobs", &[("content-type", "application/json"), ("idempotency-key", "a b")], "{}")
        .await;
    teller.send(Method::GET, "/v1/queue", &[("host", "easel.lan")], "").await;
    teller.send(Method::GET, "/v1/queue", &[("origin", "https://example.org")], "").await;
    teller.send(Method::GET, "/v1/queue", &[("authorization", "Bearer x")], "").await;
    teller.send(Method::GET, "/v1/queue", &[("x-forwarded-for", "192.0.2.1")], "").await;
    teller.post(&format!("/v1/jobs/{}/move", text(picture)), json!({"to": "front"})).await;
    teller.post("/v1/jobs/cancel", json!({})).await;
    teller.post("/v1/devices/gpu7/pause", json!({})).await;
    teller.post("/v1/batches", json!({"jobs": []})).await;
    teller.chapter("a full line");
    let holder = teller.hold_device().await;
    for _ in 0..12 {
        teller.api.submit(json!({})).await;
    }
    teller.post("/v1/jobs", json!({"params": {}})).await;
    teller.api.post("/v1/jobs/cancel", &json!({"status": "queued"})).await.expect(200);
    teller.api.release(&holder).await;
    teller.api.until_idle().await;
}
