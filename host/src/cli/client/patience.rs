//! How long a command goes on trying while the host is away, for a restart, say.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::problem::ClientError;
use crate::cli::out::print;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// That a host is gone, and that it is tried again.
pub(in crate::cli) fn lost(error: &ClientError) -> String {
    format!("{error}: trying to reach the host again")
}

/// That it is there again.
pub(in crate::cli) const BACK: &str = "the host is back";

/// A budget of time, spent in waits that double up to a bound.
#[derive(Debug)]
pub(in crate::cli) struct Patience {
    until: Instant,
    delay: Duration,
}

impl Patience {
    pub(in crate::cli) fn new(budget: Duration) -> Self {
        Self { until: Instant::now() + budget, delay: FIRST_DELAY }
    }

    /// Waits a little longer than the last time; false, at once, if the budget is spent.
    pub(in crate::cli) async fn wait(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        sleep(self.delay.min(left)).await;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        true
    }
}

/// Repeats what may be repeated for as long as only the connection is at fault. A host that was not `found` before, and is not
/// there, is told of at once: nothing is lost by that.
pub(in crate::cli) async fn outlast<T>(
    budget: Duration,
    found: bool,
    mut attempt: impl AsyncFnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let (mut patience, mut is_away) = (Patience::new(budget), false);
    loop {
        match attempt().await {
            Err(error) if error.is_of_connection() && (found || is_away || error.was_there()) => {
                if !std::mem::replace(&mut is_away, true) {
                    print::aside(lost(&error));
                }
                if !patience.wait().await {
                    return Err(error);
                }
            }
            outcome => {
                if is_away {
                    print::aside(BACK);
                }
                return outcome;
            }
        }
    }
}
