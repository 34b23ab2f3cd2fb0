//! A place in a log: `LOG:SEQ`, opaque to clients.

use std::fmt;

/// The event `seq` of the log `log`, or the place just after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    /// The store's id: a number means nothing in another store's log.
    pub log: &'a str,
    /// The last event that was seen.
    pub seq: u64,
}

impl<'a> Cursor<'a> {
    /// Reads what `Display` wrote.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (log, seq) = text.rsplit_once(':')?;
        Some(Self { log, seq: seq.parse().ok()? })
    }
}

impl fmt::Display for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.log, self.seq)
    }
}
