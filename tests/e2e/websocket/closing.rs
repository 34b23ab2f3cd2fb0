//! How a WebSocket ends: a close is answered, and whoever breaks the protocol is told with which code.

use crate::harness::{BOUND, Host, Socket};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

/// A WebSocket by hand, for what no client library sends.
struct Bare(TcpStream);

impl Bare {
    async fn open(host: &Host, path: &str) -> Self {
        let mut stream = TcpStream::connect(host.url().trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nIdempotency-Key: k{}\r\n\r\n",
            uuid::Uuid::now_v7()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.expect("a whole head"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    /// Sends a frame with this first byte; unmasked if it is to be wrong in that.
    async fn send(&mut self, first: u8, payload: &[u8], masked: bool) {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        let bit = if masked { 0x80 } else { 0 };
        match payload.len() {
            short @ ..126 => frame.push(bit | short as u8),
            long => {
                frame.push(bit | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend(mask);
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            frame.extend(payload);
        }
        // A host that has had enough may close before it has all of it.
        let _ = self.0.write_all(&frame).await;
    }

    /// Reads on to the close frame, and to the end of the connection: the close frame's payload.
    async fn close_frame(mut self) -> Option<Vec<u8>> {
        let reading = async {
            let mut last = None;
            loop {
                let Ok(first) = self.0.read_u8().await else { return last };
                let length = match self.0.read_u8().await.unwrap() {
                    126 => u64::from(self.0.read_u16().await.unwrap()),
                    127 => self.0.read_u64().await.unwrap(),
                    short => u64::from(short),
                };
                let mut payload = vec![0; length as usize];
                self.0.read_exact(&mut payload).await.unwrap();
                if first == CLOSE {
                    last = Some(payload);
                }
            }
        };
        tokio::time::timeout(BOUND, reading).await.expect("the end of the connection")
    }
}

/// The code of a close frame.
fn code(payload: &[u8]) -> u16 {
    u16::from_be_bytes([payload[0], payload[1]])
}

const WAYS: [&str; 2] = ["/v1/ws", "/v1/devices/gpu0/lease?command=x"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_is_answered_with_the_same() {
    let host = Host::start().await;
    for path in WAYS {
        for payload in [&b""[..], b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa0of our own"] {
            let mut bare = Bare::open(&host, path).await;
            bare.send(CLOSE, payload, true).await;
            assert_eq!(bare.close_frame().await.as_deref(), Some(payload), "{path}");
        }
    }
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_breaks_the_protocol_is_told_with_which_code_and_others_notice_nothing() {
    let host = Host::start().await;
    let api = host.api();
    let mut bystander = Socket::connect(&api, None, &[]).await;
    bystander.until_mark().await;
    let large = vec![b'x'; 3_000_000];

    for path in WAYS {
        for (what, wanted, first, payload, masked) in [
            ("text that is not UTF-8", 1007, TEXT, &b"\xff\xfe"[..], true),
            ("a reason that is not UTF-8", 1007, CLOSE, b"\x03\xe8\xff\xfe", true),
            ("a frame without a mask", 1002, TEXT, b"{}", false),
            ("a reserved bit", 1002, 0xc1, b"{}", true),
            ("a reserved kind of data", 1002, 0x83, b"{}", true),
            ("a reserved kind of control", 1002, 0x8b, b"", true),
            ("the rest of nothing", 1002, 0x80, b"{}", true),
            ("a ping in parts", 1002, 0x09, b"", true),
            ("a close of one byte", 1002, CLOSE, b"\x03", true),
            ("a large frame", 1009, TEXT, &large, true),
            ("the large beginning of a message", 1009, 0x01, &large, true),
        ] {
            let mut bare = Bare::open(&host, path).await;
            bare.send(first, payload, masked).await;
            let close = bare.close_frame().await.unwrap_or_else(|| panic!("{path}: no close frame after {what}"));
            assert_eq!(code(&close), wanted, "{path}: {what}: {}", String::from_utf8_lossy(&close));
        }
    }

    let job = api.submit(json!({})).await["id"].clone();
    bystander.job_event(&job, "queued").await;
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_long_in_its_parts_is_told_the_limit() {
    let host = Host::start().await;
    let mut bare = Bare::open(&host, "/v1/ws").await;

    bare.send(0x01, b"x", true).await;
    for _ in 0..40 {
        bare.send(0x00, &[b'x'; 50_000], true).await;
    }

    let close = bare.close_frame().await.expect("a close frame");
    assert_eq!(code(&close), 1009);
    assert!(String::from_utf8_lossy(&close).contains("1048576"), "{close:?}");
}
