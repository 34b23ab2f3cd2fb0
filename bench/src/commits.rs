//! Commits to the host's own store, with nobody but this program at it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use easel::config::Config;
use easel::store::{Committed, Embedded, Location, Sizes, Store};
use easel_core::{Cold, Command, Draft, Refusal, State};

use crate::queue;

/// Jobs of a full commit: as many as the writer takes.
pub const JOBS: u64 = 64;

/// A store, and the queue that is in it.
pub struct Commits {
    store: Store,
    state: State,
    /// The number of the last commit, and of the last job.
    last: u64,
    last_job: u64,
}

impl Commits {
    /// A new one in this directory.
    pub async fn open(data: &Path) -> anyhow::Result<Self> {
        let sizes = Sizes::for_log(Config::default().store.max_log);
        let engine = Embedded::open(Location::SurrealKv(data.join("store")), sizes).await?;
        let store = Store::open(Arc::new(engine), data).await?.store;
        Ok(Self { store, state: queue::empty(), last: 0, last_job: 0 })
    }

    /// One that changes the writer's row and nothing else, as each commit does: seconds.
    pub async fn bare(&mut self) -> anyhow::Result<f64> {
        self.commit(|_| Ok(())).await
    }

    /// One of `JOBS` new jobs: seconds.
    pub async fn full(&mut self) -> anyhow::Result<f64> {
        let first = self.last_job + 1;
        self.last_job += JOBS;
        let mut jobs = first..=self.last_job;
        self.commit(|draft| {
            jobs.try_for_each(|number| {
                queue::decide_on(draft, Command::Submit(Box::new(queue::new_job(number)))).map(drop)
            })
        })
        .await
    }

    async fn commit(&mut self, change: impl FnOnce(&mut Draft) -> Result<(), Refusal>) -> anyhow::Result<f64> {
        let mut draft = Draft::new(self.state.clone(), Cold::default());
        change(&mut draft)?;
        self.last += 1;
        let begun = Instant::now();
        // Nobody starts a host on this store, who would compare the time.
        let committed = self.store.commit(&draft, self.last, 0).await?;
        let took = begun.elapsed().as_secs_f64();
        if let Committed::No(error) = committed {
            return Err(error.into());
        }
        self.state = draft.state;
        self.store.maintain().await?;
        Ok(took)
    }

    /// Closes the store.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close().await?)
    }
}
