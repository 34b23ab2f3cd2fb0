//! What was said, without what differs from one life to the next: ids and times are numbered, measured figures left out.

use crate::harness::Reply;
use std::collections::HashMap;
use std::sync::Mutex;

/// Headers that mean something to a client.
const HEADERS: [&str; 12] = [
    "content-type",
    "content-disposition",
    "content-security-policy",
    "cross-origin-resource-policy",
    "x-content-type-options",
    "cache-control",
    "etag",
    "accept-ranges",
    "content-range",
    "location",
    "allow",
    "retry-after",
];

/// Fields whose numbers are measured.
const MEASURED: [&str; 5] = ["began_us", "ended_us", "mean_error_seconds", "mean_seconds", "seconds"];

/// A list that says who holds the memory of a device just now, which is freed beside everything else.
const MEMORY: &str = "\"memory\":";

/// The lines so far.
#[derive(Default)]
pub(super) struct Transcript {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lines: Vec<String>,
    names: HashMap<String, String>,
}

impl Transcript {
    /// A heading.
    pub(super) fn chapter(&self, name: &str) {
        self.inner.lock().unwrap().lines.push(format!("\n# {name}"));
    }

    /// An answer over HTTP.
    pub(super) fn reply(&self, request: &str, reply: &Reply) {
        let mut inner = self.inner.lock().unwrap();
        let request = inner.plain(request);
        inner.lines.push(format!("\n{request}\n{}", reply.status));
        for name in HEADERS {
            for value in reply.headers.get_all(name) {
                let value = inner.plain(value.to_str().unwrap());
                inner.lines.push(format!("{name}: {value}"));
            }
        }
        let body = match std::str::from_utf8(&reply.body) {
            Ok(text) => inner.plain(text),
            Err(_) => format!("({} bytes)", reply.body.len()),
        };
        inner.lines.push(body);
    }

    /// A frame.
    pub(super) fn frame(&self, text: &str) {
        let mut inner = self.inner.lock().unwrap();
        let text = inner.plain(text);
        inner.lines.push(format!("← {text}"));
    }

    pub(super) fn text(&self) -> String {
        self.inner.lock().unwrap().lines.join("\n") + "\n"
    }
}

impl Inner {
    /// The text with names for what is never the same twice. Everything else stays to the letter.
    fn plain(&mut self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if plain.ends_with(MEMORY)
                && let Some((_, after)) = rest.strip_prefix('[').and_then(|list| list.split_once(']'))
            {
                plain.push_str("[MEASURED]");
                rest = after;
                continue;
            }
            let length = word(rest);
            if length == 0 {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let (found, after) = rest.split_at(length);
            match kind(found) {
                Some(kind) => plain.push_str(&self.name(kind, found)),
                None if measured(&plain) && found.parse::<f64>().is_ok() => plain.push_str("MEASURED"),
                None => plain.push_str(without_line(found)),
            }
            rest = after;
        }
        plain
    }

    fn name(&mut self, kind: &str, found: &str) -> String {
        if kind == "TIME" || kind == "ADDRESS" {
            return kind.to_owned();
        }
        let number = self.names.len() + 1;
        self.names.entry(found.to_owned()).or_insert_with(|| format!("{kind}-{number}")).clone()
    }
}

/// How long the word is that `text` begins with: what ids, times, addresses and numbers are made of.
fn word(text: &str) -> usize {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '+' | '_');
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return 0;
    }
    let word = text.split(|c| !inside(c)).next().unwrap_or_default();
    // What ends a sentence is not part of it.
    word.trim_end_matches([':', '.']).len()
}

fn kind(word: &str) -> Option<&'static str> {
    let hex = |text: &str, length: usize| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit());
    let uuid = |text: &str| text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if uuid(word) {
        Some("ID")
    } else if chrono::DateTime::parse_from_rfc3339(word).is_ok() {
        Some("TIME")
    } else if hex(word.strip_prefix("sha256:").unwrap_or(word), 64) {
        Some("DIGEST")
    } else if word.split_once(':').is_some_and(|(log, place)| uuid(log) && place.parse::<u64>().is_ok()) {
        Some("CURSOR")
    } else if word.strip_prefix("127.0.0.1:").is_some_and(|port| port.parse::<u16>().is_ok()) {
        Some("ADDRESS")
    } else {
        None
    }
}

/// Where a panic of the fakes is in their source, without line and column: that says nothing of Easel, and moves with each edit.
fn without_line(word: &str) -> &str {
    word.split_once(".rs:").map_or(word, |(file, _)| &word[..file.len() + ".rs".len()])
}

/// Whether what comes next is the value of a measured field.
fn measured(before: &str) -> bool {
    before.strip_suffix(':').is_some_and(|key| MEASURED.iter().any(|name| key.ends_with(&format!("\"{name}\""))))
}
