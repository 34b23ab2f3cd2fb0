//! Lists: of jobs, over as many pages as asked for, and of the line.

use super::{ask, ask_json};
use crate::harness::Host;
use crate::harness::api::text;
use reqwest::Method;
use serde_json::{Value, json};

fn ids(list: &Value) -> Vec<&str> {
    list["jobs"].as_array().expect("jobs").iter().map(|job| text(&job["id"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_longer_than_a_page_is_read_in_pages() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let jobs: Vec<Value> = (0..210).map(|_| json!({"params": {}})).collect();
    api.post("/v1/batches", &json!({"jobs": jobs})).await.expect(201);

    let some = ask_json(&host, &["jobs", "--limit", "205"]).await;
    let all = ask_json(&host, &["jobs", "--all"]).await;
    let told = ask(&host, &["jobs", "--limit", "205"]).await;

    assert_eq!((ids(&some).len(), some["next"].is_null()), (205, false));
    assert_eq!((ids(&all).len(), all["next"].is_null()), (211, true));
    assert_eq!(ids(&all)[..205], ids(&some)[..], "the newest first");
    assert_eq!(told.stdout.lines().count(), 206, "a header and the jobs: {told}");
    assert!(told.stderr.contains("--all"), "{told}");
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_narrowed_and_names_each_user_and_a_short_id() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let submit = async |user: &str, prompt: &str| {
        let body = json!({"backend": "flux-stub", "user": user, "params": {"prompt": prompt}});
        api.submit_job(&body).await["id"].clone()
    };
    let (ann, bob) = (submit("ann", "A red Fox\nat sunset").await, submit("bob", "a grey owl").await);

    for (words, expected) in [
        (vec!["--user", "ann"], vec![text(&ann)]),
        (vec!["--user", "ann", "--user", "bob"], vec![text(&bob), text(&ann)]),
        (vec!["--search", "fox red"], vec![text(&ann)]),
        (vec!["--search", "owl", "--user", "ann"], vec![]),
        (vec!["--since", "1h", "--backend", "flux-stub"], vec![text(&bob), text(&ann)]),
        (vec!["--since", "2100-01-01"], vec![]),
        (vec!["--status", "processing"], vec![text(&holder)]),
        (vec!["--status", "processing", "--status", "queued", "--owner", "local", "--user", "bob"], vec![text(&bob)]),
    ] {
        assert_eq!(ids(&ask_json(&host, &[&["jobs"], &words[..]].concat()).await), expected, "{words:?}");
    }
    let told = ask(&host, &["jobs", "--user", "ann"]).await;
    let (id, wide) = (text(&ann), ask(&host, &["jobs", "--wide"]).await);
    assert!(told.stdout.contains(&id[id.len() - 8..]) && !told.stdout.contains(id), "{told}");
    assert!(told.stdout.contains("ann") && told.stdout.contains("A red Fox at sunset"), "{told}");
    assert!(wide.stdout.contains(id) && wide.stdout.contains("local"), "{wide}");
    assert!(ask(&host, &["show", id]).await.stdout.contains("ann"));
    ask(&host, &["jobs", "--since", "soon"]).await.says(2, &["not a time"]);
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_is_listed_in_its_order_with_why_each_waits() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let first = api.submit(json!({})).await["id"].clone();
    let urgent = api.submit_job(&json!({"params": {}, "priority": 100})).await["id"].clone();
    let later = api.submit_job(&json!({"params": {}, "depends_on": [first]})).await["id"].clone();

    let line = ask_json(&host, &["queue", "list"]).await;
    let page = api.get("/v1/jobs?order=line&limit=2").await.expect(200);
    let rest = api.get(&format!("/v1/jobs?order=line&cursor={}", text(&page["next"]))).await.expect(200);
    let waiting = api.get("/v1/jobs?order=line&status=pending").await.expect(200);
    let told = ask(&host, &["queue", "list"]).await;

    assert_eq!(ids(&line), [&holder, &urgent, &first, &later].map(text));
    assert_eq!([ids(&page), ids(&rest)].concat(), ids(&line), "in pages, the same");
    assert_eq!(ids(&waiting), [text(&later)]);
    let short = &text(&first)[text(&first).len() - 8..];
    assert!(told.stdout.lines().last().is_some_and(|line| line.contains("pending") && line.contains("job")), "{told}");
    assert!(told.stdout.contains(short), "{told}");
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_says_why_nothing_starts() {
    let host = Host::start().await;
    ask(&host, &["queue", "pause", "--reason", "new card"]).await.says(0, &[]);
    host.api().submit(json!({})).await;
    host.api().submit(json!({})).await;

    let told = ask(&host, &["queue", "status"]).await;

    assert!(told.stdout.contains("2 jobs: ") && told.stdout.matches("new card").count() == 2, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_cancelled_by_their_user_and_nothing_that_matches_is_a_failure() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let submit = async |user: &str| api.submit_job(&json!({"params": {}, "user": user})).await["id"].clone();
    let (ann, bob) = (submit("ann").await, submit("bob").await);

    assert_eq!(ask_json(&host, &["cancel", "--user", "ann"]).await["cancelled"], 1);
    ask(&host, &["cancel", "--user", "ann"]).await.says(1, &["nothing was cancelled"]);
    ask(&host, &["cancel", "--owner", "nobody"]).await.says(1, &["nothing was cancelled"]);
    ask(&host, &["cancel"]).await.says(2, &["--user"]);
    ask(&host, &["cancel", text(&bob), "--user", "bob"]).await.says(2, &["cannot be used with"]);

    assert_eq!(
        (&api.job(&ann).await["status"], &api.job(&bob).await["status"]),
        (&json!("cancelled"), &json!("queued"))
    );
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_for_programs_have_numbers_to_the_letter() {
    let host = Host::start().await;
    let request = host.api().request(Method::POST, "/v1/jobs").header("content-type", "application/json");
    let metadata = r#""metadata":{"a":1.10,"b":12345678901234567890123}"#;
    host.api().send(request.body(format!(r#"{{"params":{{}},{metadata}}}"#))).await.expect(201);

    let told = ask(&host, &["jobs", "--json"]).await.stdout;

    assert!(told.contains(metadata), "{told}");
}
