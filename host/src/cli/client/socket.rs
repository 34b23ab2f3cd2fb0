//! One WebSocket to the host: connected once, and its failures in words that say what to do.

use std::time::Duration;

use easel_wire::Problem;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Client;
use super::problem::{ClientError, Refusal};
use crate::cli::out::text;
use crate::show;

const CONNECT: Duration = Duration::from_secs(10);

/// A connection that stands, or stood.
pub(in crate::cli) struct Socket {
    server: String,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects to one of the host's own addresses.
    pub(in crate::cli) async fn connect(
        client: &Client,
        url: Url,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Self, ClientError> {
        let server = client.server().to_owned();
        let failed = |error| of_socket(&server, error, true);
        let mut request = url.as_str().replacen("http", "ws", 1).into_client_request().map_err(failed)?;
        request.headers_mut().extend(header);
        if let Some(authorization) = client.authorization() {
            request.headers_mut().insert("authorization", authorization.clone());
        }
        let connected = timeout(CONNECT, connect_async(request)).await;
        let (stream, _) = connected.map_err(|_| lost(&server, "no answer in time"))?.map_err(failed)?;
        Ok(Self { server, stream })
    }

    /// One message: a frame, or nothing if it was none. Nothing is lost when this is dropped half way.
    pub(in crate::cli) async fn read(&mut self) -> Result<Option<String>, ClientError> {
        let Some(message) = self.stream.next().await else { return Err(lost(&self.server, "closed")) };
        match message.map_err(|error| of_socket(&self.server, error, false))? {
            Message::Text(text) => Ok(Some(text.as_str().to_owned())),
            Message::Close(close) => Err(of_close(&self.server, close)),
            Message::Ping(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }

    /// Sends a frame.
    pub(in crate::cli) async fn send(&mut self, frame: String) -> Result<(), ClientError> {
        let sent = self.stream.send(Message::text(frame)).await;
        sent.map_err(|error| of_socket(&self.server, error, false))
    }

    /// The host has been silent for too long.
    pub(in crate::cli) fn silent(&self) -> ClientError {
        lost(&self.server, "no news for too long")
    }
}

fn lost(server: &str, cause: impl Into<String>) -> ClientError {
    ClientError::Lost { server: server.to_owned(), cause: cause.into() }
}

fn of_close(server: &str, close: Option<CloseFrame>) -> ClientError {
    match close {
        Some(frame) if frame.code == CloseCode::Policy => {
            let status = tungstenite::http::StatusCode::FORBIDDEN;
            let problem = Problem::new("not-allowed", "not allowed", frame.reason.as_str());
            let problem = show::text(&Problem { status: Some(status.as_u16()), ..problem });
            ClientError::Refused(Refusal::of_parts(status, Some(problem.as_bytes())))
        }
        Some(frame) if !frame.reason.is_empty() => lost(server, frame.reason.as_str()),
        _ => lost(server, "closed"),
    }
}

fn of_socket(server: &str, error: tungstenite::Error, connecting: bool) -> ClientError {
    match error {
        // A host that stops, or has no room, may take it the next time.
        tungstenite::Error::Http(answer) if answer.status().is_server_error() => {
            lost(server, Refusal::of_parts(answer.status(), answer.body().as_deref()).to_string())
        }
        tungstenite::Error::Http(answer) => {
            ClientError::Refused(Refusal::of_parts(answer.status(), answer.body().as_deref()))
        }
        tungstenite::Error::Io(error) if connecting => {
            ClientError::Unreachable { server: server.to_owned(), cause: text::cause(&error) }
        }
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => lost(server, "it broke off"),
        error => lost(server, text::cause(&error)),
    }
}
