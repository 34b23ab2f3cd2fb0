//! Deadlines that move by the time in which this process did not run: somebody stopped it (SIGSTOP, a debugger, a machine that
//! was moved), or the machine was so busy that it had no turn. Whoever was waited for cannot be blamed for that time.
//!
//! A thread notes that it runs, ten times a second. A hole in its notes is time lost. Whoever asks looks as well: after a stop
//! nobody can tell which thread is the first to go on.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often it is noted that the process runs.
const BEAT: Duration = Duration::from_millis(100);
/// A hole that is no longer than this is nothing but a busy machine.
const HOLE: Duration = Duration::from_millis(900);

/// The notes: microseconds since the first one.
struct Notes {
    began: std::time::Instant,
    last: AtomicU64,
    lost: AtomicU64,
}

impl Notes {
    fn new() -> Self {
        Self { began: std::time::Instant::now(), last: AtomicU64::new(0), lost: AtomicU64::new(0) }
    }

    /// Notes that the process runs, so long after the first note; how much time it has lost so far.
    fn note(&self, now: Duration) -> Duration {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = micros(now);
        let hole = now.saturating_sub(self.last.fetch_max(now, Ordering::SeqCst));
        if hole > micros(HOLE) {
            self.lost.fetch_add(hole - micros(BEAT), Ordering::SeqCst);
        }
        Duration::from_micros(self.lost.load(Ordering::SeqCst))
    }
}

/// How long this process has not run since it was first asked.
pub fn lost() -> Duration {
    static NOTES: OnceLock<&'static Notes> = OnceLock::new();
    let notes = NOTES.get_or_init(|| {
        let notes: &'static Notes = Box::leak(Box::new(Notes::new()));
        let noting = move || {
            loop {
                notes.note(notes.began.elapsed());
                std::thread::sleep(BEAT);
            }
        };
        // Without it nothing is given back but what those find who ask.
        if let Err(error) = std::thread::Builder::new().name("beats".into()).spawn(noting) {
            tracing::error!("cannot notice when this process is suspended: {error}");
        }
        notes
    });
    notes.note(notes.began.elapsed())
}

/// A moment by which something has to be over, if this process runs until then.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    /// What was lost before.
    lost: Duration,
}

impl Deadline {
    /// That moment, as of now.
    pub fn at(at: Instant) -> Self {
        Self { at, lost: lost() }
    }

    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self::at(Instant::now() + time)
    }

    /// What is left until then.
    pub fn left(&self) -> Duration {
        self.moved().saturating_duration_since(Instant::now())
    }

    /// Waits until then.
    pub async fn passed(&self) {
        loop {
            let at = self.moved();
            sleep_until(at).await;
            // It may have moved meanwhile.
            if self.moved() <= at {
                return;
            }
        }
    }

    fn moved(&self) -> Instant {
        self.at + lost().saturating_sub(self.lost)
    }
}

/// What `work` comes to, unless it takes longer than that while this process runs.
pub async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = Deadline::after(time);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = deadline.passed() => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_the_notes_is_time_that_was_lost_and_is_counted_once() {
        let notes = Notes::new();
        let note = |millis| notes.note(Duration::from_millis(millis));
        for beat in 1..20 {
            assert_eq!(note(beat * 100), Duration::ZERO);
        }
        assert_eq!(note(2_700), Duration::ZERO, "a busy machine");
        assert_eq!(note(10_700), Duration::from_millis(7_900));
        assert_eq!((note(10_700), note(10_650), note(10_800)), (note(10_800), note(10_800), note(10_800)));
        assert_eq!(note(20_800), Duration::from_millis(7_900 + 9_900));
    }

    #[tokio::test]
    async fn work_that_is_done_in_time_is_heard_of_and_other_work_is_not_waited_for() {
        assert_eq!(within(Duration::from_secs(60), async { 7 }).await, Some(7));
        assert_eq!(within(Duration::from_millis(1), std::future::pending::<()>()).await, None);
    }
}
