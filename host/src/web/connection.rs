//! What a connection holds as long as any of it lives.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::places::Seat;

/// A connection's share of the host. Each request carries it, for the WebSocket that it may become.
#[derive(Clone)]
pub(super) struct Connection {
    /// Fires when the host stops.
    pub(super) stop: CancellationToken,
    /// The line to the client.
    pub(super) line: Line,
    /// Its place.
    pub(super) seat: Arc<Seat>,
    /// The threads of WebSockets.
    pub(super) sockets: Handle,
    /// Whoever stops the host waits for it.
    #[expect(dead_code, reason = "it is held")]
    pub(super) tracked: TaskTrackerToken,
}

/// How often a line is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The line to a client, to be looked at by a handler that waits for long: nobody else notices that a client has gone before something is
/// written to it.
#[derive(Clone)]
pub(super) struct Line(Weak<TcpStream>);

impl Line {
    pub(super) fn of(stream: &Arc<TcpStream>) -> Self {
        Self(Arc::downgrade(stream))
    }

    /// Waits until the client has closed its end. One that has only said all that it had to say counts as well: that cannot be told
    /// from a client that has gone.
    pub(super) async fn hung_up(&self) {
        while !self.is_closed() {
            sleep(LOOK).await;
        }
    }

    fn is_closed(&self) -> bool {
        let Some(stream) = self.0.upgrade() else { return true };
        let mut asked = [PollFd::new(&*stream, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut asked, Some(&now)) {
            Ok(_) => {
                asked.iter().any(|asked| asked.revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR))
            }
            Err(error) => {
                tracing::debug!("cannot look at a connection: {error}");
                false
            }
        }
    }
}
