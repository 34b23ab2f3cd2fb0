//! Cursors: going on from where one was, in every way in which a connection can end.

use super::{make_events, types};
use crate::harness::api::text;
use crate::harness::socket::{head, place};
use crate::harness::{Api, Host, Next, Random, Seed, Socket, eventually};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const QUIET: Duration = Duration::from_millis(100);

/// Follows from `since` and keeps hanging up, until `done`; then reads to `head`. The durable events, as they came.
async fn follow_restlessly(
    api: &Api,
    since: &str,
    filters: &[(&str, &str)],
    mut random: Random,
    done: &AtomicBool,
) -> Vec<(u64, String)> {
    let (mut heard, mut cursor, mut calls) = (Vec::new(), since.to_owned(), 0);
    while !done.load(Ordering::SeqCst) || calls < 5 {
        let mut socket = Socket::connect(api, Some(&cursor), filters).await;
        for _ in 0..random.below(25) {
            match socket.try_next(QUIET).await {
                Next::Frame(frame) => assert_ne!(frame["type"], "snapshot", "instead of a replay since {cursor}"),
                Next::Closed(code) => panic!("closed ({code:?}) after {cursor}"),
                Next::Silent => break,
            }
        }
        heard.extend(socket.durable());
        cursor = socket.cursor().unwrap_or(&cursor).to_owned();
        calls += 1;
    }
    let mut socket = Socket::connect(api, Some(&cursor), filters).await;
    socket.until_cursor(&head(api).await).await;
    heard.extend(socket.durable());
    heard
}

async fn settled(api: &Api) {
    let idle = async || {
        let queue = api.get("/v1/queue").await.expect(200);
        (queue["length"] == 0 && queue["devices"][0]["busy"] == false).then_some(())
    };
    eventually("the line to run out", idle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reconnects_at_random_moments_has_seen_what_an_undisturbed_one_saw() {
    let seed = Seed::take();
    let mut random = seed.random();
    let host = Host::start().await;
    let api = host.api();
    let since = head(&api).await;
    let mut undisturbed = Socket::connect(&api, Some(&since), &[]).await;
    let done = AtomicBool::new(false);

    let (mut one, mut two, mut three) = (random.fork(), random.fork(), random.fork());
    let work = async {
        tokio::join!(
            make_events(&api, &mut one, 60),
            make_events(&api, &mut two, 60),
            make_events(&api, &mut three, 60)
        );
        settled(&api).await;
        done.store(true, Ordering::SeqCst);
    };
    let watch = async {
        while !done.load(Ordering::SeqCst) {
            let _ = undisturbed.try_next(QUIET).await;
        }
        undisturbed.until_cursor(&head(&api).await).await;
    };
    let (_, _, restless, of_a) = tokio::join!(
        work,
        watch,
        follow_restlessly(&api, &since, &[], random.fork(), &done),
        follow_restlessly(&api, &since, &[("conversation_id", "a")], random.fork(), &done),
    );

    let all = undisturbed.durable();
    assert!(all.len() > 200, "only {} events", all.len());
    let numbers: Vec<_> = all.iter().map(|(seq, _)| *seq).collect();
    let first = place(&since) + 1;
    assert_eq!(numbers, (first..first + all.len() as u64).collect::<Vec<_>>(), "without gap or repeat");
    assert_same(&restless, &all, "the restless client");
    let is_of_a = |text: &str| {
        let frame: Value = serde_json::from_str(text).unwrap();
        frame[text_of(&frame)]["conversation_id"] == "a"
    };
    let expected: Vec<_> = all.into_iter().filter(|(_, text)| is_of_a(text)).collect();
    assert!(!expected.is_empty());
    assert_same(&of_a, &expected, "the restless client of one conversation");
}

/// The same events in the same order, to the letter. Says which numbers are missing or too many.
fn assert_same(heard: &[(u64, String)], expected: &[(u64, String)], who: &str) {
    let numbers = |events: &[(u64, String)]| events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
    let (has, wants) = (numbers(heard), numbers(expected));
    let missing: Vec<_> = wants.iter().filter(|seq| !has.contains(seq)).collect();
    let extra: Vec<_> = has.iter().filter(|seq| !wants.contains(seq)).collect();
    assert!(has == wants, "{who}: missing {missing:?}, not expected {extra:?}, in all {has:?}");
    for (heard, expected) in heard.iter().zip(expected) {
        assert_eq!(heard, expected, "{who}");
    }
}

/// Where a durable frame has what it is about: under the name of its type.
fn text_of(frame: &Value) -> &str {
    text(&frame["type"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_holds_across_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;
    let before = api.submit(json!({})).await["id"].clone();
    socket.job_event(&before, "completed").await;
    let cursor = socket.cursor().unwrap().to_owned();
    let unseen = api.submit(json!({})).await["id"].clone();
    api.until(&unseen, "complete").await;

    host.kill().await;
    host.start_again().await;
    let frames = Socket::connect(&host.api(), Some(&cursor), &[]).await.until_mark().await;

    let heard: Vec<_> = frames.iter().filter(|frame| frame["type"] == "job").collect();
    let heard: Vec<_> = heard.iter().map(|frame| (&frame["event"], &frame["job"]["id"])).collect();
    assert_eq!(json!(heard), json!([["queued", unseen], ["started", unseen], ["completed", unseen]]));
    assert!(!types(&frames).contains(&"snapshot"), "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_means_nothing_here_gets_a_snapshot_instead() {
    let host = Host::start().await;
    let api = host.api();
    let job = api.hold_device().await;
    let here = head(&api).await;
    let elsewhere = Host::start().await;
    elsewhere.api().submit(json!({})).await;
    let other_log = head(&elsewhere.api()).await;
    let ahead = here.replace(&format!(":{}", place(&here)), ":999999");

    for cursor in [other_log.as_str(), &ahead] {
        let frames = Socket::connect(&api, Some(cursor), &[]).await.until_mark().await;
        assert_eq!(types(&frames), ["hello", "snapshot", "mark"], "since {cursor:?}");
        assert_eq!(super::ids(&frames[1]), [text(&job)], "since {cursor:?}");
    }
    for junk in ["", "junk", ":", "-1", "\u{1f98a}"] {
        let frames = Socket::connect(&api, Some(junk), &[]).await.until_mark().await;
        assert_eq!(
            types(&frames),
            ["hello", "error", "snapshot", "mark"],
            "since {junk:?}: told, and served all the same"
        );
        assert_eq!(super::ids(&frames[2]), [text(&job)], "since {junk:?}");
    }
    let frames = Socket::connect(&api, Some(&here), &[]).await.until_mark().await;
    assert_eq!(types(&frames), ["hello", "mark"], "the place where the log is: nothing to replay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_subscribes_in_the_middle_of_things_and_loses_its_connection_misses_nothing() {
    let seed = Seed::take();
    let mut random = seed.random();
    let host = Host::start().await;
    let api = host.api();
    let old = api.submit(json!({})).await["id"].clone();
    api.until(&old, "complete").await;
    let since = head(&api).await;
    let done = AtomicBool::new(false);

    let (mut one, mut two, mut three) = (random.fork(), random.fork(), random.fork());
    let work = async {
        tokio::join!(
            make_events(&api, &mut one, 80),
            make_events(&api, &mut two, 80),
            make_events(&api, &mut three, 80)
        );
        settled(&api).await;
        done.store(true, Ordering::SeqCst);
    };
    // Follows conversation `a`, asks for another job as well, and is gone as soon as that is answered.
    let client = async {
        let (mut heard, mut cursor) = (Vec::new(), since.clone());
        while !done.load(Ordering::SeqCst) {
            let mut socket = Socket::connect(&api, Some(&cursor), &[("conversation_id", "a")]).await;
            for _ in 0..random.below(8) {
                let _ = socket.try_next(QUIET).await;
            }
            socket.send(&json!({"type": "subscribe", "ref": 1, "job_id": old})).await;
            let answer = |frame: &Value| frame["type"] == "snapshot" && frame["scope"] == json!({"job_id": old});
            socket.next_matching(crate::harness::BOUND, answer).await;
            heard.extend(socket.durable());
            cursor = socket.cursor().unwrap_or(&cursor).to_owned();
        }
        let mut socket = Socket::connect(&api, Some(&cursor), &[("conversation_id", "a")]).await;
        socket.until_cursor(&head(&api).await).await;
        heard.extend(socket.durable());
        heard
    };
    let (_, heard) = tokio::join!(work, client);

    let mut whole = Socket::connect(&api, Some(&since), &[("conversation_id", "a")]).await;
    whole.until_cursor(&head(&api).await).await;
    assert_same(&heard, &whole.durable(), "the client that subscribed");
}
