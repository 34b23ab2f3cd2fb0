//! The WebSocket as a front end uses it: connect with a cursor and filters, read frames, remember the cursor.

use super::{Api, BOUND};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// A connection and everything that came over it.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Every frame read so far, in order, those that `next_matching` skipped included.
    pub frames: Vec<Value>,
    /// The same as they came: the text of each.
    pub texts: Vec<String>,
    /// The subprotocol that the host chose, if any.
    pub protocol: Option<String>,
    /// The place in the log up to which this client has everything: of the newest frame that moves it.
    cursor: Option<String>,
}

/// What came next.
#[derive(Debug)]
pub enum Next {
    Frame(Value),
    /// The connection is gone; the close code, if one was given.
    Closed(Option<u16>),
    /// Nothing within the bound.
    Silent,
}

impl Socket {
    /// Connects; `since` is a cursor, `filters` are pairs such as `("job_id", "…")` that add up.
    pub async fn connect(api: &Api, since: Option<&str>, filters: &[(&str, &str)]) -> Self {
        Self::try_connect(api, since, filters).await.unwrap_or_else(|error| panic!("connect: {error}"))
    }

    /// Connects, or says why not (a host that is down: `Error::Io`).
    pub async fn try_connect(api: &Api, since: Option<&str>, filters: &[(&str, &str)]) -> Result<Self, Error> {
        Self::open(api, since, filters, &[], None).await
    }

    /// Connects with a receive buffer of a few KiB, so that little is on its way to a client that does not read.
    pub async fn connect_narrow(api: &Api) -> Self {
        Self::open(api, None, &[], &[], Some(4096)).await.unwrap_or_else(|error| panic!("connect: {error}"))
    }

    /// Connects with further headers: the status of the refusal, if it is refused.
    pub async fn with_headers(api: &Api, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        match Self::open(api, None, &[], headers, None).await {
            Ok(socket) => Ok(socket),
            Err(Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("connect: {error}"),
        }
    }

    async fn open(
        api: &Api,
        since: Option<&str>,
        filters: &[(&str, &str)],
        headers: &[(&'static str, &str)],
        receive_buffer: Option<u32>,
    ) -> Result<Self, Error> {
        let query = since.map(|cursor| ("since", cursor)).into_iter().chain(filters.iter().copied());
        let url = reqwest::Url::parse_with_params(&address(api, "/v1/ws"), query).expect("a URL");
        Self::at(api, url.as_str().trim_end_matches('?'), headers, receive_buffer, since).await
    }

    /// Connects to another WebSocket of the host than that of its events, with these headers.
    pub async fn connect_to(api: &Api, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let connected = Self::at(api, &address(api, path), headers, None, None).await;
        connected.unwrap_or_else(|error| panic!("connect: {error}"))
    }

    async fn at(
        api: &Api,
        url: &str,
        headers: &[(&'static str, &str)],
        receive_buffer: Option<u32>,
        since: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header's value"));
        }
        let handshake = async {
            let Some(bytes) = receive_buffer else { return connect_async(request).await };
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(bytes)?;
            let address = api.base().trim_start_matches("http://").parse().expect("an address");
            client_async(request, MaybeTlsStream::Plain(socket.connect(address).await?)).await
        };
        let (stream, reply) = tokio::time::timeout(BOUND, handshake).await.expect("a handshake in time")?;
        let protocol = reply.headers().get("sec-websocket-protocol").and_then(|name| name.to_str().ok());
        let (protocol, cursor) = (protocol.map(str::to_owned), since.map(str::to_owned));
        Ok(Self { stream, frames: Vec::new(), texts: Vec::new(), protocol, cursor })
    }

    /// Where to go on from after a reconnect. `hello` does not move it: that is where the log's head is, not this client.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The next frame, the end, or nothing within the bound. Junk instead of JSON panics.
    pub async fn try_next(&mut self, bound: Duration) -> Next {
        let deadline = tokio::time::Instant::now() + bound;
        loop {
            match tokio::time::timeout_at(deadline, self.stream.next()).await {
                Err(_) => return Next::Silent,
                Ok(Some(Ok(Message::Text(text)))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                    self.texts.push(text.to_string());
                    return Next::Frame(self.keep(frame));
                }
                Ok(Some(Ok(Message::Close(frame)))) => return Next::Closed(frame.map(|frame| frame.code.into())),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => return Next::Closed(None),
            }
        }
    }

    fn keep(&mut self, frame: Value) -> Value {
        if frame["type"] != "hello"
            && let Some(cursor) = frame["cursor"].as_str()
        {
            self.cursor = Some(cursor.to_owned());
        }
        self.frames.push(frame.clone());
        frame
    }

    /// The next frame; the connection must live.
    pub async fn next(&mut self) -> Value {
        match self.try_next(BOUND).await {
            Next::Frame(frame) => frame,
            other => panic!("no frame but {other:?} after {}", self.story()),
        }
    }

    /// Reads on to the first frame that fits; those before it stay in `frames`.
    pub async fn next_matching(&mut self, bound: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + bound;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match self.try_next(left).await {
                Next::Frame(frame) if fits(&frame) => return frame,
                Next::Frame(_) => {}
                other => panic!("{other:?} while waiting for a frame after {}", self.story()),
            }
        }
    }

    /// Reads on to a durable event of a job.
    pub async fn job_event(&mut self, id: &Value, event: &str) -> Value {
        self.next_matching(BOUND, |frame| is_event(frame, event) && frame["job"]["id"] == *id).await
    }

    /// Reads on to the next `mark`: the frames up to and including it.
    pub async fn until_mark(&mut self) -> Vec<Value> {
        let from = self.frames.len();
        self.next_matching(BOUND, |frame| frame["type"] == "mark").await;
        self.frames[from..].to_vec()
    }

    /// Reads on until everything up to the place `cursor` is here.
    pub async fn until_cursor(&mut self, cursor: &str) {
        let wanted = place(cursor);
        self.next_matching(BOUND, |frame| {
            let moves = frame["type"] != "hello" && frame["type"] != "snapshot";
            moves && frame["cursor"].as_str().is_some_and(|cursor| place(cursor) >= wanted)
        })
        .await;
    }

    /// The durable events so far: their numbers and their texts, as they came.
    pub fn durable(&self) -> Vec<(u64, String)> {
        let numbered = self.frames.iter().zip(&self.texts);
        numbered.filter_map(|(frame, text)| Some((frame["seq"].as_u64()?, text.clone()))).collect()
    }

    /// Sends a JSON frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends anything.
    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("send a frame");
    }

    /// Sends anything; whether it got out does not matter.
    pub async fn try_send(&mut self, message: Message) {
        let _ = tokio::time::timeout(BOUND, self.stream.send(message)).await;
    }

    fn story(&self) -> String {
        let tail = self.frames.len().saturating_sub(12);
        self.frames[tail..].iter().map(|frame| format!("\n  {frame}")).collect()
    }
}

fn address(api: &Api, path: &str) -> String {
    format!("{}{path}", api.base().replacen("http", "ws", 1))
}

/// Whether a frame is this durable event of a job.
pub fn is_event(frame: &Value, event: &str) -> bool {
    frame["type"] == "job" && frame["event"] == event
}

/// The number in a cursor. Clients do not look inside; a test that compares how far two of them are has to.
pub fn place(cursor: &str) -> u64 {
    let number = cursor.rsplit_once(':').and_then(|(_, seq)| seq.parse().ok());
    number.unwrap_or_else(|| panic!("a cursor is LOG:SEQ, not {cursor:?}"))
}

/// The durable log's head as of now.
pub async fn head(api: &Api) -> String {
    let hello = Socket::connect(api, None, &[]).await.next().await;
    assert_eq!(hello["type"], "hello", "{hello}");
    hello["cursor"].as_str().expect("a cursor").to_owned()
}

/// The durable job events since a cursor, in order: what really happened. The log must still have that place.
pub async fn history(api: &Api, since: &str) -> Vec<Value> {
    let frames = Socket::connect(api, Some(since), &[]).await.until_mark().await;
    assert!(frames.iter().all(|frame| frame["type"] != "snapshot"), "a snapshot instead of a replay since {since}");
    frames.into_iter().filter(|frame| frame["type"] == "job").collect()
}

/// The jobs that ran, in the order in which their attempts began. Panics when one began before another had ended: so
/// whoever calls this asserts the lock of a single device.
pub fn runs(events: &[Value]) -> Vec<Value> {
    let (mut begun, mut running) = (Vec::new(), None);
    for frame in events {
        let id = &frame["job"]["id"];
        match frame["event"].as_str().expect("an event") {
            "started" => {
                assert_eq!(running, None, "{id} started before that one had ended");
                running = Some(id);
                begun.push(id.clone());
            }
            "completed" | "failed" | "cancelled" | "retrying" | "interrupted" if running == Some(id) => running = None,
            _ => {}
        }
    }
    begun
}
