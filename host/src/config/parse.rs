//! How single values are read, with errors that show by example what would have been right.

use std::fmt::{self, Formatter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use figment::value::magic::RelativePathBuf;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::Database;

/// A path. One that stands in a file is relative to that file, so that a host can be started from anywhere; one from
/// a flag or the environment is relative to where the host is started.
pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(RelativePathBuf::deserialize(deserializer)?.relative())
}

/// Where to listen: an address and a port, or this machine's own name and a port.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.rsplit_once(':').filter(|(host, _)| host.eq_ignore_ascii_case("localhost"));
    let address = local.map_or_else(|| text.to_owned(), |(_, port)| format!("127.0.0.1:{port}"));
    address.parse().map_err(|_| format!("{text:?} is not ADDRESS:PORT: write 127.0.0.1:7420 or localhost:7420"))
}

/// The same in a file.
pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A number of bytes, or a text such as `512MiB`.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    struct Size;
    impl Visitor<'_> for Size {
        type Value = ByteSize;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("a size, such as \"512MiB\", or a number of bytes")
        }

        fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
            Ok(ByteSize(bytes))
        }

        fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteSize, E> {
            let known = u64::try_from(bytes).map(ByteSize);
            known.map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
            let wrong = |_| E::custom(format!("{text:?} is not a size: write \"512MiB\", or a number of bytes"));
            text.parse().map_err(wrong)
        }
    }
    deserializer.deserialize_any(Size)
}

/// A duration as people write it, wherever one is given.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("{text:?} is not a duration: write one like 90s, 5m or 2h"))
}

/// The same in a file.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Time;
    impl Visitor<'_> for Time {
        type Value = Duration;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("a duration in quotes, with its unit, such as \"90s\", \"5m\" or \"2h\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            duration(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Time)
}

/// The same where there may be none.
pub(super) fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    time(deserializer).map(Some)
}

/// The same where there may be none.
pub(super) fn some_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    size(deserializer).map(Some)
}

impl FromStr for Database {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if matches!(url, "mem://" | "memory") {
            return Ok(Self::Memory);
        }
        let Some((scheme, path)) = url.split_once("://") else {
            return Err(format!("{url:?} is not a database: write \"surrealkv://PATH\" or \"mem://\""));
        };
        match scheme {
            // What follows a `?` would be options of the engine; the one that matters switches durability off.
            "surrealkv" if !path.is_empty() && !path.contains('?') => Ok(Self::SurrealKv(path.into())),
            "surrealkv" if path.is_empty() => Err(format!("{url:?} names no directory: write surrealkv://PATH")),
            "surrealkv" => Err(format!("{url:?} has a question mark: write surrealkv://PATH without options")),
            "mem" => Err(format!("{url:?} has something after mem://: write mem:// alone")),
            _ => Err(format!("{scheme}:// is not supported yet: use surrealkv://PATH or mem://")),
        }
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, beside) = text_and_place(deserializer)?;
        Ok(match text.parse().map_err(D::Error::custom)? {
            Self::SurrealKv(path) => Self::SurrealKv(beside.join(path)),
            other => other,
        })
    }
}

/// A text, and the directory of the file that it stands in (empty if it stands in none).
pub(super) fn text_and_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, PathBuf), D::Error> {
    let raw = RelativePathBuf::deserialize(deserializer)?;
    let text = raw.original().to_str().ok_or_else(|| D::Error::custom("is not UTF-8"))?.to_owned();
    let beside = raw.metadata_path().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    Ok((text, beside))
}
