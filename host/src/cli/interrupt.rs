//! Ctrl-C, for a command that goes on until it is interrupted. It ends then also when it sits in a write to a pipe that nobody reads,
//! where it hears of nothing.

use std::process;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// How long it may take to end by itself, its last words included.
const MOMENT: Duration = Duration::from_secs(1);

/// Does the work until it is done; none if Ctrl-C came before that.
pub(in crate::cli) async fn until_interrupted<T>(work: impl Future<Output = T>) -> anyhow::Result<Option<T>> {
    let (tell, interrupted) = oneshot::channel();
    let listener = Builder::new_current_thread().enable_all().build()?;
    // On a thread of its own, which is there until the process ends: also while its last words are said.
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if listener.block_on(tokio::signal::ctrl_c()).is_ok() && tell.send(()).is_ok() {
            thread::sleep(MOMENT);
        }
        // Ending in good order waits for whoever ends already, and sits in a write while doing so.
        let last_resort = thread::Builder::new().spawn(|| {
            thread::sleep(MOMENT);
            kill_process(getpid(), Signal::KILL)
        });
        if let Err(error) = last_resort {
            tracing::debug!("nobody sees to it that this ends: {error}");
        }
        process::exit(1);
    })?;
    tokio::select! {
        outcome = work => Ok(Some(outcome)),
        Ok(()) = interrupted => Ok(None),
    }
}
