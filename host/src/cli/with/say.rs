//! What Easel says next to a command that runs. Whoever holds a device must not depend on anybody who listens: a terminal may be
//! stopped with Ctrl-S, a pipe full or broken. So lines are written by a thread of their own, and nothing here waits for it or fails.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// How long the last lines may take.
const LAST: Duration = Duration::from_secs(1);

enum Part {
    Line(String),
    /// Tell that all before this is written.
    Mark(SyncSender<()>),
}

/// The way to the thread that writes; none if the system has no thread for that.
static PARTS: LazyLock<Option<Sender<Part>>> = LazyLock::new(|| {
    let (sender, parts) = channel();
    let writer = thread::Builder::new().name("say".to_owned()).spawn(move || write(&parts));
    writer.is_ok().then_some(sender)
});

/// Says a line on stderr, if anybody listens.
pub(super) fn say(text: impl Display) {
    send(Part::Line(format!("{text}\n")));
}

/// Waits a moment until all is said.
pub(super) fn finish() {
    let (done, wait) = sync_channel(1);
    send(Part::Mark(done));
    // Whoever has not read it by now has no use for it.
    wait.recv_timeout(LAST).unwrap_or_default();
}

fn send(part: Part) {
    if let Some(parts) = &*PARTS {
        // The thread ends with the process only.
        parts.send(part).unwrap_or_default();
    }
}

fn write(parts: &Receiver<Part>) {
    for part in parts {
        match part {
            // Nobody is left who could be told that nobody listens.
            Part::Line(line) => io::stderr().write_all(line.as_bytes()).unwrap_or_default(),
            // Whoever asked may have gone on.
            Part::Mark(done) => done.try_send(()).unwrap_or_default(),
        }
    }
}
