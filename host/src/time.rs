//! Wall time, as clients read it. Deadlines do not use it.

use chrono::Utc;
use easel_core::Timestamp;

/// Now, in microseconds since the epoch.
pub fn now() -> Timestamp {
    Utc::now().timestamp_micros()
}
