//! A moment as people write it: so long ago, a day, or a time.

use std::str::FromStr;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct When(DateTime<Utc>);

impl When {
    fn parse(text: &str, now: DateTime<Utc>) -> Option<Self> {
        if let Ok(ago) = humantime::parse_duration(text.trim_end_matches("ago").trim_end()) {
            return Some(Self(now.checked_sub_signed(chrono::Duration::from_std(ago).ok()?)?));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Self(time.to_utc()));
        }
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
        let time = || {
            let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
            formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        };
        // On the reader's own clock, as times are shown. One that a change of the clock leaves out is none.
        Some(Self(day.or_else(time)?.and_local_timezone(Local).earliest()?.to_utc()))
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text.trim(), Utc::now())
            .ok_or_else(|| "not a time: write 30m, 2h or 7d (ago), 2026-01-31, or 2026-01-31T12:00:00Z".to_owned())
    }
}

/// As the host reads it.
impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_so_long_ago_or_a_day_or_a_time() {
        let now = "2026-03-10T12:00:00Z".parse().expect("a time");
        let told = |text| When::parse(text, now).map(|when| when.to_string());
        assert_eq!(told("90m").as_deref(), Some("2026-03-10T10:30:00.000000Z"));
        assert_eq!(told("2d ago").as_deref(), Some("2026-03-08T12:00:00.000000Z"));
        assert_eq!(told("2026-01-31T12:00:00+01:00").as_deref(), Some("2026-01-31T11:00:00.000000Z"));
        for text in ["2026-01-31", "2026-01-31 07:30", "2026-01-31T07:30:15"] {
            assert!(told(text).is_some(), "{text}");
        }
        for text in ["", "soon", "7", "2026-13-01", "99999999999y"] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
