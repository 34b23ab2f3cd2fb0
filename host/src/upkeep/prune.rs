//! Finding what may go, and removing the files of what has gone.
//!
//! A round reads what ended jobs leave behind in the order in which they ended, and has those deleted that are too old, too
//! many or too large, in commands so small that nobody waits for one. Files go after the commit: whatever a crash leaves
//! behind is swept at the next start, and nothing that a row names is ever missing.

use std::time::Duration;

use easel_core::{Actor, Command, JobId, Remains, Reply, Retention, State, Timestamp, retention};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::artifacts::Files;
use crate::scheduler::{Rejected, Scheduler};
use crate::store::StoreError;

/// The pauses between two rounds. The shorter one also lets a round do for many what would else be a commit for each.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How many rows are read at once.
const PAGE: usize = 256;
/// How often everything is looked at, from the very beginning: what was held back in the middle may be free by then.
const FRESH: Duration = Duration::from_mins(10);

/// Lets go of what is not kept.
pub struct Pruner {
    /// Who decides.
    pub scheduler: Scheduler,
    /// The files of what goes.
    pub files: Files,
    /// What is kept.
    pub retention: Retention,
}

/// Why a round broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Read(#[from] StoreError),
    #[error("{0}")]
    Write(#[from] Rejected),
    /// The host stops.
    #[error("the host stops")]
    Stopped,
}

/// How far the rows of what ended jobs leave behind are known.
#[derive(Clone, Copy)]
struct Known {
    /// No row is older.
    floor: Timestamp,
    /// Up to here, all were looked at, and those that are left are held back.
    seen: Place,
    /// When all were looked at.
    since: Instant,
}

/// A row: when the job ended, and which.
type Place = (Timestamp, Option<JobId>);

impl Known {
    /// Nothing is known.
    fn nothing() -> Self {
        Self { floor: Timestamp::MIN, seen: (Timestamp::MIN, None), since: Instant::now() }
    }
}

impl Pruner {
    /// Runs until `stop`; a transaction that is under way is finished, and the files of its jobs removed.
    pub async fn run(self, stop: CancellationToken) {
        let mut head = self.scheduler.hub().watch_head();
        let (shortest, longest) = PAUSES;
        // What becomes too old need not be found at once, but soon compared with how old it is.
        let times = [self.retention.jobs, self.retention.keys].into_iter().filter(|time| *time > 0);
        let shortest_time =
            times.min().and_then(|time| u64::try_from(time).ok()).map_or(longest, Duration::from_micros);
        let aging = (shortest_time / 10).clamp(shortest, longest);
        let (mut known, mut pause) = (Known::nothing(), shortest);
        loop {
            if known.since.elapsed() >= FRESH {
                known = Known::nothing();
            }
            let gone = match self.round(&mut known, &stop).await {
                Ok(gone) => gone,
                Err(Broken::Stopped | Broken::Write(Rejected::Closing)) => return,
                Err(error) => {
                    tracing::error!("cannot prune, trying again: {error}");
                    0
                }
            };
            if gone > 0 {
                tracing::info!(jobs = gone, "pruned jobs that have ended");
            }
            // What is needed all the same is not looked at in vain again and again.
            pause =
                if gone == 0 && self.is_over(&self.scheduler.state()) { (pause * 2).min(longest) } else { shortest };
            let due = Instant::now() + aging.max(pause);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            while !self.is_over(&self.scheduler.state()) {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep_until(due) => break,
                    changed = head.changed() => if changed.is_err() { return },
                }
            }
        }
    }

    /// Whether there is more of something than is to be kept.
    fn is_over(&self, state: &State) -> bool {
        let (kept, retention) = (state.kept(), &self.retention);
        kept.jobs > retention.max_jobs || kept.bytes > retention.artifacts || state.log_is_long(retention)
    }

    /// Lets go of all that may go by now: how many jobs.
    async fn round(&self, known: &mut Known, stop: &CancellationToken) -> Result<usize, Broken> {
        let gone = self.jobs(known, stop).await?;
        self.keys(stop).await?;
        while self.scheduler.state().log_is_long(&self.retention) {
            self.prune(Command::Prune { jobs: Vec::new(), keys: Vec::new() }, stop).await?;
        }
        Ok(gone)
    }

    /// What holds a job back, most of all its key, mostly holds those back that ended after it. So where a whole page stays,
    /// those after it that were seen before are passed over: a round costs what is new, and not what is kept.
    async fn jobs(&self, known: &mut Known, stop: &CancellationToken) -> Result<usize, Broken> {
        let (mut after, mut gone, mut first): (Place, _, _) = ((known.floor, None), 0, true);
        loop {
            let until = self.retention.horizon(self.scheduler.state().kept(), self.scheduler.own_now());
            let page = self.scheduler.remains(after, until, PAGE).await?;
            let Some(last) = page.last() else { return Ok(gone) };
            if let Some(oldest) = page.first().filter(|_| std::mem::take(&mut first)) {
                known.floor = oldest.at;
            }
            after = (last.at, Some(last.job));
            let before = gone;
            for slice in page.chunks(self.retention.slice.max(1)) {
                gone += self.slice(slice, stop).await?;
            }
            known.seen = known.seen.max(after);
            if gone == before {
                after = known.seen;
            }
        }
    }

    /// Has those of a slice deleted that may go.
    async fn slice(&self, slice: &[Remains], stop: &CancellationToken) -> Result<usize, Broken> {
        let (kept, now) = (self.scheduler.state().kept(), self.scheduler.own_now());
        let may_go = slice.iter().filter(|remains| self.retention.lets_go(remains, kept, now));
        let jobs: Vec<JobId> = may_go.map(|remains| remains.job).collect();
        if jobs.is_empty() {
            return Ok(0);
        }
        let gone = self.prune(Command::Prune { jobs, keys: Vec::new() }, stop).await?;
        for job in &gone {
            if let Err(error) = self.files.forget(*job).await {
                tracing::error!(%job, "cannot remove the files of a pruned job; the next start will: {error}");
            }
        }
        Ok(gone.len())
    }

    /// Keys of jobs that somebody deleted.
    async fn keys(&self, stop: &CancellationToken) -> Result<(), Broken> {
        loop {
            let until = self.scheduler.own_now().saturating_sub(self.retention.keys);
            let keys = self.scheduler.orphans(until, self.retention.slice.max(1)).await?;
            if keys.is_empty() {
                return Ok(());
            }
            self.prune(Command::Prune { jobs: Vec::new(), keys }, stop).await?;
        }
    }

    async fn prune(&self, command: Command, stop: &CancellationToken) -> Result<Vec<JobId>, Broken> {
        if stop.is_cancelled() {
            return Err(Broken::Stopped);
        }
        match self.scheduler.ask(Actor::host(retention::BY), command).await? {
            Reply::Pruned(gone) => Ok(gone),
            _ => Ok(Vec::new()),
        }
    }
}
