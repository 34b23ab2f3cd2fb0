//! The switch that ends a guest.

use tokio_util::sync::CancellationToken;

/// Stops a guest for good: interrupts it where it computes, and drops its call where it waits for the host. Clones are
/// the same switch, and it cannot be switched back.
///
/// It stops the guest, not the engine behind it: after a kill the device is to be settled.
#[derive(Clone, Debug, Default)]
pub struct Kill(CancellationToken);

impl Kill {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the guest.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Whether the guest was ended.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the guest is ended.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }
}
