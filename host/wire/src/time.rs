//! Moments.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment, to the microsecond: RFC 3339 in UTC with six decimals, so that times sort as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct Time(i64);

impl Time {
    /// So many microseconds after 1970 began.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The same for those who calculate with it.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time =
            DateTime::parse_from_rfc3339(&text).map_err(|error| de::Error::custom(format!("{text:?}: {error}")))?;
        Ok(Self(time.timestamp_micros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_was_written_and_sorts_as_text() {
        let times = [0, 1, 999_999, 1_000_000, 1_764_300_000_123_456].map(Time::from_micros);
        let texts = times.map(|time| time.to_string());
        assert!(texts.is_sorted());
        assert_eq!(texts[1], "1970-01-01T00:00:00.000001Z");
        for (time, text) in times.iter().zip(&texts) {
            let read: Time = serde_json::from_value(text.clone().into()).unwrap();
            assert_eq!(read, *time);
        }
        assert!(serde_json::from_str::<Time>("\"soon\"").unwrap_err().to_string().contains("soon"));
    }
}
