//! What merely is: progress of running attempts. Latest wins; what has ended is never said to be going on.

use crate::harness::api::text;
use crate::harness::socket::head;
use crate::harness::{BOUND, Config, Home, Host, Socket};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Instant;

/// The events by which an attempt ends.
const OUTCOMES: [&str; 5] = ["completed", "failed", "cancelled", "retrying", "interrupted"];

/// How many progress frames there are; none of them may come after the outcome of its attempt.
fn none_is_late(frames: &[Value]) -> usize {
    let (mut ended, mut count) = (BTreeSet::new(), 0);
    for frame in frames {
        match text(&frame["type"]) {
            "job" if OUTCOMES.contains(&text(&frame["event"])) => {
                ended.insert((text(&frame["job"]["id"]), frame["job"]["attempt"].as_u64()));
            }
            "progress" => {
                count += 1;
                let attempt = (text(&frame["job_id"]), frame["attempt"].as_u64());
                assert!(!ended.contains(&attempt), "after its attempt's outcome: {frame}");
                assert_eq!((&frame["status"], &frame["queue_position"]), (&json!("processing"), &json!(0)), "{frame}");
            }
            _ => {}
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_never_comes_after_the_outcome_of_its_attempt() {
    const JOBS: u64 = 120;
    let host = Host::start().await;
    let api = host.api();
    let mut sockets = join_all((0..4).map(|_| Socket::connect(&api, None, &[]))).await;
    for socket in &mut sockets {
        socket.until_mark().await;
    }

    // Many steps in little time, and the outcome right after the last of them.
    let submit = async {
        for number in 0..JOBS {
            let behaviour = ["succeed", "succeed", "fail", "trap"][number as usize % 4];
            let params = json!({"behaviour": behaviour, "steps": 60, "step_ms": number % 2, "preview": true});
            let job = api.submit(params).await["id"].clone();
            if number % 5 == 0 {
                api.cancel(&job).await;
            }
        }
        let last = api.submit(json!({})).await["id"].clone();
        api.until(&last, "complete").await;
        head(&api).await
    };
    let (told, told_head) = tokio::sync::watch::channel(String::new());
    let listen = join_all(sockets.iter_mut().map(|socket| {
        let mut told_head = told_head.clone();
        async move {
            loop {
                tokio::select! {
                    changed = told_head.changed() => { changed.unwrap(); break }
                    _ = socket.try_next(BOUND) => {}
                }
            }
            let end = told_head.borrow().clone();
            socket.until_cursor(&end).await;
        }
    }));
    tokio::join!(async { told.send(submit.await).unwrap() }, listen);

    for socket in &sockets {
        assert!(none_is_late(&socket.frames) > 0, "there was no progress at all");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_comes_ten_times_a_second_at_the_most_and_the_newest_is_what_comes() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    let begun = Instant::now();
    let job = api.submit(json!({"steps": 1000, "step_ms": 2})).await["id"].clone();
    socket.job_event(&job, "completed").await;
    let tenths = begun.elapsed().as_millis() / 100;

    let frames = socket.frames.iter().filter(|frame| frame["type"] == "progress" && frame["job_id"] == job);
    let told: Vec<_> = frames.map(|frame| frame["progress"].as_u64().unwrap()).collect();
    // However slow the machine is: the span that is counted here is longer than the one in which the frames were made.
    assert!(told.len() as u128 <= tenths + 2, "{} frames in {tenths} tenths of a second", told.len());
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_never_goes_back_and_is_complete_only_at_the_end() {
    let host = Home::with(Config { fakes: "timeout = \"2s\"".into(), ..Config::default() }).start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    // It reports from 0 to 100 again and again.
    let body = json!({"params": {"hostile": "flood-progress"}, "max_attempts": 1});
    let job = api.submit_job(&body).await["id"].clone();
    socket.job_event(&job, "failed").await;

    let frames = socket.frames.iter().filter(|frame| frame["type"] == "progress" && frame["job_id"] == job);
    let told: Vec<_> = frames.map(|frame| frame["progress"].as_u64().unwrap()).collect();
    assert!(told.is_sorted() && told.last() == Some(&99), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_being_cancelled_is_as_far_as_it_was() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;
    // It stops at its half, and takes no notice of a cancellation.
    let params = json!({"behaviour": "ignore-cancel", "steps": 2, "step_ms": 3_000});
    let job = api.submit(params).await["id"].clone();
    socket.next_matching(BOUND, |frame| frame["type"] == "progress" && frame["progress"] == 50).await;

    api.cancel(&job).await.expect(200);
    socket.job_event(&job, "cancelling").await;

    let told = socket.next_matching(BOUND, |frame| frame["type"] == "progress" && frame["job_id"] == job).await;
    assert_eq!((&told["progress"], &told["stage"]), (&json!(50), &json!("step 1/2")));
}
