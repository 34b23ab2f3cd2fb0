//! What a guest prints: its standard output goes to its log as `debug`, its standard error as `warn`, line by line.
//!
//! Most languages say there why they give up, and the trap that follows says nothing: so the end of standard error is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::journal::Journal;
use crate::sandbox::limits;

/// The two streams of one call. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    journal: Journal,
    page: Arc<Mutex<Page>>,
}

#[derive(Debug)]
struct Page {
    /// Bytes that may still go to the log.
    left: usize,
    /// What stands in lines that have not ended: of standard output, and of standard error.
    open: [Vec<u8>; 2],
    /// Lines that the log has not taken.
    lines: VecDeque<(Level, String)>,
    /// The end of standard error.
    last: Vec<u8>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Output,
    Error,
}

impl Which {
    fn level(self) -> Level {
        match self {
            Self::Output => Level::DEBUG,
            Self::Error => Level::WARN,
        }
    }
}

impl Page {
    fn print(&mut self, which: Which, bytes: &[u8]) {
        if which == Which::Error {
            self.last.extend_from_slice(bytes);
            self.last.drain(..self.last.len().saturating_sub(limits::LAST_WORDS));
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.left == 0 {
                return;
            }
            let piece = piece.get(..self.left).unwrap_or(piece);
            self.left -= piece.len();
            let open = self.open_line(which);
            open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || open.len() >= limits::LINE {
                self.end_line(which);
            }
            if self.left == 0 {
                self.end_line(which);
                let rule = format!("printed more than {} KiB: the rest is dropped", limits::PRINTED / limits::KIB);
                self.lines.push_back((Level::WARN, rule));
            }
        }
    }

    fn open_line(&mut self, which: Which) -> &mut Vec<u8> {
        let [output, error] = &mut self.open;
        if which == Which::Output { output } else { error }
    }

    fn end_line(&mut self, which: Which) {
        let line = std::mem::take(self.open_line(which));
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        if !line.is_empty() {
            self.lines.push_back((which.level(), line.to_owned()));
        }
    }
}

impl Printed {
    pub(crate) fn new(journal: Journal) -> Self {
        let page = Page { left: limits::PRINTED, open: Default::default(), lines: VecDeque::new(), last: Vec::new() };
        Self { journal, page: Arc::new(Mutex::new(page)) }
    }

    pub(crate) fn output(&self) -> impl StdoutStream + use<> {
        Stream { printed: self.clone(), which: Which::Output }
    }

    pub(crate) fn error(&self) -> impl StdoutStream + use<> {
        Stream { printed: self.clone(), which: Which::Error }
    }

    /// Nothing is printed any more: writes what was left without an end of line.
    pub(crate) async fn finish(&self) {
        for which in [Which::Output, Which::Error] {
            self.page().end_line(which);
        }
        self.write_out().await;
    }

    /// The last words on standard error, on one line: of an exception or a panic all of it and nothing before. None: there are
    /// none.
    pub(crate) fn last_words(&self) -> Option<String> {
        let last = String::from_utf8_lossy(&self.page().last).replace("panicked at ", "panic at ");
        let begins = ["Traceback (most recent call last)", "panic at "].iter().find_map(|words| last.rfind(words));
        let words = begins.and_then(|at| last.get(at..)).unwrap_or(&last);
        let lines = words.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note: run with"));
        Some(lines.collect::<Vec<_>>().join(" ")).filter(|words| !words.is_empty())
    }

    /// Writes to the log, at the pace at which that is read. Dropped half-way, it loses no line.
    async fn write_out(&self) {
        loop {
            let Some((level, line)) = self.page().lines.front().cloned() else { return };
            self.journal.write(level, &line).await;
            self.page().lines.pop_front();
        }
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the streams, as WASI sees it.
#[derive(Clone)]
struct Stream {
    printed: Printed,
    which: Which,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// For later versions of WASI, which are not offered.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        self.printed.write_out().await;
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.printed.page().print(self.which, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    /// Nothing, until the log has taken what is there.
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.printed.page().lines.is_empty() { limits::LINE } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::sandbox::News;

    async fn printed(pieces: &[(Which, &str)]) -> (Vec<(Level, String)>, Option<String>) {
        let (sender, mut news) = mpsc::channel(10_000);
        let printed = Printed::new(Journal::job(sender));
        for (which, text) in pieces {
            let mut stream = Stream { printed: printed.clone(), which: *which };
            stream.blocking_write_and_flush(Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
        }
        printed.finish().await;
        let words = printed.last_words();
        drop(printed);
        let mut lines = Vec::new();
        while let Some(News::Log { level, message }) = news.recv().await {
            lines.push((level, message));
        }
        (lines, words)
    }

    #[tokio::test]
    async fn what_is_printed_comes_line_by_line_at_the_level_of_its_stream() {
        let pieces = [(Which::Output, "on"), (Which::Error, "odd\r\n"), (Which::Output, "e\n\ntwo\u{1b}\nthree")];
        let (lines, words) = printed(&pieces).await;

        let line = |level, text: &str| (level, text.to_owned());
        let output = |text| line(Level::DEBUG, text);
        assert_eq!(lines, [line(Level::WARN, "odd"), output("one"), output("two\\u{1b}"), output("three")]);
        assert_eq!(words.as_deref(), Some("odd"));
    }

    #[tokio::test]
    async fn of_a_flood_some_is_kept_and_it_is_said_once_that_the_rest_is_not() {
        let line = format!("{}\n", "x".repeat(2 * limits::LINE));
        let (lines, _) = printed(&vec![(Which::Output, line.as_str()); 20]).await;

        let bytes: usize = lines.iter().map(|(_, line)| line.len()).sum();
        assert!(bytes <= limits::PRINTED + 100, "{bytes}");
        assert!(lines.iter().all(|(_, line)| line.len() <= limits::LINE));
        let dropped = |(_, line): &&(Level, String)| line.contains("more than 64 KiB");
        assert_eq!(lines.iter().filter(dropped).count(), 1);
        assert!(lines.last().is_some_and(|last| dropped(&last)));
    }

    #[tokio::test]
    async fn the_last_words_are_those_of_the_panic_however_much_was_said_before() {
        let noise = "a warning\n".repeat(10_000);
        let panic = "\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1` …\n";
        let (_, words) = printed(&[(Which::Error, &noise), (Which::Output, "no words\n"), (Which::Error, panic)]).await;
        assert_eq!(words.as_deref(), Some("panic at src/lib.rs:3:5: boom"));

        let (_, words) = printed(&[(
            Which::Error,
            "hm\nTraceback (most recent call last):\n  File \"app.py\"\nZeroDivisionError\n",
        )])
        .await;
        assert_eq!(words.as_deref(), Some("Traceback (most recent call last): File \"app.py\" ZeroDivisionError"));
        assert_eq!(printed(&[(Which::Output, "fine\n")]).await.1, None);
    }
}
