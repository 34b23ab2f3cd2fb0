//! HTTP to the host, in the words of the tests. Bodies are plain JSON values: the tests know the contract, not the types.

use super::{BOUND, eventually};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::fmt;

/// A client of one start of a host. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// A whole reply.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Api {
    /// A client of the host at `base` (`http://127.0.0.1:PORT`).
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(BOUND).build().expect("an HTTP client");
        Self { base: base.to_owned(), http }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to be completed by the test.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends; an error when there is no whole reply (the host went away).
    pub async fn attempt(&self, request: RequestBuilder) -> reqwest::Result<Reply> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// Sends; there must be a reply.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        self.attempt(request).await.expect("a reply")
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Submits a job to the default backend, the fakes: the job.
    pub async fn submit(&self, params: Value) -> Value {
        self.submit_job(&json!({ "params": params })).await
    }

    /// Submits a whole envelope: the job.
    pub async fn submit_job(&self, body: &Value) -> Value {
        self.post("/v1/jobs", body).await.expect(201)
    }

    /// Submits under an idempotency key: whatever comes back.
    pub async fn submit_keyed(&self, key: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, "/v1/jobs").header("Idempotency-Key", key).json(body)).await
    }

    /// A job as it is now.
    pub async fn job(&self, id: &Value) -> Value {
        self.get(&format!("/v1/jobs/{}", text(id))).await.expect(200)
    }

    /// All jobs that match a query (`status=queued&…`), over all pages.
    pub async fn jobs(&self, query: &str) -> Vec<Value> {
        let (mut jobs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/jobs?{query}{cursor}")).await.expect(200);
            jobs.extend(page["jobs"].as_array().expect("jobs").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return jobs,
            }
        }
    }

    /// Waits for a status; panics at once when the job has ended in another one.
    pub async fn until(&self, id: &Value, status: &str) -> Value {
        let job = eventually(&format!("job {id} to be {status}"), async || {
            let job = self.job(id).await;
            (job["status"] == status || ended(&job)).then_some(job)
        })
        .await;
        assert_eq!(job["status"], status, "{job:#}");
        job
    }

    /// Waits until something about a job is so.
    pub async fn until_job(&self, id: &Value, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("job {id}: {what}"), async || Some(self.job(id).await).filter(&so)).await
    }

    /// Cancels a job: whatever comes back.
    pub async fn cancel(&self, id: &Value) -> Reply {
        self.post(&format!("/v1/jobs/{}/cancel", text(id)), &json!({})).await
    }

    /// Retries a job: whatever comes back.
    pub async fn retry(&self, id: &Value) -> Reply {
        self.post(&format!("/v1/jobs/{}/retry", text(id)), &json!({})).await
    }

    /// Occupies the device until `release`: the id of the job that does.
    pub async fn hold_device(&self) -> Value {
        let job = self.submit(long()).await;
        self.until(&job["id"], "processing").await;
        job["id"].clone()
    }

    /// Ends a job that holds the device, and waits for that.
    pub async fn release(&self, id: &Value) {
        self.cancel(id).await.expect(200);
        self.until(id, "cancelled").await;
    }

    /// The one device of the usual configuration.
    pub async fn device(&self) -> Value {
        let reply = self.get("/v1/devices").await.expect(200);
        let devices = reply.get("devices").unwrap_or(&reply).as_array().expect("devices").clone();
        devices.into_iter().find(|device| device["name"] == "gpu0").expect("gpu0")
    }

    /// Waits until the device runs nothing and is clean.
    pub async fn until_idle(&self) {
        eventually("the device to be idle", async || {
            let device = self.device().await;
            (device["busy"] == false && device["dirty"] == false).then_some(())
        })
        .await;
    }

    /// Stores bytes for a job to use: `{"id", "size", "mime", "sha256"}`.
    pub async fn upload(&self, mime: &str, bytes: Vec<u8>) -> Value {
        let request = self.request(Method::POST, "/v1/uploads").header("Content-Type", mime).body(bytes);
        self.send(request).await.expect(201)
    }

    /// Creates a chat message: its id.
    pub async fn message(&self, extra_metadata: Value) -> Value {
        let body =
            json!({"conversation_id": "c1", "role": "assistant", "content": "…", "extra_metadata": extra_metadata});
        self.post("/v1/messages", &body).await.expect(201)["id"].clone()
    }

    /// A message's `extra_metadata` as it reads now.
    pub async fn metadata(&self, message: &Value) -> Value {
        self.get(&format!("/v1/messages/{}", text(message))).await.expect(200)["extra_metadata"].clone()
    }

    /// Merges into a message's `extra_metadata`: what it is then.
    pub async fn merge(&self, message: &Value, extra_metadata: Value) -> Value {
        let path = format!("/v1/messages/{}", text(message));
        self.patch(&path, &json!({ "extra_metadata": extra_metadata })).await.expect(200)["extra_metadata"].clone()
    }
}

impl Reply {
    /// Asserts the status and gives the JSON body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }

    /// The JSON body.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// A header, or the empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts that this is a problem document of one of these statuses (RFC 9457), and gives it.
    #[track_caller]
    pub fn problem(&self, statuses: &[u16]) -> Value {
        assert!(statuses.contains(&self.status), "expected one of {statuses:?}: {self}");
        assert!(self.header("content-type").starts_with("application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self}");
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {self}");
        }
        problem
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {:#?}\n{}", self.status, self.headers, body.chars().take(2000).collect::<String>())
    }
}

/// Params of a job that runs far longer than any test, unless it is cancelled.
pub fn long() -> Value {
    json!({"behaviour": "succeed", "steps": 10_000, "step_ms": 10})
}

/// Params of a job that fails for good: no kind of retry applies to it.
pub fn failing(message: &str) -> Value {
    json!({"behaviour": "fail", "kind": "invalid", "message": message})
}

/// Whether a job's status is one that it stays in.
pub fn ended(job: &Value) -> bool {
    ["complete", "error", "cancelled"].iter().any(|status| job["status"] == *status)
}

/// An id as text.
#[track_caller]
pub fn text(id: &Value) -> &str {
    id.as_str().unwrap_or_else(|| panic!("an id, not {id}"))
}
