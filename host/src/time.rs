//! Wall time, as clients read it. Deadlines do not use it.

use chrono::{DateTime, SecondsFormat, Utc};
use easel_core::Timestamp;

/// Now, in microseconds since the epoch.
pub fn now() -> Timestamp {
    Utc::now().timestamp_micros()
}

/// RFC 3339 in UTC with six decimals, so that times sort as text.
pub fn text(at: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_micros(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}
