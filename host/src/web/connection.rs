//! What a connection holds as long as any of it lives.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::places::Seat;

/// A connection's share of the host. Each request carries it, for the WebSocket that it may become.
#[derive(Clone)]
pub(super) struct Connection {
    /// Fires when the host stops.
    pub(super) stop: CancellationToken,
    /// Its place.
    pub(super) seat: Arc<Seat>,
    /// The threads of WebSockets.
    pub(super) sockets: Handle,
    /// Whoever stops the host waits for it.
    #[expect(dead_code, reason = "it is held")]
    pub(super) tracked: TaskTrackerToken,
}
