//! How long a command goes on trying while the host is away, for a restart, say.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::problem::ClientError;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A budget of time, spent in waits that double up to a bound.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    delay: Duration,
}

impl Patience {
    pub(super) fn new(budget: Duration) -> Self {
        Self { until: Instant::now() + budget, delay: FIRST_DELAY }
    }

    /// Waits a little longer than the last time; false, at once, if the budget is spent.
    pub(super) async fn wait(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        sleep(self.delay.min(left)).await;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        true
    }
}

/// Repeats what may be repeated for as long as only the connection is at fault.
pub(super) async fn outlast<T>(
    budget: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut patience = Patience::new(budget);
    loop {
        match attempt().await {
            Err(error) if error.is_of_connection() && patience.wait().await => {}
            outcome => return outcome,
        }
    }
}
