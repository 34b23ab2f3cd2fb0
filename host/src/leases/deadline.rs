//! When a command must be over, whatever its holder says.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A moment that can only be brought forward. None has been named at first.
pub(super) struct LastMoment(watch::Sender<Option<Instant>>);

impl Default for LastMoment {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl LastMoment {
    /// It is this one, unless a sooner one has been named.
    pub(super) fn is_at(&self, at: Instant) {
        self.0.send_if_modified(|named| {
            let sooner = named.is_none_or(|named| at < named);
            if sooner {
                *named = Some(at);
            }
            sooner
        });
    }

    /// Whether it is over.
    pub(super) fn has_passed(&self) -> bool {
        self.0.borrow().is_some_and(|at| at <= Instant::now())
    }

    /// Waits until it is over.
    pub(super) async fn passed(&self) {
        let mut named = self.0.subscribe();
        loop {
            let at = *named.borrow_and_update();
            let passed = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                _ = named.changed() => {}
            }
        }
    }
}
