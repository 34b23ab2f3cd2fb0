//! HTTP by hand, for what a well-behaved client refuses to send: `..` in a path, a foreign Host, a broken body.

use super::{Api, BOUND, Reply};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends exactly this request line, these headers (a `Host` of the host's own unless there is one) and this body.
pub async fn raw(api: &Api, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let address = api.base().trim_start_matches("http://");
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("connect");
        stream.write_all(head.as_bytes()).await.expect("write the head");
        // A host may answer and close before it has read everything: that is an answer, not a failure.
        let _ = stream.write_all(body).await;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        reply
    };
    let reply = tokio::time::timeout(BOUND, exchange).await.expect("a reply in time");
    parse(&reply)
}

fn parse(reply: &[u8]) -> Reply {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head in the reply");
    let head = std::str::from_utf8(&reply[..end]).expect("a head of text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            (name, HeaderValue::from_str(value.trim()).expect("a header's value"))
        })
        .collect();
    Reply { status: status.expect("a status"), headers, body: reply[end + 4..].to_vec() }
}
