//! Pictures for clients of OpenAI's API: as its own library asks for them, and as requests by hand.

use std::time::Duration;

use crate::harness::api::text;
use crate::harness::{Host, eventually};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn asking(host: &Host, body: &Value) -> RequestBuilder {
    host.api().request(Method::POST, "/openai/v1/images/generations").bearer_auth("sk-nobody-asks").json(body)
}

fn small(prompt: &str) -> Value {
    json!({"prompt": prompt, "model": "flux-stub", "size": "64x48", "steps": 1, "step_ms": 0})
}

/// The only job that there is, once there is one.
async fn only_job(host: &Host) -> Value {
    eventually("a job", async || host.api().jobs("backend=flux-stub").await.pop()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_a_job_and_nothing_of_it_is_kept_that_the_backend_has_no_param_for() {
    let host = Host::start().await;
    let mut body = small("a red fox");
    for (name, value) in [("n", json!(2)), ("seed", json!(7)), ("auth", json!("secret")), ("quality", json!("hd"))] {
        body[name] = value;
    }
    let reply = host.api().send(asking(&host, &body).header("x-openwebui-user-id", "ann")).await.expect(200);

    assert_eq!((reply["data"].as_array().unwrap().len(), &reply["size"]), (2, &json!("64x48")));
    let job = host.api().job(&reply["job_id"]).await;
    assert_eq!((&job["user"], &job["params"]["count"], &job["params"]["seed"]), (&json!("ann"), &json!(2), &json!(7)));
    let kept = job.to_string();
    assert!(!kept.contains("secret") && !kept.contains("quality"), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_in_openais_words_and_not_asked_again() {
    let host = Host::start().await;
    for (body, status, code, param) in [
        (json!({"prompt": "x", "model": "no-such"}), 404, "not-found", json!("model")),
        (json!({"prompt": "x", "model": "fakes"}), 422, "wrong-value", json!("model")),
        (json!({"prompt": "x", "model": "flux-stub", "n": 11}), 422, "wrong-value", json!("n")),
        (json!({"prompt": "x", "model": "flux-stub", "size": "9x"}), 422, "wrong-value", json!("size")),
        (json!({"prompt": "x", "model": "flux-stub", "steps": -1}), 422, "wrong-value", json!("params.steps")),
        (json!({"model": "flux-stub"}), 422, "wrong-value", json!("prompt")),
        (json!([1]), 422, "wrong-value", json!("")),
    ] {
        let reply = host.api().send(asking(&host, &body)).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["code"], &error["param"]), (status, &json!(code), &param), "{body} {error}");
        assert_eq!(reply.header("x-should-retry"), "false", "{body}");
    }
    let broken = host.api().request(Method::POST, "/openai/v1/images/generations");
    let broken = broken.header("content-type", "application/json").body("{");
    assert_eq!(host.api().send(broken).await.expect(400)["error"]["type"], "invalid_request_error");
    assert!(host.api().jobs("").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_no_job() {
    let host = Host::start().await;
    let holder = host.api().hold_device().await;
    let request = tokio::spawn(asking(&host, &small("a lost fox")).send());
    let job = only_job(&host).await;
    request.abort();
    host.api().until(&job["id"], "cancelled").await;
    host.api().release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_again_gets_the_picture_of_the_first_also_after_a_crash() {
    let mut host = Host::start().await;
    let holder = host.api().hold_device().await;
    let body = small("a patient fox");
    let first = tokio::spawn(asking(&host, &body).send());
    let job = only_job(&host).await;
    host.kill().await;
    first.await.unwrap().unwrap_err();
    host.start_again().await;

    let again = tokio::spawn(asking(&host, &body).header("x-stainless-retry-count", "1").send());
    host.api().cancel(&holder).await;
    let reply: Value = again.await.unwrap().unwrap().json().await.unwrap();

    assert_eq!((&reply["job_id"], reply["data"].as_array().unwrap().len()), (&job["id"], 1));
    assert_eq!(host.api().jobs("backend=flux-stub").await.len(), 1);
    // One that is asked for anew is another one.
    let other = host.api().send(asking(&host, &body)).await.expect(200);
    assert_ne!(other["job_id"], job["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_the_place_in_line_and_a_cancelled_job_ends_it() {
    let host = Host::start().await;
    let holder = host.api().hold_device().await;
    let mut body = small("a streamed fox");
    body["stream"] = json!(true);
    let request = asking(&host, &body).timeout(Duration::from_secs(60));
    let stream = tokio::spawn(async { request.send().await.unwrap().text().await.unwrap() });
    let job = only_job(&host).await;
    host.api().until_job(&job["id"], "a place", |job| job["queue_position"] == 1).await;
    host.api().cancel(&job["id"]).await.expect(200);

    let said = stream.await.unwrap();

    let first = said.split("\n\n").next().unwrap().to_owned();
    assert!(first.starts_with("event: easel.progress\ndata: {") && first.contains("\"queue_position\":1"), "{said}");
    assert!(
        said.contains("event: error\ndata: {\"error\":{") && said.contains("\"message\":\"the job was cancelled\""),
        "{said}"
    );
    host.api().release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openais_own_client_makes_pictures_streams_them_and_may_be_hasty() {
    let host = Host::start().await;
    let python = std::env::var("EASEL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/openai/client.py");
    let run = tokio::process::Command::new(&python).args([script, host.url()]).output().await.unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}\n{errors}\nit needs `pip install openai`; EASEL_PYTHON names another Python");
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let [models, pictures, fetched, events, model, size, many, steps, hasty] = &said[..] else { panic!("{said:#?}") };
    assert!(models["models"].as_array().unwrap().contains(&json!("flux-stub")), "{models}");
    assert_eq!(*pictures, json!({"pictures": ["89504e47", "89504e47"], "size": "64x48"}));
    assert_eq!(fetched["fetched"], "89504e47");
    let kinds: Vec<&str> = events["events"].as_array().unwrap().iter().map(text).collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("easel.progress", "image_generation.completed"));
    assert!(kinds.contains(&"image_generation.partial_image"), "{kinds:?}");
    let told = |wrong: &Value| (wrong["status"].as_u64().unwrap(), text(&wrong["param"]).to_owned());
    assert_eq!(
        [model, size, many, steps].map(told),
        [(404, "model".to_owned()), (422, "size".to_owned()), (422, "n".to_owned()), (422, "params.steps".to_owned()),]
    );
    assert_eq!(hasty["hasty"], 1);
    let slow = host.api().jobs("q=slow").await;
    assert_eq!(slow.len(), 1, "asked for three times, made once");
}
