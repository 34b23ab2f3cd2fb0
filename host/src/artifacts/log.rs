//! What a backend said during a job: one file a job, appended to, bounded.
//!
//! The bound is what makes the log safe to offer to a guest: one that floods it fills 256 KiB of disk and no more. The
//! first lines are kept rather than the last, since they hold the beginning of the trouble and need no rewriting; the
//! last line says that there would have been more. No sync: a log that lost its end in a crash is still a log.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use easel_core::JobId;
use serde::{Deserialize, Serialize};

use super::{Files, FilesError, disk};

/// No log is larger than this.
const MOST: u64 = 256 * 1024;

/// The longest message that is kept.
const LONGEST: usize = 8 * 1024;

/// A log that has passed this takes nothing more. What lies between is room for one last line, of which each character
/// may need an escape, and for the line that says so.
const FULL: u64 = MOST - 2 * LONGEST as u64 - 1024;

/// A line of a job's log.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was said, in microseconds since the epoch.
    pub at: i64,
    /// By which attempt.
    pub attempt: u32,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What was said.
    pub message: String,
}

impl Files {
    /// Adds a line to a job's log, unless that is full.
    pub async fn log(&self, job: JobId, line: &LogLine) -> Result<(), FilesError> {
        let path = self.log_of(job);
        let mut line = line.clone();
        line.message.truncate(line.message.floor_char_boundary(LONGEST));
        disk::blocking(move || append(&path, &line)).await
    }

    /// A job's log; empty if it has none. Lines that a crash tore are left out.
    pub async fn read_log(&self, job: JobId) -> Result<Vec<LogLine>, FilesError> {
        let path = self.log_of(job);
        disk::blocking(move || {
            let mut text = Vec::new();
            match fs::File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut text)) {
                Ok(_) => Ok(text.split(|byte| *byte == b'\n').filter_map(parse).collect()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(FilesError::io("read", &path)(error)),
            }
        })
        .await
    }
}

fn parse(line: &[u8]) -> Option<LogLine> {
    serde_json::from_slice(line).ok()
}

fn append(path: &Path, line: &LogLine) -> Result<(), FilesError> {
    let failed = || FilesError::io("write to", path);
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).map_err(failed())?;
    let before = file.metadata().map_err(failed())?.len();
    if before >= FULL {
        return Ok(());
    }
    let mut text = as_text(line).map_err(failed())?;
    if before + text.len() as u64 >= FULL {
        // With this line the log passes the mark, so this is said exactly once.
        let last = LogLine { level: "warn".into(), message: "log is full".into(), ..line.clone() };
        text.extend(as_text(&last).map_err(failed())?);
    }
    file.write_all(&text).map_err(failed())
}

fn as_text(line: &LogLine) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::sweep::tests::{data, job};

    fn line(attempt: u32, message: &str) -> LogLine {
        LogLine { at: 1_700_000_000_000_000, attempt, level: "info".into(), message: message.into() }
    }

    #[tokio::test]
    async fn lines_come_back_in_order_and_only_from_their_job() {
        let (_dir, files) = data();
        let said = [line(1, "one\ntwo"), line(2, "three")];

        for line in &said {
            files.log(job(1), line).await.unwrap();
        }

        assert_eq!(files.read_log(job(1)).await.unwrap(), said);
        assert_eq!(files.read_log(job(2)).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_says_so_once() {
        let (_dir, files) = data();
        // The worst that a message can do: each character needs an escape.
        let flood = line(1, &"\"".repeat(20_000));

        for _ in 0..100 {
            files.log(job(1), &flood).await.unwrap();
            files.log(job(1), &line(1, "short")).await.unwrap();
        }

        let size = fs::metadata(files.log_of(job(1))).unwrap().len();
        let lines = files.read_log(job(1)).await.unwrap();
        assert!(size <= MOST, "{size}");
        assert!(lines.iter().all(|line| line.message.len() <= LONGEST));
        assert_eq!(lines.last().unwrap().message, "log is full");
        assert_eq!(lines.iter().filter(|line| line.message == "log is full").count(), 1);
        assert!(lines.len() > 20, "{}", lines.len());
    }

    #[tokio::test]
    async fn a_line_that_a_crash_tore_does_not_hide_the_others() {
        let (_dir, files) = data();
        files.log(job(1), &line(1, "before")).await.unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(files.log_of(job(1))).unwrap();
        file.write_all(b"{\"at\":17\n").unwrap();
        files.log(job(1), &line(2, "after")).await.unwrap();

        let messages: Vec<_> = files.read_log(job(1)).await.unwrap().into_iter().map(|line| line.message).collect();

        assert_eq!(messages, ["before", "after"]);
    }
}
