//! `GET /v1/ws`: one socket, one [`Session`].
//!
//! The session pulls what it has to say from the hub and says nothing while the last frame is still on its way: a client
//! that does not read costs one frame of memory, and finds a `resync` when it reads again.

mod frames;
mod places;
mod scope;
mod session;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;
use warp::ws::{Message, WebSocket};

use super::Host;
use frames::ClientFrame;
pub(super) use places::Crowd;
pub(super) use scope::Query;
use session::Session;

/// The largest frame that is understood.
const UNDERSTOOD: usize = 64 * 1024;
/// The largest frame that is read to its end, in order to say that it is too large.
pub(super) const MAX_FRAME: usize = 1024 * 1024;
/// A client that takes no byte for this long is gone.
const GONE: Duration = Duration::from_secs(600);

/// Close codes (RFC 6455 section 7.4, and the registry's 1013).
const GOING_AWAY: u16 = 1001;
const TRY_AGAIN: u16 = 1013;

/// Talks to one client until it goes, or the host does.
pub(super) async fn talk(socket: WebSocket, host: Arc<Host>, crowd: Arc<Crowd>, query: Query, stop: CancellationToken) {
    let (mut sink, mut stream) = socket.split();
    let mut session = Session::new(host, crowd, query);
    let code = loop {
        let frames = tokio::select! {
            () = stop.cancelled() => break GOING_AWAY,
            received = stream.next() => match received {
                Some(Ok(message)) if message.as_bytes().len() > UNDERSTOOD => {
                    Ok(vec![frames::error(None, "a frame has at most 64 KiB")])
                }
                Some(Ok(message)) if message.is_text() => Ok(session.hear(ClientFrame::parse(message.to_str().unwrap_or_default()))),
                Some(Ok(message)) if message.is_close() => return,
                Some(Ok(message)) if message.is_binary() => Ok(vec![frames::error(None, "only text frames are understood")]),
                // Pings are answered below this.
                Some(Ok(_)) => continue,
                Some(Err(error)) => {
                    tracing::debug!("a WebSocket ended: {error}");
                    return;
                }
                None => return,
            },
            frames = session.next() => frames,
        };
        let frames = match frames {
            Ok(frames) => frames,
            Err(error) => {
                tracing::error!("a WebSocket cannot be served: {error}");
                break TRY_AGAIN;
            }
        };
        let sending = async {
            for frame in frames {
                sink.feed(Message::text(frame)).await?;
            }
            sink.flush().await
        };
        let sent = tokio::select! {
            () = stop.cancelled() => break GOING_AWAY,
            sent = tokio::time::timeout(GONE, sending) => sent,
        };
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    };
    // A client that does not take the last word has the closed connection to tell by.
    let goodbye = sink.send(Message::close_with(code, ""));
    if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), goodbye).await {
        tracing::debug!("a client did not hear why its WebSocket ends: {error}");
    }
}
