//! Lists that a page needs: jobs by user, time, words and parts of ids; conversations.

use crate::harness::api::{long, text};
use crate::harness::{Api, Host, Socket};
use serde_json::{Value, json};

fn ids(list: &[Value]) -> Vec<&str> {
    list.iter().map(|job| text(&job["id"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_found_by_user_by_time_and_by_the_words_of_their_prompt() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let submit = async |user: Option<&str>, prompt: &str| {
        let body =
            json!({"backend": "flux-stub", "user": user, "params": {"prompt": prompt}, "metadata": {"user": "eve"}});
        api.submit_job(&body).await
    };
    let fox = submit(Some("ann"), "A RED fox, \"quoted\" \\ and Übermut").await;
    let owl = submit(Some("Ann \"x\""), "a grey owl").await;
    let nobody = submit(None, "a red owl").await;
    let [fox_id, owl_id, nobody_id] = [&fox, &owl, &nobody].map(|job| text(&job["id"]));
    let created = text(&owl["created_at"]);

    for (query, expected) in [
        ("user=ann".to_owned(), vec![fox_id]),
        ("user=Ann%20%22x%22".to_owned(), vec![owl_id]),
        ("user=ann&user=Ann%20%22x%22".to_owned(), vec![owl_id, fox_id]),
        ("user=eve".to_owned(), vec![]),
        ("q=red".to_owned(), vec![nobody_id, fox_id]),
        ("q=OWL%20red".to_owned(), vec![nobody_id]),
        ("q=%22quoted%22".to_owned(), vec![fox_id]),
        ("q=%5C".to_owned(), vec![fox_id]),
        ("q=%C3%BCBERMUT".to_owned(), vec![fox_id]),
        ("q=seed".to_owned(), vec![]),
        (format!("q={}", &owl_id[..owl_id.len() - 1]), vec![owl_id]),
        (format!("since={created}&backend=flux-stub"), vec![nobody_id, owl_id]),
        (format!("until={created}&backend=flux-stub"), vec![fox_id]),
        (format!("since={created}&q=red"), vec![nobody_id]),
        ("since=2100-01-01T00:00:00Z".to_owned(), vec![]),
        ("order=line&q=owl".to_owned(), vec![owl_id, nobody_id]),
    ] {
        assert_eq!(ids(&api.jobs(&query).await), expected, "{query}");
        assert_eq!(ids(&api.jobs(&format!("{query}&limit=1")).await), expected, "{query}, one a page");
    }
    for wrong in ["since=yesterday", "until=1", "order=sideways", "order=ended", "q=a&q=b"] {
        api.get(&format!("/v1/jobs?{wrong}")).await.problem(&[422]);
    }
    for plus in ["since=2026-01-31T12:00:00+01:00", "until=2026-01-31T12:00:00.5+0100"] {
        let problem = api.get(&format!("/v1/jobs?{plus}")).await.problem(&[422]);
        assert!(problem["detail"].as_str().unwrap().contains("write %2B for the + of an offset"), "{problem}");
    }
    api.get("/v1/jobs?since=2026-01-31T12:00:00%2B01:00").await.expect(200);
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_found_by_the_beginning_and_by_the_end_of_their_ids_also_when_they_have_ended() {
    let host = Host::start().await;
    let api = host.api();
    let done = api.submit(json!({})).await["id"].clone();
    api.until(&done, "complete").await;
    let other = api.submit(json!({})).await["id"].clone();
    let id = text(&done);
    let find = async |part: &str| api.get(&format!("/v1/jobs?id={part}")).await.expect(200)["jobs"].clone();

    for part in [
        id,
        &id[..id.len() - 1],
        &id[id.len() - 8..],
        &id[id.len() - 8..id.len() - 2],
        &id[id.len() - 13..],
        &id[20..].to_uppercase(),
    ] {
        let found = find(part).await;
        assert_eq!(found.as_array().map(|jobs| ids(jobs)), Some(vec![id]), "{part}");
    }
    let all = find(&id[..4]).await;
    assert_eq!(all.as_array().map(|jobs| ids(jobs)), Some(vec![text(&other), id]), "the newest first");
    assert_eq!(find("ffffffff-ffff").await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_are_listed_by_their_newest_message() {
    let host = Host::start().await;
    let api = host.api();
    let say = async |conversation: &str| {
        let body = json!({"conversation_id": conversation, "role": "user", "content": "…"});
        api.post("/v1/messages", &body).await.expect(201)
    };
    for conversation in ["a", "b", "a b/c", "a"] {
        say(conversation).await;
    }
    let newest = say("b").await;
    let list = async |query: &str| api.get(&format!("/v1/conversations{query}")).await.expect(200);

    let whole = list("").await;
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?limit=1{cursor}")).await;
        paged.extend(page["conversations"].as_array().expect("conversations").clone());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }

    let told: Vec<_> = paged.iter().map(|found| (text(&found["id"]), found["count"].as_u64().unwrap())).collect();
    assert_eq!(told, [("b", 2), ("a", 2), ("a b/c", 1)]);
    assert_eq!((&whole["conversations"], &whole["next"]), (&json!(paged), &Value::Null));
    assert_eq!(paged[0]["updated_at"], newest["updated_at"]);
    api.get("/v1/conversations?colour=red").await.problem(&[422]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_none_is_told_and_one_that_means_nothing_here_is_answered_with_what_there_is() {
    let host = Host::start().await;
    let api = host.api();
    let head = api.get("/v1/events").await.expect(200)["cursor"].clone();
    let (log, seq) = text(&head).rsplit_once(':').unwrap();
    let ahead = format!("{log}:{}", seq.parse::<u64>().unwrap() + 1000);

    for junk in ["junk", "", "7", "a:b", "a:-1"] {
        let mut socket = Socket::connect(&api, Some(junk), &[]).await;
        socket.until_mark().await;
        let kinds: Vec<_> = socket.frames.iter().map(|frame| text(&frame["type"]).to_owned()).collect();
        assert_eq!(kinds[..3], ["hello", "error", "snapshot"], "{junk}");
        api.get(&format!("/v1/events?since={junk}")).await.problem(&[422]);
    }
    for foreign in ["another:1", ahead.as_str()] {
        let mut socket = Socket::connect(&api, Some(foreign), &[]).await;
        socket.until_mark().await;
        assert_eq!((&socket.frames[0]["type"], &socket.frames[1]["type"]), (&json!("hello"), &json!("snapshot")));
        api.get(&format!("/v1/events?since={foreign}")).await.problem(&[410]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_told_under_the_names_that_jobs_have_for_them() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;
    let holder = api.hold_device().await;
    let waiting = api.submit(json!({})).await["id"].clone();

    let frame =
        socket.next_matching(crate::harness::BOUND, |frame| !frame["positions"][text(&waiting)].is_null()).await;

    let (place, job) = (&frame["positions"][text(&waiting)], api.job(&waiting).await);
    for (new, old) in [("queue_position", "position"), ("estimated_start_at", "start"), ("estimated_end_at", "end")] {
        assert!(place.get(new).is_some() && job.get(new).is_some(), "{new}: {place}");
        assert_eq!(place[new], place[old]);
    }
    assert_eq!(place["queue_position"], 1);
    api.release(&holder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_previews_of_a_job_have_the_same_address() {
    let host = Host::start().await;
    let api = host.api();
    let mut params = long();
    params["preview"] = json!(true);
    let job = api.submit(params).await["id"].clone();
    let first = preview(&api, &job).await;
    api.release(&job).await;
    api.retry(&job).await.expect(200);

    let second = preview(&api, &job).await;

    assert!(first.contains("?n=1.") && second.contains("?n=2."), "the attempt is in it: {first}, {second}");
    assert_eq!(api.get(&second).await.status, 200);
    api.release(&job).await;
}

async fn preview(api: &Api, job: &Value) -> String {
    let shown = api.until_job(job, "a preview", |job| job["preview"].is_string()).await;
    text(&shown["preview"]).to_owned()
}

/// The document beside the code: what stands in the first column of its tables.
fn documented(heading: &str) -> Vec<String> {
    let text = include_str!("../../docs/api.md");
    let part = text.split(&format!("\n## {heading}\n")).nth(1).expect("the heading").split("\n## ").next().unwrap();
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    part.lines().filter_map(cell).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_has_every_field_of_a_job() {
    let host = Host::start().await;
    let job = host.api().submit(json!({})).await;

    let mut known = documented("A job");
    known.sort();

    let mut fields: Vec<_> = job.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(known, fields);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_the_document_is_there() {
    let host = Host::start().await;
    let api = host.api();
    let nobody = uuid::Uuid::now_v7().to_string();

    for route in documented("Routes") {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{id}", &nobody).replace("{name}", "nobody");
        let reply = api.send(api.request(method.parse().unwrap(), &path)).await;
        let unknown = reply.status == 405 || String::from_utf8_lossy(&reply.body).contains("nothing at this path");
        assert!(!unknown, "{route}: {reply}");
    }
}
