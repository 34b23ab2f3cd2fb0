//! Trying again what cannot be given up.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The longest pause between two tries.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits; false when it is time to stop.
pub async fn pause(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}
