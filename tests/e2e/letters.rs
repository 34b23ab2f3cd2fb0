//! Numbers that Easel only carries come back as they were written.

use crate::harness::api::text;
use crate::harness::{Api, Host, Reply};
use reqwest::Method;
use serde_json::json;

const NUMBERS: &str = r#"{"a":12345678901234567890123,"b":[1e400,-0,1.10,1E5],"c":{"d":-1.5e-999}}"#;

async fn send(api: &Api, method: Method, path: &str, key: &str, body: String) -> Reply {
    let request = api.request(method, path).header("content-type", "application/json").header("idempotency-key", key);
    api.send(request.body(body)).await
}

fn body(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metadata_of_a_job_comes_back_to_the_letter_and_tells_keys_apart() {
    let mut host = Host::start().await;
    let api = host.api();
    let sent = |numbers: &str| format!(r#"{{"params":{{"steps":2.0}},"metadata":{numbers}}}"#);

    let made = send(&api, Method::POST, "/v1/jobs", "k", sent(NUMBERS)).await;
    let again = send(&api, Method::POST, "/v1/jobs", "k", sent(NUMBERS)).await;
    let other = send(&api, Method::POST, "/v1/jobs", "k", sent(&NUMBERS.replace("0123,", "0124,"))).await;
    host.kill().await;
    host.start_again().await;
    let api = host.api();
    let list = body(&api.get("/v1/jobs").await);
    let events = body(&api.get("/v1/events").await);

    assert_eq!((made.status, again.status, other.status), (201, 200, 409), "{}", body(&made));
    for told in [body(&made), body(&again), list, events] {
        assert!(told.contains(&format!("\"metadata\":{NUMBERS}")), "{told}");
    }
    assert!(body(&made).contains("\"steps\":2}"), "an integer is written as one: {}", body(&made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_keeps_numbers_to_the_letter_through_merges_and_reports() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({"kept": 1})).await;
    let path = format!("/v1/messages/{}", text(&message));

    let patch = format!(r#"{{"extra_metadata":{{"n":{NUMBERS}}}}}"#);
    for (key, patch) in [("p", patch), ("q", r#"{"extra_metadata":{"n":{"c":{"e":2.50}}}}"#.to_owned())] {
        let reply = send(&api, Method::PATCH, &path, key, patch).await;
        assert_eq!(reply.status, 200, "{reply}");
    }
    let job = api.submit_job(&json!({"params": {}, "message_id": message})).await["id"].clone();
    api.until(&job, "complete").await;

    let told = body(&api.get(&path).await);
    let expected = NUMBERS.replace("-1.5e-999}", "-1.5e-999,\"e\":2.50}");
    assert!(told.contains(&format!("\"n\":{expected}")) && told.contains("\"status\":\"complete\""), "{told}");
    assert!(told.contains("\"kept\":1"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_stands_twice_is_refused_by_its_place() {
    let host = Host::start().await;
    let api = host.api();
    for (sent, field) in [
        (r#"{"params":{"log":["a"],"echo":{"x":1,"x":2}}}"#, "params.echo.x"),
        (r#"{"params":{},"metadata":{"a":[{"b":1,"b":1}]}}"#, "metadata.a.0.b"),
    ] {
        let refused = send(&api, Method::POST, "/v1/jobs", "k", sent.to_owned()).await.problem(&[422]);
        assert_eq!(refused["field"], field);
    }
    let half = send(&api, Method::POST, "/v1/jobs", "k", r#"{"params":{"message":"\ud83e"}}"#.to_owned()).await;
    assert!(half.problem(&[400])["detail"].as_str().is_some_and(|told| told.contains("half an emoji")));
    let marked = send(&api, Method::POST, "/v1/jobs", "k", "\u{feff}{\"params\":{}}".to_owned()).await;
    assert_eq!(marked.status, 201);
}
