//! Signals, in the words of `easel with`. Those that were ignored when it started (`nohup`) stay ignored, for the command too.

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    /// The terminal interrupts, the command as well as us.
    Interrupt,
    /// The terminal asks to quit, and it is for the command to say what that means.
    Quit,
    /// The terminal asks to suspend.
    Suspend,
    /// Somebody wants this to end.
    End(Signal),
}

/// The signals that are listened to.
pub(super) struct Signals {
    interrupt: Option<unix::Signal>,
    quit: Option<unix::Signal>,
    suspend: Option<unix::Signal>,
    terminate: Option<unix::Signal>,
    hang_up: Option<unix::Signal>,
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc")?;
        let listen = |of: Signal| -> anyhow::Result<Option<unix::Signal>> {
            if ignored(&status, of) {
                return Ok(None);
            }
            Ok(Some(signal(SignalKind::from_raw(of.as_raw())).context("cannot listen for signals")?))
        };
        Ok(Self {
            interrupt: listen(Signal::INT)?,
            quit: listen(Signal::QUIT)?,
            suspend: listen(Signal::TSTP)?,
            terminate: listen(Signal::TERM)?,
            hang_up: listen(Signal::HUP)?,
        })
    }

    /// None at all: tests of this process are interrupted as ever.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { interrupt: None, quit: None, suspend: None, terminate: None, hang_up: None }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            () = next(&mut self.interrupt) => Heard::Interrupt,
            () = next(&mut self.quit) => Heard::Quit,
            () = next(&mut self.suspend) => Heard::Suspend,
            () = next(&mut self.terminate) => Heard::End(Signal::TERM),
            () = next(&mut self.hang_up) => Heard::End(Signal::HUP),
        }
    }
}

async fn next(signals: &mut Option<unix::Signal>) {
    match signals {
        Some(signals) => _ = signals.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether a process of this `/proc/PID/status` ignores a signal.
fn ignored(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "Name:\teasel\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000000001\nSigCgt:\tffffffffffffffff\n";
        assert!(ignored(status, Signal::HUP));
        assert!(!ignored(status, Signal::INT) && !ignored("", Signal::HUP));
    }
}
