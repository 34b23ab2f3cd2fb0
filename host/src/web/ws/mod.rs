//! `GET /v1/ws`: one socket, one [`Session`].
//!
//! The session pulls what it has to say from the hub and says nothing while the last is still on its way: a client that does
//! not read costs a few frames of memory, which it shares with others, and finds a `resync` when it reads again.

mod crowd;
mod frames;
mod positions;
mod scope;
mod session;
mod snapshot;
pub(super) mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::Host;
use super::websocket::{End, WebSocket};
pub(super) use crowd::Crowds;
use frames::ClientFrame;
pub(super) use scope::Query;
use session::Session;

/// The largest frame that is understood.
const UNDERSTOOD: usize = 64 * 1024;
/// A client that takes no byte for this long is gone.
const GONE: Duration = Duration::from_secs(600);

/// Close codes (RFC 6455 section 7.4, and the registry's 1013).
const GOING_AWAY: u16 = 1001;
const TRY_AGAIN: u16 = 1013;

/// Talks to one client until it goes, or the host does.
pub(super) async fn talk(
    mut socket: WebSocket,
    host: Arc<Host>,
    crowds: Arc<Crowds>,
    query: Query,
    stop: CancellationToken,
) {
    let mut session = Session::new(host, crowds, query);
    let end = loop {
        let texts = tokio::select! {
            () = stop.cancelled() => break close(GOING_AWAY),
            heard = socket.hear(), if session.listens() => match heard {
                Ok(message) => {
                    if let Some(frame) = said(&message) {
                        session.hear(frame);
                    }
                    // What answers a ping of the protocol waits to be sent.
                    Vec::new()
                }
                Err(end) => break end,
            },
            texts = session.next() => match texts {
                Ok(texts) => texts,
                Err(error) => {
                    tracing::error!("a WebSocket cannot be served: {error}");
                    break close(TRY_AGAIN);
                }
            },
        };
        tokio::select! {
            () = stop.cancelled() => break close(GOING_AWAY),
            said = timeout(GONE, socket.say(texts)) => match said {
                Ok(Ok(())) => {}
                Ok(Err(end)) => break end,
                Err(_) => break End::Gone,
            },
        }
    };
    socket.end(end).await;
}

/// What a client says with a message, if it is one of ours: those of the protocol are answered below this.
fn said(message: &Message) -> Option<ClientFrame> {
    match message {
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
        message if message.len() > UNDERSTOOD => {
            Some(ClientFrame::Bad(None, format!("a frame may have at most {UNDERSTOOD} bytes")))
        }
        Message::Text(text) => Some(ClientFrame::parse(text)),
        Message::Binary(_) => {
            Some(ClientFrame::Bad(None, "send text frames: a binary one is not understood".to_owned()))
        }
    }
}

fn close(code: u16) -> End {
    End::Close(code, String::new())
}
