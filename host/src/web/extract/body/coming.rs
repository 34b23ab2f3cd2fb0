//! What a client sends, as it comes: in the time that it has, and to its end even where nobody wants it.

use std::fmt::Display;
use std::future::pending;

use bytes::Buf;
use futures_util::{Stream, StreamExt as _};
use mime_guess::Mime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_TYPE, EXPECT};

use crate::web::Problem;
use crate::web::pace::{PATIENT, PRESSED, Pace};

/// How much of a refused body is read, so that the client, which is still sending, gets to read why.
const DRAINED: usize = 32 * 1024 * 1024;

/// A body as it comes, in the time that it has.
pub(in crate::web) struct Coming<S> {
    stream: S,
    pace: Pace,
    /// Tells when somebody waits for what this one holds.
    hurry: Option<watch::Receiver<usize>>,
}

impl<B: Buf, E: Display, S: Stream<Item = Result<B, E>> + Unpin> Coming<S> {
    pub(in crate::web) fn new(stream: S) -> Self {
        Self { stream, pace: Pace::default(), hurry: None }
    }

    /// From now on it must hurry whenever this is not 0.
    pub(in crate::web) fn hurries_for(&mut self, waiting: watch::Receiver<usize>) {
        self.hurry = Some(waiting);
    }

    /// What has not come yet.
    pub(in crate::web) fn rest(self) -> S {
        self.stream
    }

    /// The next bytes; none after the last.
    pub(in crate::web) async fn next(&mut self) -> Result<Option<B>, Problem> {
        loop {
            let now = Instant::now();
            self.pace.waits(now);
            let pressed = self.hurry.as_mut().is_some_and(|waiting| *waiting.borrow_and_update() > 0);
            let terms = if pressed { PRESSED } else { PATIENT };
            let hurries = async {
                let changed = match &mut self.hurry {
                    Some(waiting) => waiting.changed().await.is_ok(),
                    None => false,
                };
                if !changed {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                chunk = self.stream.next() => {
                    let chunk = chunk.transpose().map_err(broken_off)?;
                    self.pace.went(chunk.as_ref().map_or(0, Buf::remaining), Instant::now());
                    return Ok(chunk);
                }
                () = sleep_until(self.pace.deadline(terms).unwrap_or(now)) => return Err(Problem::too_slow(terms)),
                () = hurries => {}
            }
        }
    }
}

/// The media type of a request's body, if it says one.
pub(in crate::web) fn content_type(headers: &HeaderMap) -> Option<Mime> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

fn broken_off(error: impl Display) -> Problem {
    tracing::debug!("a body was cut off: {error}");
    Problem::bad_request("the body was cut off before its end, or its chunks were wrong: send it again")
}

/// Reads on and throws away. An answer that comes while the client is still sending is often lost with the connection.
pub(in crate::web) async fn drain<B: Buf, E: Display>(
    headers: &HeaderMap,
    stream: impl Stream<Item = Result<B, E>> + Unpin,
) {
    // This one has not begun to send and waits for our word.
    if headers.contains_key(EXPECT) {
        return;
    }
    let (mut body, mut left) = (Coming::new(stream), DRAINED);
    loop {
        match body.next().await {
            Ok(Some(chunk)) => match left.checked_sub(chunk.remaining()) {
                Some(rest) => left = rest,
                None => return,
            },
            Ok(None) => return,
            Err(_) => return tracing::debug!("a client was still sending a body that was refused"),
        }
    }
}
