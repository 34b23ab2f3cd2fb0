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
        // Nobody closes it.
        let _turn = self.reading.acquire().await.ok();
        scheduler.events(after, limit).await
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
    use easel_core::command::NewMessage;
    use easel_core::decide::Limits;
    use easel_core::{Actor, Command, MessageId, Party, Retention};
    use futures_util::poll;
    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;
    use crate::scheduler::Setup;
    use crate::store::{Embedded, Location, Sizes, Store};

    const LIMITS: Limits = Limits {
        max_waiting: 9,
        max_waiting_per_owner: 9,
        priority_worth: 1,
        slice: 9,
        retention: Retention::EVERYTHING,
    };

    /// A scheduler on this store.
    async fn begun(data: &std::path::Path) -> (Store, Scheduler, tokio::task::JoinHandle<anyhow::Result<()>>) {
        let location = Location::SurrealKv(data.join("store"));
        let engine = Embedded::open(location, Sizes { log: 1 << 20, memtable: 64 << 20 }).await.unwrap();
        let opened = Store::open(Arc::new(engine), data).await.unwrap();
        let store = opened.store.clone();
        let setup =
            Setup { devices: vec!["gpu0".into()], backends: Vec::new(), limits: LIMITS, clock: Clock::default() };
        let (scheduler, writer) = Scheduler::start(opened, setup);
        (store, scheduler, writer)
    }

    /// A scheduler whose store has an event that it remembers no more.
    async fn restarted(data: &std::path::Path) -> Scheduler {
        let (store, scheduler, writer) = begun(data).await;
        let message = NewMessage {
            id: MessageId(Uuid::now_v7()),
            conversation_id: "c1".into(),
            role: "user".into(),
            content: "…".into(),
            extra_metadata: Default::default(),
            party: Party::of("local"),
        };
        scheduler.ask(Actor::local(), Command::CreateMessage(Box::new(message))).await.unwrap();
        scheduler.close();
        writer.await.unwrap().unwrap();
        drop(scheduler);
        store.close().await.unwrap();
        begun(data).await.1
    }

    #[tokio::test]
    async fn four_read_the_log_from_the_store_at_a_time_and_a_fifth_waits_for_one_of_them() {
        let data = tempfile::tempdir().unwrap();
        let (scheduler, crowds) = (restarted(data.path()).await, Crowds::default());
        let mut four: Vec<_> = (0..4).map(|_| crowds.reading.try_acquire().unwrap()).collect();
        let mut fifth = Box::pin(crowds.stored(&scheduler, 0, 10));
        assert!(poll!(&mut fifth).is_pending());

        drop(four.pop());

        assert_eq!(crowds.reading.available_permits(), 0, "it is the fifth's, who has waited for it");
        assert_eq!(fifth.await.unwrap().unwrap().len(), 1);
        assert_eq!(crowds.reading.available_permits(), 1);
    }
}
