//! Snapshots, filters and marks: what a page asks for when it loads, and as its user looks at this and that.

use super::{ids, types};
use crate::harness::api::text;
use crate::harness::socket::{head, place};
use crate::harness::{Api, BOUND, Host, Socket};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// A job that ends at once, in a conversation.
async fn short_job(api: &Api, conversation: &str) -> Value {
    let job = api.submit_job(&json!({"params": {}, "conversation_id": conversation})).await["id"].clone();
    api.until(&job, "complete").await;
    job
}

/// Sends a frame and reads on to its answer.
async fn ask(socket: &mut Socket, frame: Value) {
    socket.send(&frame).await;
    let answer = socket.next_matching(BOUND, |answer| answer["ref"] == frame["ref"]).await;
    assert_eq!(answer, json!({"type": "subscribed", "ref": frame["ref"]}));
}

/// The jobs that were heard of in events, each once, sorted.
fn heard_of(socket: &Socket) -> Vec<String> {
    let jobs = socket.frames.iter().filter(|frame| frame["type"] == "job");
    let mut ids: Vec<_> = jobs.map(|frame| text(&frame["job"]["id"]).to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn sorted<const N: usize>(ids: [&Value; N]) -> Vec<&str> {
    let mut ids = ids.map(text).to_vec();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_loads_gets_a_snapshot_of_what_has_not_ended_and_then_a_mark() {
    let host = Host::start().await;
    let api = host.api();
    short_job(&api, "a").await;
    let holder = api.hold_device().await;
    let mut line = vec![text(&holder).to_owned()];
    for _ in 0..3 {
        line.push(text(&api.submit(json!({"echo": "not shown"})).await["id"]).to_owned());
    }

    let frames = Socket::connect(&api, None, &[]).await.until_mark().await;

    assert_eq!(types(&frames), ["hello", "snapshot", "mark"]);
    let (hello, snapshot, mark) = (&frames[0], &frames[1], frames.last().unwrap());
    assert_eq!(hello["protocol"], 1);
    assert!(hello["now"].is_string() && hello["cursor"] == snapshot["cursor"], "{hello}");
    assert_eq!(ids(snapshot), line, "what runs, and then the line in its order");
    assert_eq!((&snapshot["scope"], &snapshot["truncated"]), (&Value::Null, &json!(false)));
    assert_eq!((&snapshot["queue"]["length"], &snapshot["queue"]["processing"][0]["id"]), (&json!(3), &holder));
    let jobs = snapshot["jobs"].as_array().unwrap();
    let places: Vec<_> = jobs.iter().map(|job| job["queue_position"].as_u64()).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2), Some(3)]);
    assert!(jobs.iter().all(|job| job.get("params").is_none()), "without params");
    assert_eq!(mark["cursor"], snapshot["cursor"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_holds_500_jobs_and_says_when_there_are_more() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let mut line = vec![text(&holder).to_owned()];
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.extend(join_all((0..32).map(|_| api.submit(json!({})))).await);
    }
    waiting.sort_by_key(|job| job["queue_position"].as_u64());
    line.extend(waiting.iter().map(|job| text(&job["id"]).to_owned()));
    line.truncate(500);

    let frames = Socket::connect(&api, None, &[]).await.until_mark().await;

    assert_eq!(types(&frames), ["hello", "snapshot", "mark"]);
    assert_eq!(ids(&frames[1]), line, "the head of the line");
    assert_eq!((&frames[1]["truncated"], &frames[1]["queue"]["length"]), (&json!(true), &json!(512)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_asked_for_by_name_is_shown_also_when_it_has_ended() {
    let host = Host::start().await;
    let api = host.api();
    let done = short_job(&api, "a").await;
    let holder = api.hold_device().await;

    let mut socket = Socket::connect(&api, None, &[("job_id", text(&done))]).await;
    let first = socket.until_mark().await;
    ask(&mut socket, json!({"type": "subscribe", "ref": "also", "job_id": holder})).await;
    let second = socket.next_matching(BOUND, |frame| frame["type"] == "snapshot").await;

    assert_eq!((ids(&first[1]), &first[1]["scope"]), (vec![text(&done).to_owned()], &json!({"job_id": done})));
    assert_eq!(first[1]["jobs"][0]["status"], "complete");
    assert_eq!((&second["type"], &second["scope"]), (&json!("snapshot"), &json!({"job_id": holder})));
    assert_eq!(
        ids(&second),
        [text(&holder)],
        "the snapshot has the scope that was asked for, not all that is followed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_add_up() {
    let host = Host::start().await;
    let api = host.api();
    let named = api.submit_job(&json!({"params": {"behaviour": "fail"}, "conversation_id": "c"})).await["id"].clone();
    api.until(&named, "error").await;
    let filters = [("conversation_id", "a"), ("conversation_id", "b")];
    let mut socket = Socket::connect(&api, None, &filters).await;
    socket.until_mark().await;
    ask(&mut socket, json!({"type": "subscribe", "ref": 1, "job_id": named})).await;
    ask(&mut socket, json!({"type": "subscribe", "ref": 2, "conversation_id": "d"})).await;

    let (a, b, d) = (short_job(&api, "a").await, short_job(&api, "b").await, short_job(&api, "d").await);
    short_job(&api, "c").await;
    api.retry(&named).await;
    api.until(&named, "error").await;
    socket.until_cursor(&head(&api).await).await;

    assert_eq!(heard_of(&socket), sorted([&a, &b, &d, &named]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unsubscribed_falls_silent_and_the_last_filter_leaves_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[("conversation_id", "a"), ("conversation_id", "b")]).await;
    socket.until_mark().await;

    ask(&mut socket, json!({"type": "unsubscribe", "ref": 1, "conversation_id": "a"})).await;
    short_job(&api, "a").await;
    let b = short_job(&api, "b").await;
    socket.job_event(&b, "completed").await;
    ask(&mut socket, json!({"type": "unsubscribe", "ref": 2, "conversation_id": "b"})).await;
    short_job(&api, "a").await;
    short_job(&api, "b").await;
    // The next heartbeat says that whatever was for this client has come.
    socket.until_cursor(&head(&api).await).await;

    assert_eq!(heard_of(&socket), [text(&b)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_come_again_and_again_and_move_on_past_what_a_filter_leaves_out() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[("conversation_id", "nobody's")]).await;
    let first = socket.until_mark().await;
    let first = first.last().unwrap();

    short_job(&api, "somebody's").await;
    let wanted = place(&head(&api).await);
    let mut marks = vec![place(text(&first["cursor"]))];
    while marks.len() < 3 || *marks.last().unwrap() < wanted {
        let heard = socket.until_mark().await;
        marks.push(place(text(&heard.last().unwrap()["cursor"])));
    }

    assert!(marks.is_sorted() && marks[0] < wanted, "{marks:?}");
    assert_eq!(socket.durable(), [], "nothing of it was for this client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_behind_a_cancelled_job_are_told_that_they_moved_up() {
    let host = Host::start().await;
    let api = host.api();
    api.hold_device().await;
    let (ahead, mine) = (api.submit(json!({})).await["id"].clone(), api.submit(json!({})).await["id"].clone());
    let last = api.submit(json!({})).await["id"].clone();
    let mut all = Socket::connect(&api, None, &[]).await;
    let mut one = Socket::connect(&api, None, &[("job_id", text(&mine))]).await;
    all.until_mark().await;
    one.until_mark().await;

    let cancelled = api.cancel(&ahead).await.expect(200);

    for socket in [&mut all, &mut one] {
        let moved = |frame: &Value| frame["positions"][text(&mine)]["position"] == 1;
        let frame = socket.next_matching(BOUND, moved).await;
        assert_eq!(
            (&frame["type"], &frame["device"], &frame["length"]),
            (&json!("positions"), &json!("gpu0"), &json!(2))
        );
        assert!(frame["as_of"].as_u64() >= cancelled["seq"].as_u64(), "{frame}");
    }
    assert_eq!(all.frames.last().unwrap()["positions"][text(&last)]["position"], 2);
    assert_eq!(one.frames.last().unwrap()["positions"].as_object().unwrap().len(), 1, "only of what it follows");
}
