//! A process and what it writes.

use super::{BOUND, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Waits for the address in what a process writes.
#[derive(Clone)]
struct Found {
    mark: &'static str,
    address: Arc<Mutex<Option<oneshot::Sender<String>>>>,
}

impl Found {
    fn look(&self, line: &str) {
        if let Some((_, url)) = line.split_once(self.mark)
            && let Some(address) = self.address.lock().expect("address").take()
        {
            let _ = address.send(url.trim().trim_end_matches('/').to_owned());
        }
    }
}

/// A process of the host. Dropped: killed.
pub struct Process {
    pub child: Child,
    /// What it has written to standard error so far, line by line.
    pub stderr: Arc<Mutex<Vec<String>>>,
    /// Its standard error, as long as nobody reads it.
    unread: Option<std::io::PipeReader>,
}

impl Process {
    /// Starts a process and waits for a line with `mark`, which its address follows.
    pub async fn spawn(mut command: Command, unread: bool, mark: &'static str) -> (Self, String) {
        let (errors, mut full) = std::io::pipe().expect("a pipe");
        if unread {
            full.write_all(&[b'\n'; 65_536]).expect("what a pipe holds");
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(full)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // It has the end of the pipe that is written to.
        drop(command);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = oneshot::channel();
        let found = Found { mark, address: Arc::new(Mutex::new(Some(found))) };
        let in_output = found.clone();
        follow(child.stdout.take().expect("stdout"), move |line| in_output.look(&line));
        let mut process = Self { child, stderr, unread: None };
        if unread {
            process.unread = Some(errors);
        } else {
            process.follow_errors(errors, Some(found));
        }
        // When the process ends before that, what it writes to closes, and the sender is dropped.
        let url = tokio::time::timeout(BOUND, address).await.expect("the host is ready in time");
        (process, url.expect("the host says that it is ready, and does not end before"))
    }

    /// Begins to read what nobody has read so far.
    pub fn read_errors(&mut self) {
        let pipe = self.unread.take().expect("a standard error that nobody reads");
        self.follow_errors(pipe, None);
    }

    fn follow_errors(&self, pipe: std::io::PipeReader, found: Option<Found>) {
        let stderr = Arc::clone(&self.stderr);
        follow(pipe, move |line| {
            if let Some(found) = &found {
                found.look(&line);
            }
            stderr.lock().expect("stderr").push(line);
        });
    }

    /// Waits until it is gone: the exit code.
    pub async fn exited(&mut self) -> Option<i32> {
        let child = &mut self.child;
        eventually("the host to end", async || child.try_wait().expect("wait")).await.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let lines = self.stderr.lock().map(|lines| lines.clone()).unwrap_or_default();
            let tail = lines.len().saturating_sub(80);
            eprintln!("--- the host's standard error, last {} lines\n{}", lines.len() - tail, lines[tail..].join("\n"));
        }
    }
}

/// Reads lines on a thread of its own, so that a chatty host never blocks on a full pipe.
fn follow(pipe: impl Read + Send + 'static, mut line: impl FnMut(String) + Send + 'static) {
    std::thread::spawn(move || {
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            line(text);
        }
    });
}
