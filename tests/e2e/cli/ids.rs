//! Which job is meant: any beginning or end of an id that is no other job's.

use super::{ask, ask_json};
use crate::harness::Host;
use crate::harness::api::{failing, text};
use serde_json::{Value, json};

/// The last eight characters, by which people are told of jobs.
fn end(id: &Value) -> &str {
    let id = text(id);
    &id[id.len() - 8..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_takes_the_end_of_an_id_for_the_job() {
    let host = Host::start().await;
    let api = host.api();
    let stub = json!({"prompt": "a fox", "width": 48, "height": 32, "steps": 2, "step_ms": 0});
    let done = api.submit_job(&json!({"backend": "flux-stub", "params": stub})).await["id"].clone();
    api.until(&done, "complete").await;
    let failed = api.submit(failing("no")).await["id"].clone();
    api.until(&failed, "error").await;
    let holder = api.hold_device().await;
    let [first, second, third] = [(); 3].map(|()| json!({"steps": 1}));
    let (first, second, third) = (api.submit(first).await, api.submit(second).await, api.submit(third).await);
    let (first, second, third) = (&first["id"], &second["id"], &third["id"]);
    let out = tempfile::tempdir().unwrap();

    for words in [vec!["show"], vec!["log"], vec!["wait"]] {
        ask(&host, &[&words[..], &[end(&done)]].concat()).await.says(0, &[]);
    }
    ask(&host, &["save", end(&done), "--out", out.path().to_str().unwrap()]).await.says(0, &[]);
    assert_eq!(ask_json(&host, &["move", end(third), "--before", end(second)]).await["queue_position"], 2);
    assert_eq!(ask_json(&host, &["prioritise", end(second), "7"]).await["priority"], 7);
    assert_eq!(ask_json(&host, &["cancel", end(first)]).await["id"], *first);
    assert_eq!(ask_json(&host, &["retry", end(&failed)]).await["id"], failed);
    let after = ask_json(&host, &["submit", "x", "--backend", "flux-stub", "--after", end(third)]).await;
    ask(&host, &["delete", end(&done), end(first)]).await.says(0, &[]);

    assert_eq!(after["depends_on"], json!([third]));
    assert!(out.path().join(format!("{}-0.png", end(&done))).is_file(), "the file is named as the job is");
    api.get(&format!("/v1/jobs/{}", text(&done))).await.problem(&[404]);
    api.get(&format!("/v1/jobs/{}", text(first))).await.problem(&[404]);
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beginning_that_several_ids_have_names_them_and_one_that_one_has_is_enough() {
    let host = Host::start().await;
    let api = host.api();
    let stub = |prompt: &str| json!({"backend": "flux-stub", "params": {"prompt": prompt, "steps": 1, "step_ms": 0}});
    let fox = api.submit_job(&stub("a red fox")).await["id"].clone();
    let owl = api.submit_job(&stub("a grey owl")).await["id"].clone();
    let both: String = text(&fox).chars().zip(text(&owl).chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let one = &text(&fox)[..both.len() + 1];

    let ambiguous = ask(&host, &["show", &both]).await;
    let found = ask_json(&host, &["show", &one.to_uppercase()]).await;

    ambiguous.says(1, &[text(&fox), "a red fox", text(&owl), "a grey owl"]);
    assert_eq!(found["id"], fox);
    let problem: Value =
        serde_json::from_str(&ask(&host, &["show", &both, "--json"]).await.stderr).expect("a problem document");
    assert_eq!(problem["candidates"].as_array().map(Vec::len), Some(2), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_nobodys_id_is_not_found_and_what_is_no_id_is_wrong_usage() {
    let host = Host::start().await;

    ask(&host, &["show", "abcdef"]).await.says(1, &["abcdef", "easel jobs"]);
    ask(&host, &["cancel", "-"]).await.says(1, &["no job has an id that begins or ends with"]);
    ask(&host, &["show", "seven"]).await.says(2, &["not a job id"]);
    host.api().get("/v1/jobs?id=seven").await.problem(&[422]);
    host.api().get("/v1/jobs?id=").await.problem(&[422]);
    host.api().get("/v1/jobs?id=abc&status=queued").await.problem(&[422]);
}
