//! The files that a job made: whole, cacheable, resumable, and harmless in a browser.

use crate::harness::api::text;
use crate::harness::{Api, Config, Home, Host, Reply, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the fake writes into its text file number `index`.
fn letters(index: usize, len: usize) -> Vec<u8> {
    (index..index + len).map(|place| b'a' + u8::try_from(place % 26).unwrap()).collect()
}

/// The artifacts of a job that made some.
async fn made(api: &Api, params: Value) -> Vec<Value> {
    let job = api.submit(params).await;
    let done = api.until(&job["id"], "complete").await;
    done["artifacts"].as_array().expect("artifacts").clone()
}

async fn fetch(api: &Api, artifact: &Value, headers: &[(&str, &str)]) -> Reply {
    let request = api.request(Method::GET, text(&artifact["url"]));
    api.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_artifact_is_readable_and_is_what_its_checksum_says() {
    let mut host = Host::start().await;
    let artifacts = made(&host.api(), json!({"artifacts": 3, "artifact_bytes": 600_000})).await;
    host.kill().await;
    host.start_again().await;

    assert_eq!(artifacts.len(), 3);
    for (index, artifact) in artifacts.iter().enumerate() {
        let reply = fetch(&host.api(), artifact, &[]).await;
        assert_eq!(reply.status, 200, "{reply}");
        assert!(reply.body == letters(index, 600_000), "{index}.txt has other bytes");
        assert_eq!((&artifact["name"], &artifact["size"]), (&json!(format!("{index}.txt")), &json!(600_000)));
        assert_eq!(text(&artifact["sha256"]).trim_start_matches("sha256:"), sha256(&reply.body));
        assert_eq!(reply.header("content-length"), "600000");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_an_artifact_is_not_sent_it_again() {
    let host = Host::start().await;
    let api = host.api();
    let artifact = made(&api, json!({"artifacts": 1})).await.remove(0);
    let etag = fetch(&api, &artifact, &[]).await.header("etag").to_owned();
    assert!(etag.ends_with('"'), "an entity tag: {etag}");

    let unchanged = fetch(&api, &artifact, &[("If-None-Match", &etag)]).await;
    let other = fetch(&api, &artifact, &[("If-None-Match", "\"other\"")]).await;

    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{unchanged}");
    assert_eq!((other.status, other.body), (200, letters(0, 16)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_artifact_can_be_asked_for() {
    let host = Host::start().await;
    let api = host.api();
    let artifact = made(&api, json!({"artifacts": 1, "artifact_bytes": 26})).await.remove(0);

    for (range, part, told) in [
        ("bytes=2-5", &b"cdef"[..], "bytes 2-5/26"),
        ("bytes=24-", b"yz", "bytes 24-25/26"),
        ("bytes=-3", b"xyz", "bytes 23-25/26"),
        ("bytes=20-999", b"uvwxyz", "bytes 20-25/26"),
    ] {
        let reply = fetch(&api, &artifact, &[("Range", range)]).await;
        assert_eq!((reply.status, reply.body.as_slice()), (206, part), "{range}: {reply}");
        assert_eq!(reply.header("content-range"), told);
    }
    let past = fetch(&api, &artifact, &[("Range", "bytes=26-")]).await;
    assert_eq!((past.status, past.header("content-range")), (416, "bytes */26"), "{past}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_picture_is_shown_and_anything_else_is_downloaded() {
    let host = Host::start().await;
    let api = host.api();
    let picture = made(&api, json!({"artifacts": 1, "png": true})).await.remove(0);
    let disguised = made(&api, json!({"artifacts": 1, "artifact_name": "fox.png"})).await.remove(0);

    let shown = fetch(&api, &picture, &[]).await;
    let downloaded = fetch(&api, &disguised, &[]).await;

    assert_eq!((&picture["mime"], &picture["width"], &picture["height"]), (&json!("image/png"), &json!(8), &json!(8)));
    assert_eq!(shown.header("content-type"), "image/png");
    assert!(!shown.header("content-disposition").starts_with("attachment"), "{shown}");
    assert!(
        downloaded.header("content-disposition").starts_with("attachment"),
        "a name makes no picture: {downloaded}"
    );
    for reply in [shown, downloaded] {
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(reply.header("content-security-policy").contains("sandbox"), "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_job_names_can_be_fetched() {
    let host = Host::start().await;
    let api = host.api();
    let done = made(&api, json!({"artifacts": 1})).await.remove(0);
    let failing = json!({"behaviour": "fail", "kind": "invalid", "artifacts": 1});
    let failed = api.submit(failing).await["id"].clone();
    let failed = api.until(&failed, "error").await;

    assert_eq!(failed["artifacts"], json!([]), "a failed attempt shows nothing");
    api.get(&format!("/v1/jobs/{}/artifacts/0.txt", text(&failed["id"]))).await.problem(&[404]);
    api.get(&text(&done["url"]).replace("0.txt", "1.txt")).await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_elsewhere_is_refused() {
    let host = Host::start().await;
    let api = host.api();

    for name in ["../evil", "/etc/evil", ".hidden", "a/b", "", "a\\b", "ä.png"] {
        let job = api.submit(json!({"artifacts": 1, "artifact_name": name})).await;
        let job = api.until(&job["id"], "error").await;
        assert!(text(&job["error"]["message"]).contains("bad name"), "{name}: {job:#}");
    }

    assert!(!host.home().path().join("evil").exists() && !host.home().data().join("evil").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_cannot_write_more_than_its_quota() {
    let fakes = "artifact_quota = \"1KiB\"".into();
    let host = Home::with(Config { fakes, ..Config::default() }).start().await;
    let api = host.api();

    let greedy = api.submit(json!({"artifacts": 2, "artifact_bytes": 600})).await;
    let modest = api.submit(json!({"artifacts": 2, "artifact_bytes": 500})).await;

    let job = api.until(&greedy["id"], "error").await;
    assert!(text(&job["error"]["message"]).contains("quota"), "{job:#}");
    assert_eq!(job["artifacts"], json!([]));
    api.until(&modest["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_will_ever_be_shown_does_not_stay_on_the_disk() {
    let host = Host::start().await;
    let api = host.api();
    let attempts = |job: &Value| host.home().data().join("artifacts").join(text(job));
    let gone = async |directory: std::path::PathBuf| {
        eventually("the files to go", async || (!directory.exists()).then_some(())).await;
    };

    let body = json!({"params": {"behaviour": "fail", "artifacts": 2}, "max_attempts": 1});
    let failed = api.submit_job(&body).await["id"].clone();
    api.until(&failed, "error").await;
    gone(attempts(&failed).join("1")).await;

    let job = api.submit(json!({"artifacts": 2})).await["id"].clone();
    api.until(&job, "complete").await;
    assert!(attempts(&job).join("1").exists());
    api.retry(&job).await.expect(200);
    let done =
        api.until_job(&job, "its second attempt", |job| job["attempt"] == 2 && job["status"] == "complete").await;
    gone(attempts(&job).join("1")).await;
    assert_eq!(api.get(text(&done["artifacts"][1]["url"])).await.status, 200);
}
