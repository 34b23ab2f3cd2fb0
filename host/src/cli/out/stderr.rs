//! Standard error, for whoever must not depend on anybody who reads it: a terminal may be stopped with Ctrl-S, a pipe be full or
//! broken. Once it is detached, lines are written by a thread of their own, and nothing here waits for it or fails.
//!
//! What waits to be written is bounded. When there is no more room, lines are dropped until all that waits is written, and then
//! their number is logged. Nothing else of a detached process writes to it, panics included.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::panic;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// The most bytes that wait to be written.
const MOST: usize = 256 * 1024;
/// How long the last lines may take. Whoever has not read them by then has no use for them.
const LAST: Duration = Duration::from_secs(1);

static DETACHED: OnceLock<&Backlog> = OnceLock::new();
static BACKLOG: Backlog = Backlog { waiting: Mutex::new(Waiting::NOTHING), changed: Condvar::new() };

/// From now on nobody waits for standard error.
pub(in crate::cli) fn detach() {
    if DETACHED.get().is_some() {
        return;
    }
    if let Err(error) = thread::Builder::new().name("stderr".to_owned()).spawn(write_on) {
        return tracing::warn!("there is no thread for the log, and everything may wait for its reader: {error}");
    }
    if DETACHED.set(&BACKLOG).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let thread = thread::current();
            let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("without a name"));
            let backtrace = Backtrace::capture();
            if backtrace.status() == BacktraceStatus::Captured {
                text += &format!("\n{backtrace}");
            }
            say(text);
        }));
    }
}

/// Says a line, if anybody listens.
pub(in crate::cli) fn say(text: impl Display) {
    write(format!("{text}\n").as_bytes());
}

/// Waits a moment until all is said.
pub(in crate::cli) fn finish() {
    if let Some(backlog) = DETACHED.get() {
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        drop(backlog.changed.wait_timeout_while(backlog.waiting(), LAST, unwritten));
    }
}

/// Where the log goes: each write is a whole line.
pub(in crate::cli) struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(bytes: &[u8]) {
    match DETACHED.get() {
        Some(backlog) => {
            backlog.waiting().push(bytes);
            backlog.changed.notify_all();
        }
        // Nobody is left who could be told that nobody listens.
        None => io::stderr().write_all(bytes).unwrap_or_default(),
    }
}

fn write_on() {
    loop {
        let nothing = |waiting: &mut Waiting| waiting.lines.is_empty();
        let mut waiting =
            BACKLOG.changed.wait_while(BACKLOG.waiting(), nothing).unwrap_or_else(PoisonError::into_inner);
        let line = waiting.pop();
        drop(waiting);
        io::stderr().write_all(&line).unwrap_or_default();
        let dropped = BACKLOG.waiting().written();
        BACKLOG.changed.notify_all();
        if dropped > 0 {
            tracing::warn!("nobody read standard error for a while: {dropped} lines of the log were dropped here");
        }
    }
}

struct Backlog {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Backlog {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits to be written.
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether one is on its way.
    writing: bool,
    /// Lines for which there was no room, since the last that was written.
    dropped: u64,
}

impl Waiting {
    const NOTHING: Self = Self { lines: VecDeque::new(), bytes: 0, writing: false, dropped: 0 };

    fn push(&mut self, line: &[u8]) {
        let idle = self.lines.is_empty() && !self.writing;
        if self.dropped > 0 || self.bytes + line.len() > MOST && !idle {
            self.dropped += 1;
        } else {
            self.bytes += line.len();
            self.lines.push_back(line.to_vec());
        }
    }

    /// The next line, which is on its way then.
    fn pop(&mut self) -> Vec<u8> {
        self.writing = true;
        let line = self.lines.pop_front().unwrap_or_default();
        self.bytes -= line.len();
        line
    }

    /// It is written. How many were dropped, if it was the last before those.
    fn written(&mut self) -> u64 {
        self.writing = false;
        if self.lines.is_empty() { std::mem::take(&mut self.dropped) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_dropped_and_counted_where_it_is_missing() {
        let mut waiting = Waiting::NOTHING;
        let line = vec![b'x'; MOST / 2];
        for _ in 0..4 {
            waiting.push(&line);
        }
        waiting.push(b"small, and yet not before those that are missing");
        assert_eq!(waiting.pop(), line);
        assert_eq!(waiting.written(), 0, "there is another before the gap");
        waiting.push(b"there is room, but it is not its turn");
        assert_eq!(waiting.pop(), line);
        assert_eq!(waiting.written(), 4);
        waiting.push(b"after the gap");
        assert_eq!((waiting.pop(), waiting.written()), (b"after the gap".to_vec(), 0));
    }
}
