//! What a client may say, how it is answered, and how a connection begins and ends.

use crate::harness::{BOUND, Host, Next, Socket};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_frame_gets_an_error_with_its_ref_and_the_socket_lives() {
    let host = Host::start().await;
    let mut socket = Socket::connect(&host.api(), None, &[]).await;
    socket.until_mark().await;

    for (frame, reference) in [
        (json!({"type": "dance", "ref": 1}), json!(1)),
        (json!({"ref": "two"}), json!("two")),
        (json!({"type": "subscribe", "ref": 3}), json!(3)),
        (json!({"type": "subscribe", "ref": 4, "job_id": "seven"}), json!(4)),
        (json!({"type": "subscribe", "ref": 5, "colour": "red"}), json!(5)),
        (json!({"type": "unsubscribe", "ref": {"deep": [6]}, "job_id": null}), json!({"deep": [6]})),
        (json!({"type": "subscribe"}), Value::Null),
    ] {
        socket.send(&frame).await;
        let answer = socket.next_matching(BOUND, |answer| answer["type"] != "mark").await;
        assert_eq!((&answer["type"], &answer["ref"]), (&json!("error"), &reference), "{frame}: {answer}");
        assert!(answer["title"].as_str().is_some_and(|title| !title.is_empty()), "{answer}");
    }
    socket.send_raw(Message::binary(br#"{"type":"ping"}"#.to_vec())).await;
    let answer = socket.next_matching(BOUND, |answer| answer["type"] != "mark").await;
    assert_eq!(answer["type"], "error", "a binary frame: {answer}");

    socket.send(&json!({"type": "ping"})).await;
    let answer = socket.next_matching(BOUND, |answer| answer["type"] != "mark").await;
    assert_eq!(answer, json!({"type": "pong"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_refused_changes_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    socket.send(&json!({"type": "subscribe", "ref": 1, "job_id": "seven"})).await;
    socket.next_matching(BOUND, |frame| frame["type"] == "error").await;
    let job = api.submit(json!({})).await["id"].clone();

    socket.job_event(&job, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_has_so_many_filters_and_the_next_one_is_refused_by_its_ref() {
    let host = Host::start().await;
    let mut socket = Socket::connect(&host.api(), None, &[]).await;
    socket.until_mark().await;

    for number in 1..=1_000 {
        socket.send(&json!({"type": "subscribe", "ref": number, "conversation_id": format!("c{number}")})).await;
        let answer = socket.next_matching(BOUND, |frame| frame["ref"] == number).await;
        assert_eq!(answer["type"], "subscribed");
    }
    socket.send(&json!({"type": "subscribe", "ref": "more", "conversation_id": "c0"})).await;
    let answer = socket.next_matching(BOUND, |frame| frame["ref"] == "more").await;

    assert_eq!(answer["type"], "error");
    assert!(answer["title"].to_string().contains("1,000 filters"), "{answer}");
    for (kind, name) in [("subscribe", "c1"), ("unsubscribe", "c1"), ("subscribe", "c0")] {
        socket.send(&json!({"type": kind, "ref": kind, "conversation_id": name})).await;
        let answer = socket.next_matching(BOUND, |frame| frame["ref"] == kind).await;
        assert_eq!(answer["type"], "subscribed", "{kind} {name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_too_large_is_refused_and_others_notice_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let mut bystander = Socket::connect(&api, None, &[]).await;
    bystander.until_mark().await;
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    socket.try_send(Message::text(format!("{{\"type\": \"ping\", \"x\": \"{}\"}}", "x".repeat(1_000_000)))).await;
    let end = loop {
        match socket.try_next(BOUND).await {
            Next::Frame(frame) if frame["type"] == "mark" => {}
            other => break other,
        }
    };

    let refused = match &end {
        Next::Frame(frame) => frame["type"] == "error",
        Next::Closed(_) => true,
        Next::Silent => false,
    };
    assert!(refused, "{end:?}");
    let job = api.submit(json!({})).await["id"].clone();
    bystander.job_event(&job, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_in_the_address_that_make_no_sense_are_refused() {
    let host = Host::start().await;
    let api = host.api();

    for filter in [("job_id", "seven"), ("colour", "red"), ("batch_id", "seven")] {
        match Socket::try_connect(&api, None, &[filter]).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(reply)) => {
                assert!([400, 422].contains(&reply.status().as_u16()), "{filter:?}: {}", reply.status());
            }
            Err(error) => panic!("{filter:?}: {error}"),
            Ok(_) => panic!("{filter:?} was accepted, and would be ignored"),
        }
    }
    api.get("/v1/ws").await.problem(&[400, 426]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_subprotocol_is_agreed_and_a_token_is_not_told_back() {
    let host = Host::start().await;
    let api = host.api();

    let agreed = |offer: &'static str| {
        let api = &api;
        async move {
            let socket = Socket::with_headers(api, &[("Sec-WebSocket-Protocol", offer)]).await;
            socket.map(|socket| socket.protocol)
        }
    };

    assert_eq!(agreed("easel.v1").await, Ok(Some("easel.v1".into())));
    assert_eq!(agreed("easel.v1, bearer.some-token").await, Ok(Some("easel.v1".into())));
    assert_eq!(agreed("bearer.some-token, easel.v1").await, Ok(Some("easel.v1".into())));
    assert_eq!(Socket::connect(&api, None, &[]).await.protocol, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_stops_says_that_it_goes_away() {
    let mut host = Host::start().await;
    let api = host.api();
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::connect(&api, None, &[]).await;
        socket.until_mark().await;
        sockets.push(socket);
    }

    host.terminate();

    for socket in &mut sockets {
        let end = loop {
            match socket.try_next(BOUND).await {
                Next::Frame(_) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Next::Closed(Some(1001))), "{end:?}");
    }
    assert_eq!(host.exited().await, Some(0));
}

/// A masked text frame, as it goes over the wire; the mask is zero.
fn on_the_wire(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hello_is_the_first_frame_whatever_the_client_sends_before_it() {
    let host = Host::start().await;
    let api = host.api();
    let address = api.base().trim_start_matches("http://").to_owned();
    let head = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    for round in 0..20 {
        // All of it is there before the host has said anything.
        let frames = [on_the_wire("nonsense"), on_the_wire(r#"{"type":"ping"}"#)].concat();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(&[head.as_bytes(), &frames].concat()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;

        let mut kinds = Vec::new();
        while !kinds.contains(&json!("pong")) {
            let message = tokio::time::timeout(BOUND, socket.next()).await.unwrap().unwrap().unwrap();
            let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            kinds.push(frame["type"].clone());
        }
        let answers: Vec<_> = kinds.iter().filter(|kind| **kind == "error" || **kind == "pong").cloned().collect();
        assert_eq!(
            (&kinds[0], answers),
            (&json!("hello"), vec![json!("error"), json!("pong")]),
            "round {round}: {kinds:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_the_order_of_their_requests() {
    let host = Host::start().await;
    let api = host.api();
    let batch = api.post("/v1/batches", &json!({"jobs": [{"params": {}}, {"params": {}}]})).await.expect(201);
    api.until_idle().await;
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    // What has ended is read from the store: that takes longer than the answer to a ping.
    let mut wanted = Vec::new();
    for round in 0..20 {
        for (frame, answers) in [
            (json!({"type": "subscribe", "ref": round, "batch_id": batch["id"]}), vec!["subscribed", "snapshot"]),
            (json!({"type": "ping"}), vec!["pong"]),
            (
                json!({"type": "subscribe", "ref": round, "job_id": batch["jobs"][0]["id"]}),
                vec!["subscribed", "snapshot"],
            ),
            (json!({"type": "dance", "ref": round}), vec!["error"]),
            (json!({"type": "unsubscribe", "ref": round, "batch_id": batch["id"]}), vec!["subscribed"]),
        ] {
            socket.send(&frame).await;
            wanted.extend(answers);
        }
        socket.send_raw(Message::binary(b"?".to_vec())).await;
        wanted.push("error");
    }

    let mut answers = Vec::new();
    while answers.len() < wanted.len() {
        // What nobody asked for comes in between.
        let unasked =
            |frame: &Value| ["mark", "positions", "job", "progress"].iter().any(|kind| frame["type"] == *kind);
        let frame = socket.next_matching(BOUND, |frame| !unasked(frame)).await;
        answers.push(frame["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(answers, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_more_than_is_answered_at_once_is_answered_all_the_same() {
    let host = Host::start().await;
    let api = host.api();
    let mut socket = Socket::connect(&api, None, &[]).await;
    socket.until_mark().await;

    for number in 0..700 {
        let kind = if number % 2 == 0 { "subscribe" } else { "unsubscribe" };
        socket.send(&json!({"type": kind, "ref": number, "conversation_id": "c1"})).await;
    }

    for number in 0..700 {
        let answer = socket.next_matching(BOUND, |frame| frame.get("ref").is_some()).await;
        assert_eq!((&answer["type"], &answer["ref"]), (&json!("subscribed"), &json!(number)));
    }
}
