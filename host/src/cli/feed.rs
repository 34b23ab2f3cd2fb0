//! The WebSocket as a stream that outlives its connections: when one breaks, the next asks for everything since the
//! last frame that was read, so that a reader neither misses nor repeats an event across a restart of the host.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::client::Client;
use super::frame::Frame;
use super::patience::Patience;
use super::problem::{ClientError, Refusal};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long a host may be away before its reader gives up. A restart with a long queue takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// A live host sends a mark every five seconds: without four of them the connection is dead, whatever TCP believes.
const SILENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);

/// What a reader hears.
#[derive(Debug)]
pub(super) enum News {
    /// The host said something.
    Frame {
        /// As it came.
        raw: String,
        /// What it means.
        frame: Frame,
    },
    /// The connection broke; the next call tries to get it back.
    Lost(ClientError),
}

/// A subscription to the host's events.
pub(super) struct Feed<'a> {
    client: &'a Client,
    job: Option<&'a str>,
    cursor: Option<String>,
    socket: Option<Socket>,
    patience: Patience,
}

impl<'a> Feed<'a> {
    /// Events of one job, or of everything.
    pub(super) fn new(client: &'a Client, job: Option<&'a str>) -> Self {
        Self { client, job, cursor: None, socket: None, patience: Patience::new(PATIENCE) }
    }

    /// The next news. An error is final: the host does not want us, or was away for too long.
    pub(super) async fn next(&mut self) -> Result<News, ClientError> {
        while self.socket.is_none() {
            match self.connect().await {
                Err(error) if error.is_of_connection() && self.patience.wait().await => {}
                outcome => outcome?,
            }
        }
        loop {
            match self.read().await {
                Ok(Some(raw)) => {
                    let frame: Frame = serde_json::from_str(&raw).map_err(|error| ClientError::Garbled {
                        server: self.client.server().to_owned(),
                        cause: error.to_string(),
                    })?;
                    // A host that takes connections only to drop them has not come back: this one has.
                    if matches!(frame, Frame::Mark { .. }) {
                        self.patience = Patience::new(PATIENCE);
                    }
                    if let Some(cursor) = frame.cursor() {
                        self.cursor = Some(cursor.to_owned());
                    }
                    return Ok(News::Frame { raw, frame });
                }
                Ok(None) => {}
                Err(error) if error.is_of_connection() && self.patience.wait().await => {
                    self.socket = None;
                    return Ok(News::Lost(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects, once.
    pub(super) async fn connect(&mut self) -> Result<(), ClientError> {
        let request = self.request().map_err(|error| self.of_socket(error))?;
        let connected = timeout(CONNECT, connect_async(request)).await.map_err(|_| self.lost("no answer in time"))?;
        let (socket, _) = connected.map_err(|error| self.of_socket(error))?;
        self.socket = Some(socket);
        Ok(())
    }

    fn request(&self) -> tungstenite::Result<tungstenite::handshake::client::Request> {
        let mut url = self.client.url(["v1", "ws"]);
        if let Some(job) = self.job {
            url.query_pairs_mut().append_pair("job_id", job);
        }
        if let Some(cursor) = &self.cursor {
            url.query_pairs_mut().append_pair("since", cursor);
        }
        let mut request = url.as_str().replacen("http", "ws", 1).into_client_request()?;
        if let Some(authorization) = self.client.authorization() {
            request.headers_mut().insert("authorization", authorization.clone());
        }
        Ok(request)
    }

    /// One message: a frame, or nothing if it was none.
    async fn read(&mut self) -> Result<Option<String>, ClientError> {
        let Some(socket) = &mut self.socket else {
            return Err(self.lost("not connected"));
        };
        let message = match timeout(SILENCE, socket.next()).await {
            Err(_) => return Err(self.lost("no news for too long")),
            Ok(None) => return Err(self.lost("closed")),
            Ok(Some(message)) => message,
        };
        match message.map_err(|error| self.of_socket(error))? {
            Message::Text(text) => Ok(Some(text.as_str().to_owned())),
            Message::Close(close) => Err(self.of_close(close)),
            Message::Ping(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }

    fn lost(&self, cause: impl Into<String>) -> ClientError {
        ClientError::Lost { server: self.client.server().to_owned(), cause: cause.into() }
    }

    fn of_close(&self, close: Option<CloseFrame>) -> ClientError {
        match close {
            Some(frame) if frame.code == CloseCode::Policy => {
                let problem =
                    serde_json::json!({ "title": "not allowed", "detail": frame.reason.as_str() }).to_string();
                let status = tungstenite::http::StatusCode::FORBIDDEN;
                ClientError::Refused(Refusal::of_parts(status, Some(problem.as_bytes())))
            }
            Some(frame) if !frame.reason.is_empty() => self.lost(frame.reason.as_str()),
            _ => self.lost("closed"),
        }
    }

    fn of_socket(&self, error: tungstenite::Error) -> ClientError {
        let server = self.client.server().to_owned();
        match error {
            tungstenite::Error::Http(answer) if answer.status().is_server_error() => {
                self.lost(answer.status().to_string())
            }
            tungstenite::Error::Http(answer) => {
                ClientError::Refused(Refusal::of_parts(answer.status(), answer.body().as_deref()))
            }
            tungstenite::Error::Io(error) if self.socket.is_none() => {
                ClientError::Unreachable { server, cause: error.to_string() }
            }
            error => self.lost(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_host::FakeHost;
    use super::*;

    #[tokio::test]
    async fn a_new_connection_asks_for_what_came_since_the_last_frame_of_the_old_one() {
        let snapshot = r#"{"type":"snapshot","cursor":"L:1","jobs":[]}"#;
        let mark = r#"{"type":"mark","cursor":"L:7"}"#;
        let hello = r#"{"type":"hello","cursor":"L:9"}"#;
        let host = FakeHost::start(vec![vec![snapshot, mark], vec![hello], vec![mark]]).await;
        let client = host.client();
        let mut feed = Feed::new(&client, Some("a/b"));
        let mut lost = 0;
        while lost < 3 {
            if let News::Lost(_) = feed.next().await.expect("news") {
                lost += 1;
            }
        }
        let asked = host.asked();
        assert_eq!(
            asked,
            ["/v1/ws?job_id=a%2Fb", "/v1/ws?job_id=a%2Fb&since=L%3A7", "/v1/ws?job_id=a%2Fb&since=L%3A7"]
        );
    }

    #[tokio::test]
    async fn a_host_that_drops_every_connection_is_asked_less_and_less_often() {
        let host = FakeHost::start(vec![vec![]; 100]).await;
        let client = host.client();
        let mut feed = Feed::new(&client, None);
        let hearing = async { while feed.next().await.is_ok() {} };
        timeout(Duration::from_secs(1), hearing).await.expect_err("goes on for longer");
        assert!(host.asked().len() <= 4, "{:?}", host.asked());
    }
}
