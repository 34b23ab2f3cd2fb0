//! Nothing is begun while the disk is nearly full: a job that cannot write its files, or an outcome that cannot be committed,
//! would be worse than one that waits.
//!
//! What runs goes on, and the jobs that arrive are accepted: the reserve is for both. It is not for uploads, which could eat it up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use easel_core::Command;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::scheduler::{Rejected, Scheduler};
use crate::space;

/// How often it is looked, besides before each claim.
const OFTEN: Duration = Duration::from_secs(2);
/// This part of the reserve has to be free beyond it before jobs are started again, so that they do not stop at once.
const MARGIN: u64 = 16;

/// How many bytes are free where a path lies.
type Free = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

/// Watches the disks.
pub struct DiskWatch {
    scheduler: Scheduler,
    places: Vec<PathBuf>,
    reserve: ByteSize,
    free: Box<Free>,
    /// One at a time says what it has found.
    saying: Mutex<()>,
}

impl DiskWatch {
    /// A watch over the file systems that these directories lie on: `reserve` is to stay free on each.
    pub fn new(scheduler: Scheduler, places: Vec<PathBuf>, reserve: ByteSize) -> Self {
        Self::with(scheduler, places, reserve, Box::new(space::free))
    }

    fn with(scheduler: Scheduler, places: Vec<PathBuf>, reserve: ByteSize, free: Box<Free>) -> Self {
        Self { scheduler, places, reserve, free, saying: Mutex::default() }
    }

    /// Looks from time to time, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(OFTEN) => {}
            }
        }
    }

    /// Looks at the disks, and stops claims or lets them go on. When this returns, that is committed.
    pub async fn look(&self) {
        match self.short(self.stands()) {
            Ok(short) if short.is_some() != self.stands() => {}
            Ok(_) => return,
            Err((place, error)) => {
                return tracing::warn!("cannot tell how much is free on the disk of {}: {error}", place.display());
            }
        }
        let _one = self.saying.lock().await;
        // Somebody else may have said it meanwhile.
        let stands = self.stands();
        // Who cannot tell any more must not let the queue go on: the next look will.
        let Ok(short) = self.short(stands) else { return };
        if short.is_some() == stands {
            return;
        }
        let reserve = self.reserve;
        match &short {
            Some((place, free)) => tracing::warn!(
                "only {free} is free on the disk of {}, less than the {reserve} of retention.disk_reserve: no job is started \
                 until there is more. Make room there, or keep less (retention.jobs, retention.artifacts)",
                place.display()
            ),
            None => tracing::info!("the disk has room again: jobs are being started"),
        }
        let full = short.map(|_| format!("the disk is nearly full, less than {reserve} is free"));
        match self.scheduler.send(Command::Disk { full }).await {
            Ok(_) | Err(Rejected::Closing) => {}
            Err(error) => tracing::error!("cannot record whether the disk has room, trying again: {error}"),
        }
    }

    /// Whether so many more bytes leave the reserve free. The error is the reserve.
    ///
    /// A disk that does not tell takes them: the write itself will say.
    pub fn admits(&self, bytes: u64) -> Result<(), ByteSize> {
        let needed = self.reserve.as_u64().saturating_add(bytes);
        let short = |place: &PathBuf| (self.free)(place).is_ok_and(|free| free < needed);
        let matters = self.reserve.as_u64() > 0;
        if matters && self.places.iter().any(short) { Err(self.reserve) } else { Ok(()) }
    }

    fn stands(&self) -> bool {
        self.scheduler.state().queue().full.is_some()
    }

    /// The place that has too little, if one has, and how much that is. A queue that stands needs more in order to go on.
    fn short(&self, stands: bool) -> Result<Option<(PathBuf, ByteSize)>, (PathBuf, io::Error)> {
        let reserve = self.reserve.as_u64();
        let needed = if stands { reserve.saturating_add(reserve / MARGIN) } else { reserve };
        for place in self.places.iter().filter(|_| needed > 0) {
            let free = (self.free)(place).map_err(|error| (place.clone(), error))?;
            if free < needed {
                return Ok(Some((place.clone(), ByteSize(free))));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use easel_core::decide::Limits;
    use easel_core::policy::Backoff;
    use easel_core::state::Binding;
    use easel_core::{Reply, Retention};
    use tempfile::TempDir;

    use super::*;
    use crate::clock::Clock;
    use crate::scheduler::Setup;
    use crate::store::{Embedded, Location, Sizes, Store};

    /// A watch over a disk that has as much free as the number says, the scheduler that it talks to, and their data directory:
    /// without that the writer ends.
    async fn watched(free: &Arc<AtomicU64>) -> (DiskWatch, Scheduler, TempDir) {
        let data = tempfile::tempdir().unwrap();
        let sizes = Sizes { log: 1 << 20, memtable: 64 << 20 };
        let engine = Embedded::open(Location::Memory, sizes).await.unwrap();
        let opened = Store::open(Arc::new(engine), data.path()).await.unwrap();
        let backoff = Backoff { base: 0, max: 0 };
        let binding = Binding::component(["gpu0"], "sha256:0", backoff);
        let retention = Retention::EVERYTHING;
        let limits = Limits { max_waiting: 9, max_waiting_per_owner: 9, priority_worth: 1, slice: 9, retention };
        let setup = Setup {
            devices: vec!["gpu0".into()],
            backends: vec![("stub".into(), binding)],
            limits,
            clock: Clock::default(),
        };
        let (scheduler, _) = Scheduler::start(opened, setup);
        let free = free.clone();
        let look = move |_: &Path| Ok(free.load(Ordering::SeqCst));
        let watch = DiskWatch::with(scheduler.clone(), vec!["data".into()], ByteSize(160), Box::new(look));
        (watch, scheduler, data)
    }

    async fn stands(watch: &DiskWatch, scheduler: &Scheduler, free: &AtomicU64, bytes: u64) -> bool {
        free.store(bytes, Ordering::SeqCst);
        watch.look().await;
        scheduler.state().queue().full.is_some()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_queue_stands_while_less_than_the_reserve_is_free_and_goes_on_with_a_little_more() {
        let free = Arc::new(AtomicU64::new(0));
        let (watch, scheduler, _data) = watched(&free).await;
        let mut seen = Vec::new();
        for bytes in [160, 159, 160, 169, 170, 160, 0] {
            seen.push((bytes, stands(&watch, &scheduler, &free, bytes).await));
        }
        assert_eq!(seen, [(160, false), (159, true), (160, true), (169, true), (170, false), (160, false), (0, true)]);
        assert_eq!(scheduler.hub().head(), 3, "each change is told once");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_who_look_at_once_say_it_once() {
        let free = Arc::new(AtomicU64::new(1));
        let (watch, scheduler, _data) = watched(&free).await;
        futures_util::future::join_all((0..20).map(|_| watch.look())).await;
        assert_eq!(scheduler.hub().head(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_reserve_a_queue_that_stood_goes_on() {
        let free = Arc::new(AtomicU64::new(0));
        let (mut watch, scheduler, _data) = watched(&free).await;
        let full = Some("it was full when the last process ended".into());
        assert!(matches!(scheduler.send(Command::Disk { full }).await, Ok(Reply::Done)));
        watch.reserve = ByteSize(0);
        assert!(!stands(&watch, &scheduler, &free, 0).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn more_is_taken_as_long_as_the_reserve_stays_free() {
        let free = Arc::new(AtomicU64::new(170));
        let (mut watch, ..) = watched(&free).await;
        assert_eq!([10, 11].map(|bytes| watch.admits(bytes)), [Ok(()), Err(ByteSize(160))]);
        watch.reserve = ByteSize(0);
        watch.admits(1_000).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_disk_that_does_not_tell_changes_nothing() {
        let free = Arc::new(AtomicU64::new(1));
        let (mut watch, scheduler, _data) = watched(&free).await;
        watch.look().await;
        watch.free = Box::new(|_| Err(io::Error::other("no such thing")));
        watch.look().await;
        assert!(scheduler.state().queue().full.is_some());
    }
}
