//! Those who follow the same: what they are told alike is made once for all of them, and shared.
//!
//! Two thousand pages may watch one line. If each had its own snapshots, places and progress made for it, the host would work for
//! seconds each time that the line moves, and those that do not read would each keep a copy.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use easel_core::{JobId, State};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::positions::{Places, Step};
use super::scope::Scope;
use super::snapshot;
use crate::events::{Hub, Logged, Telemetry};
use crate::scheduler::Scheduler;
use crate::store::StoreError;
use crate::web::Host;

/// How many clients read the log from the store at a time: it cannot be flushed before they are done, and what they read is theirs
/// alone.
const READERS: usize = 4;

/// All crowds of a host.
pub(in crate::web) struct Crowds {
    by_scope: Mutex<HashMap<Scope, Weak<Crowd>>>,
    /// The newest frame of each running attempt, and which of its reports that is.
    progress: Mutex<HashMap<JobId, (u64, Utf8Bytes)>>,
    reading: Semaphore,
}

/// Those who follow one scope.
pub(super) struct Crowd {
    scope: Scope,
    places: Mutex<Places>,
    /// The newest snapshot and its event, as long as somebody waits for it.
    snapshot: tokio::sync::Mutex<Option<(u64, Utf8Bytes)>>,
    waiting: AtomicUsize,
}

impl Default for Crowds {
    fn default() -> Self {
        Self { by_scope: Mutex::default(), progress: Mutex::default(), reading: Semaphore::new(READERS) }
    }
}

impl Crowds {
    /// The events after `after`, when it is this client's turn to read; none if the log does not have all of them any more.
    pub(super) async fn stored(
        &self,
        scheduler: &Scheduler,
        after: u64,
        limit: usize,
    ) -> Result<Option<Vec<Arc<Logged>>>, StoreError> {
        self.in_turn(scheduler.events(after, limit)).await
    }

    /// Reads when it is this client's turn, and has the turn until it has read.
    async fn in_turn<T>(&self, read: impl Future<Output = T>) -> T {
        // Nobody closes it.
        let _turn = self.reading.acquire().await.ok();
        read.await
    }

    /// Those who follow this.
    pub(super) fn of(&self, scope: &Scope) -> Arc<Crowd> {
        let mut by_scope = self.by_scope.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crowd) = by_scope.get(scope).and_then(Weak::upgrade) {
            return crowd;
        }
        by_scope.retain(|_, crowd| crowd.strong_count() > 0);
        let crowd = Arc::new(Crowd {
            scope: scope.clone(),
            places: Mutex::default(),
            snapshot: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::default(),
        });
        by_scope.insert(scope.clone(), Arc::downgrade(&crowd));
        crowd
    }

    /// The frame of a running attempt's newest report, which `make` makes if nobody has. `running` are all attempts that run.
    pub(super) fn progress(
        &self,
        telemetry: &Telemetry,
        running: &[Telemetry],
        make: impl FnOnce() -> Utf8Bytes,
    ) -> Utf8Bytes {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, frame)) = progress.get(&telemetry.job)
            && *version == telemetry.version
        {
            return frame.clone();
        }
        progress.retain(|job, _| running.iter().any(|telemetry| telemetry.job == *job));
        let frame = make();
        progress.insert(telemetry.job, (telemetry.version, frame.clone()));
        frame
    }
}

impl Crowd {
    /// What one of them is told of places now; see [`Places::step`].
    pub(super) fn step(&self, told: (u64, u64), at: (&State, &Hub), expected: bool, now: Instant) -> Step {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.step(told, &self.scope, at, expected, now)
    }

    /// A snapshot that is no older than this call, and the event to go on from. Only one is made at a time: those who wait
    /// for it meanwhile share the next one.
    pub(super) async fn snapshot(&self, host: &Host) -> Result<(u64, Utf8Bytes), StoreError> {
        struct Waits<'a>(&'a AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let least = host.scheduler.state().seq;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        let mut kept = self.snapshot.lock().await;
        let (seq, frame) = match kept.take().filter(|(seq, _)| *seq >= least) {
            Some(made) => made,
            None => {
                let state = host.scheduler.state();
                (state.seq, snapshot::frame(host, &state, &self.scope, state.seq).await?)
            }
        };
        if self.waiting.load(Ordering::Relaxed) > 1 {
            *kept = Some((seq, frame.clone()));
        }
        Ok((seq, frame))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn four_read_the_log_from_the_store_at_a_time_and_a_fifth_waits_for_one_of_them() {
        let (crowds, reading) = (Crowds::default(), Cell::new(0));
        let (mut ends, mut readers) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let (end, ended) = oneshot::channel::<()>();
            let reads = async {
                reading.set(reading.get() + 1);
                ended.await.unwrap();
                reading.set(reading.get() - 1);
            };
            ends.push(end);
            readers.push(Box::pin(crowds.in_turn(reads)));
        }
        for reader in &mut readers {
            assert!(poll!(reader).is_pending());
        }
        assert_eq!(reading.get(), 4);

        ends.remove(0).send(()).unwrap();
        readers.remove(0).await;

        assert_eq!(reading.get(), 3);
        assert!(poll!(readers.last_mut().unwrap()).is_pending());
        assert_eq!((reading.get(), crowds.reading.available_permits()), (4, 0));
    }
}
