//! A WebSocket as a protocol (RFC 6455): how a request becomes one, what it costs, and how it ends.
//!
//! A client that does not read has a few frames waiting here, and no more: texts are shared by all who are sent them, and
//! what is on its way to one client passes through a small buffer, long texts in pieces. Whoever breaks the protocol is
//! told with which code, and whoever closes is answered.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use warp::http::{HeaderMap, Method, Request, Version};
use warp::reply::Response;

use super::Problem;

/// The largest message that is read to its end: a larger one ends the WebSocket.
const LARGEST: usize = 1024 * 1024;
/// What waits for a client to take it, at the most: two of these.
const PIECE: usize = 16 * 1024;
/// What is read at once. Clients say little.
const READ: usize = 4 * 1024;
/// How long the last word may take, and how long and how much is read after it: a connection that is closed while more
/// comes is reset, and the last word lost.
const GOODBYE: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(2);
const LINGERED: usize = 64 * 1024 * 1024;

/// What of a request its headers do not say, and a handshake needs.
#[derive(Clone)]
pub(super) struct Asked {
    method: Method,
    version: Version,
    upgrade: OnUpgrade,
}

/// A handshake that is in order.
pub(super) struct Handshake {
    response: Response,
    upgrade: OnUpgrade,
}

/// A WebSocket.
pub(super) struct WebSocket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
}

/// How a WebSocket ends.
#[derive(Debug)]
pub(super) enum End {
    /// The connection is gone, or nobody reads.
    Gone,
    /// The client has closed it.
    Closed,
    /// We close it, for this reason.
    Close(u16, String),
}

impl Asked {
    pub(super) fn of<B>(request: &mut Request<B>) -> Self {
        let upgrade = hyper::upgrade::on(&mut *request);
        Self { method: request.method().clone(), version: request.version(), upgrade }
    }

    /// Whether this can become a WebSocket.
    pub(super) fn handshake(self, headers: &HeaderMap) -> Result<Handshake, Problem> {
        let mut request = Request::new(());
        *request.method_mut() = self.method;
        *request.version_mut() = self.version;
        *request.headers_mut() = headers.clone();
        let response = create_response(&request).map_err(|error| Problem::upgrade_required(&lacking(&error)))?;
        Ok(Handshake {
            response: response.map(|()| warp::reply::Response::default().into_body()),
            upgrade: self.upgrade,
        })
    }
}

impl Handshake {
    /// The answer to the handshake. `talk` gets the WebSocket when the client has it, on `threads`.
    pub(super) fn complete<F: Future<Output = ()> + Send>(
        self,
        threads: &Handle,
        talk: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response {
        threads.spawn(async move {
            match self.upgrade.await {
                Ok(upgraded) => {
                    let config = WebSocketConfig::default()
                        .read_buffer_size(READ)
                        .write_buffer_size(PIECE)
                        .max_message_size(Some(LARGEST))
                        .max_frame_size(Some(LARGEST));
                    let io = TokioIo::new(upgraded);
                    talk(WebSocket { stream: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await })
                        .await;
                }
                Err(error) => tracing::debug!("a client left before its WebSocket was open: {error}"),
            }
        });
        self.response
    }
}

impl WebSocket {
    /// What the client says next. It may be dropped at any time, and nothing is lost.
    pub(super) async fn hear(&mut self) -> Result<Message, End> {
        match self.stream.next().await {
            Some(Ok(Message::Close(_))) => Err(End::Closed),
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(end_of(&error)),
            None => Err(End::Gone),
        }
    }

    /// Says these texts. It returns when the system has taken them.
    pub(super) async fn say(&mut self, texts: Vec<Utf8Bytes>) -> Result<(), End> {
        for text in texts {
            if text.len() <= PIECE {
                self.feed(Message::Text(text)).await?;
            } else {
                let text = Bytes::from(text);
                for from in (0..text.len()).step_by(PIECE) {
                    let to = (from + PIECE).min(text.len());
                    let kind = if from == 0 { Data::Text } else { Data::Continue };
                    let piece = Frame::message(text.slice(from..to), OpCode::Data(kind), to == text.len());
                    self.feed(Message::Frame(piece)).await?;
                }
            }
        }
        self.stream.flush().await.map_err(|error| end_of(&error))
    }

    async fn feed(&mut self, message: Message) -> Result<(), End> {
        self.stream.feed(message).await.map_err(|error| end_of(&error))
    }

    /// Ends it as it should be.
    pub(super) async fn end(mut self, end: End) {
        let last = match end {
            End::Gone => return,
            // The answer to a close waits to be sent.
            End::Closed => timeout(GOODBYE, self.stream.flush()).await,
            End::Close(code, reason) => {
                let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                timeout(GOODBYE, self.stream.send(Message::Close(Some(frame)))).await
            }
        };
        if !matches!(last, Ok(Ok(()))) {
            return tracing::debug!("a client left before its WebSocket was closed");
        }
        let io = self.stream.get_mut();
        let linger = async {
            io.shutdown().await?;
            let mut rest = io.take(LINGERED as u64);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        if let Ok(Err(error)) = timeout(LINGER, linger).await {
            tracing::debug!("a client closed its WebSocket without a close frame: {error}");
        }
    }
}

/// What an error makes of a WebSocket.
fn end_of(error: &Error) -> End {
    tracing::debug!("a WebSocket ends: {error}");
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => End::Gone,
        Error::Protocol(broken) => End::Close(CloseCode::Protocol.into(), rule(broken).to_owned()),
        Error::Utf8(_) => End::Close(CloseCode::Invalid.into(), "text must be UTF-8".to_owned()),
        Error::Capacity(_) => End::Close(CloseCode::Size.into(), format!("a message may have at most {LARGEST} bytes")),
        _ => End::Gone,
    }
}

/// What a request lacks that is no handshake.
fn lacking(error: &Error) -> String {
    let lacks = |header: &str| format!("it lacks the header `{header}`");
    match error {
        Error::Protocol(ProtocolError::WrongHttpMethod) => "it is not a GET".to_owned(),
        Error::Protocol(ProtocolError::WrongHttpVersion) => "it is HTTP/1.0, and must be HTTP/1.1".to_owned(),
        Error::Protocol(ProtocolError::MissingConnectionUpgradeHeader) => lacks("Connection: Upgrade"),
        Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader) => lacks("Upgrade: websocket"),
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => lacks("Sec-WebSocket-Version: 13"),
        _ => lacks("Sec-WebSocket-Key"),
    }
}

/// The rule of RFC 6455 that a frame breaks, in the 123 bytes that a close has for it.
fn rule(broken: &ProtocolError) -> &'static str {
    match broken {
        ProtocolError::UnmaskedFrameFromClient => "a client's frames must be masked",
        ProtocolError::NonZeroReservedBits => "the reserved bits of a frame must be 0: no extension was agreed",
        ProtocolError::UnknownControlFrameType(_)
        | ProtocolError::UnknownDataFrameType(_)
        | ProtocolError::InvalidOpcode(_) => {
            "unknown opcode: a frame is a text, a continuation, a close, a ping or a pong"
        }
        ProtocolError::FragmentedControlFrame => "a close, ping or pong must be one frame",
        ProtocolError::ControlFrameTooBig => "a close, ping or pong may have at most 125 bytes",
        ProtocolError::UnexpectedContinueFrame => "a continuation must follow the first frame of its message",
        ProtocolError::ExpectedFragment(_) => "a message must be whole before the next begins",
        ProtocolError::ReceivedAfterClosing => "nothing may follow a close",
        ProtocolError::InvalidCloseSequence => "a close must have no bytes, or a code of two and a reason in UTF-8",
        _ => "the frame breaks RFC 6455",
    }
}
