//! What people read: each state with its number, each wait with its end, each job by its short id, each thing once.

use super::{ask, ask_json};
use crate::harness::api::{failing, text};
use crate::harness::{Host, cli, easel};
use serde_json::{Value, json};

/// The last eight characters, by which people are told of jobs.
fn short(id: &Value) -> &str {
    let id = text(id);
    &id[id.len() - 8..]
}

/// A job that waits for three hours.
async fn later(host: &Host) -> Value {
    let at = chrono::Utc::now() + chrono::Duration::minutes(179);
    let body = json!({"params": {}, "not_before": at.to_rfc3339()});
    host.api().submit_job(&body).await["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_tells_each_state_with_its_number() {
    let host = Host::start().await;
    let holder = host.api().hold_device().await;
    host.api().submit(json!({})).await;
    let (_, second) = (later(&host).await, later(&host).await);

    let told = ask(&host, &["queue", "status"]).await;

    for line in ["queue    open", "running  1 job", "queued   1 job", "pending  2 jobs"] {
        assert!(told.stdout.lines().any(|shown| shown == line), "no {line:?}: {told}");
    }
    assert_eq!(ask_json(&host, &["queue", "status"]).await["pending"], 2);
    host.api().cancel(&second).await.expect(200);
    assert_eq!(ask_json(&host, &["queue", "status"]).await["pending"], 1);
    host.api().release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_waits_for_a_time_says_until_when_wherever_it_is_told_of() {
    let host = Host::start().await;
    let id = later(&host).await;

    for words in [vec!["show", text(&id)], vec!["jobs"], vec!["queue", "list"]] {
        let told = ask(&host, &words).await;
        let line = told.stdout.lines().find(|line| line.contains("until ")).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains(", in 3 h"), "{line}");
    }
    let at = (chrono::Utc::now() + chrono::Duration::days(9)).to_rfc3339();
    let submitted = ask(&host, &["submit", "x", "--backend", "flux-stub", "--not-before", &at]).await;
    assert!(submitted.stdout.contains("is pending: until ") && submitted.stdout.contains(", in 9 days"), "{submitted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_was_given_is_asked_for_with_flags_and_shown() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({})).await;
    let first = later(&host).await;
    let words = [
        "submit",
        "a red fox",
        "--backend",
        "flux-stub",
        "--timeout",
        "90s",
        "--attempts",
        "2",
        "--conversation",
        "c1",
        "--message",
        text(&message),
        "--priority",
        "-3",
        "--after",
        short(&first),
        "--on-dependency-failure",
        "run",
    ];

    let job = ask_json(&host, &words).await;

    assert_eq!((&job["timeout_s"], &job["max_attempts"], &job["priority"]), (&json!(90), &json!(2), &json!(-3)));
    assert_eq!((&job["conversation_id"], &job["message_id"]), (&json!("c1"), &message));
    assert_eq!((&job["on_dependency_failure"], &job["depends_on"]), (&json!("run"), &json!([first])));
    let told = ask(&host, &["show", text(&job["id"])]).await;
    for line in [
        "priority      -3".to_owned(),
        format!("after         job {}, also if they fail", short(&first)),
        "timeout       1m 30s for each attempt".to_owned(),
        "conversation  c1".to_owned(),
        format!("message       {}", text(&message)),
        format!("waiting       job {} has not ended", short(&first)),
    ] {
        assert!(told.stdout.lines().any(|shown| shown == line), "no {line:?}: {told}");
    }
    for (words, rule) in [
        (["--timeout", "soon"], "write one like 90s, 5m or 2h"),
        (["--timeout", "8d"], "from 1s to 7d"),
        (["--attempts", "0"], "1..=100"),
        (["--message", "seven"], "--message"),
        (["--on-dependency-failure", "dance"], "fail, run"),
    ] {
        ask(&host, &[&["submit", "x", "--after", "abc"], &words[..]].concat()).await.says(2, &[rule]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_says_whether_it_is_idle_while_it_is_paused() {
    let host = Host::start().await;
    host.api().until_idle().await;

    let paused = ask(&host, &["device", "pause", "gpu0", "--reason", "new card"]).await;
    let listed = ask(&host, &["device", "list"]).await;

    for told in [paused, listed] {
        let line = told.stdout.lines().last().expect("a line");
        assert!(line.starts_with("gpu0    idle ") && line.contains(" by local "), "{told}");
        assert!(line.ends_with(", until it is resumed: new card"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_says_who_may_hold_its_memory_and_when_it_is_free() {
    let host = Host::start().await;
    let told = async |words: &[&str]| ask(&host, words).await.stdout;

    let before = told(&["device", "list"]).await;
    let unloaded = told(&["device", "unload", "gpu0"]).await;
    let job = host.api().submit(json!({})).await["id"].clone();
    host.api().until(&job, "complete").await;
    let after = told(&["device", "list"]).await;

    assert!(before.contains("may be held by fakes, flux-stub"), "nobody knows what was loaded before: {before}");
    assert!(unloaded.lines().last().is_some_and(|line| line.ends_with(" free")), "{unloaded}");
    assert!(after.contains("may be held by fakes") && !after.contains("flux-stub"), "{after}");
    assert_eq!(host.api().device().await["memory"], json!(["fakes"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_without_a_place_in_line_can_be_given_a_priority_and_not_be_moved() {
    let host = Host::start().await;
    let id = later(&host).await;

    let prioritised = ask(&host, &["prioritise", text(&id), "5"]).await;
    let moved = ask(&host, &["move", text(&id), "--front"]).await;

    let told = format!("job {} has priority 5 now, and is pending: until ", short(&id));
    assert!(prioritised.stdout.starts_with(&told), "{prioritised}");
    moved.says(1, &[&format!("easel: job {} is pending: only a queued job has a place in line\n", short(&id))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_priority_is_refused_in_the_same_words_everywhere() {
    let host = Host::start().await;
    let id = later(&host).await;
    let rule = "and must be from -100 to 100";

    ask(&host, &["submit", "x", "--priority", "101"]).await.says(2, &[rule]);
    ask(&host, &["prioritise", text(&id), "-101"]).await.says(2, &[rule]);
    ask(&host, &["with", "gpu0", "--priority", "high", "--", "true"]).await.says(2, &[rule]);
    let api = host.api();
    let patched = api.patch(&format!("/v1/jobs/{}", text(&id)), &json!({"priority": 101})).await;
    let submitted = api.post("/v1/jobs", &json!({"params": {}, "priority": 101})).await;
    for reply in [patched, submitted] {
        assert_eq!(reply.problem(&[422])["detail"], format!("priority is 101 {rule}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_is_wrong_once_and_names_jobs_by_their_short_ids() {
    let host = Host::start().await;
    let nobody = json!(uuid::Uuid::now_v7());

    let unknown = ask(&host, &["show", text(&nobody)]).await;
    let params = ask(&host, &["submit", "x", "--backend", "flux-stub", "--params", r#"{"width": 1}"#]).await;
    let backend = ask(&host, &["submit", "x", "--backend", "nobody"]).await;

    assert_eq!(unknown.stderr, format!("easel: no job with id {}\n", short(&nobody)));
    assert_eq!((params.code, params.stderr.matches("width").count()), (Some(1), 1), "{params}");
    assert!(!backend.stderr.contains("wrong value") && !backend.stderr.contains("(backend)"), "{backend}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_wrong_with_a_job_is_shown_once() {
    let host = Host::start().await;
    let id = host.api().submit(failing("no such colour")).await["id"].clone();
    host.api().until(&id, "error").await;

    let told = ask(&host, &["show", text(&id)]).await;

    assert_eq!(told.stdout.matches("no such colour").count(), 2, "in the params, and as the error: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_no_jobs_is_not_asked_for() {
    let host = Host::start().await;
    for words in [vec!["jobs"], vec!["queue", "list"]] {
        ask(&host, &[&words[..], &["--limit", "0"]].concat()).await.says(2, &["must be from 1 to 1000000", "--all"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noun_alone_shows_what_there_is() {
    let host = Host::start().await;
    for (noun, verb) in [("queue", "status"), ("device", "list"), ("backend", "list")] {
        let (alone, whole) = (ask(&host, &[noun]).await, ask(&host, &[noun, verb]).await);
        assert_eq!((alone.code, &alone.stdout), (Some(0), &whole.stdout), "{alone}");
        assert!(!alone.stdout.is_empty(), "{alone}");
    }
    let checked = easel(["config"]).await;
    assert!(checked.code == Some(0) && checked.stdout.contains("valid"), "{checked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_a_token_of_the_environment_are_used_and_no_part_of_the_usage() {
    let host = Host::start().await;
    let run = async |words: &[&str], server: &str, token: &str| {
        let mut command = cli::command();
        command.args(words).env("EASEL_SERVER", server).env("EASEL_TOKEN", token);
        cli::run(command).await
    };

    let wrong = run(&["jobs", "--colour"], host.url(), "abc").await;

    wrong.says(2, &["Usage: easel jobs [OPTIONS]"]);
    assert!(!wrong.stderr.contains("--server") && !wrong.stderr.contains("--token"), "{wrong}");
    run(&["jobs"], host.url(), "").await.says(0, &[]);
    run(&["jobs"], "", "").await.says(1, &["http://127.0.0.1:7420"]);
    run(&["jobs"], "ftp://x", "")
        .await
        .says(2, &["EASEL_SERVER: \"ftp://x\" is not the address of a host: write http://HOST:PORT"]);
    run(&["jobs"], host.url(), "abc").await.says(1, &["no tokens yet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_a_line_says_so_and_what_there_is_to_expect() {
    let host = Host::start().await;
    let api = host.api();
    let silent = api.submit(json!({})).await["id"].clone();
    api.until(&silent, "complete").await;
    let spoken = api.submit(json!({"log": ["mixing colours"]})).await["id"].clone();
    api.until(&spoken, "complete").await;

    for words in [&["log"][..], &["log", "-f"]] {
        let nothing = ask(&host, &[words, &[text(&silent)]].concat()).await;
        let told = format!("job {} is over (complete), and its backend logged nothing\n", short(&silent));
        assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(0), told.as_str()), "{nothing}");
        let something = ask(&host, &[words, &[text(&spoken)]].concat()).await;
        assert_eq!(something.stdout.matches("mixing colours").count(), 1, "{something}");
    }
}
