//! Reading what was committed: from the state what has not ended, from the store what has.
//!
//! A row is in the store a moment before the state and the log have it. Whoever read it there and then asked here would be
//! told what was before; so nobody is given a row before everybody can know of it.

use std::sync::Arc;

use easel_core::{BatchId, Job, JobId, KeyUse, Message, MessageId, Ticket};

use super::Scheduler;
use crate::events::Logged;
use crate::store::{JobFilter, StoreError};

impl Scheduler {
    /// A job, ended or not.
    pub async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, StoreError> {
        if let Some(job) = self.state().job(id) {
            return Ok(Some(job.clone()));
        }
        Ok(self.jobs_by_id(&[id]).await?.pop().map(Arc::new))
    }

    /// The jobs that match, newest arrival first, of tickets below `before`.
    pub async fn jobs(&self, filter: &JobFilter, before: Option<Ticket>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let jobs = self.shared.store.jobs(filter, before, limit).await?;
        self.known(jobs.iter().map(|job| job.seq).max()).await;
        Ok(jobs)
    }

    /// The jobs of these ids, as far as there are any.
    pub async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let jobs = self.shared.store.jobs_by_id(ids).await?;
        self.known(jobs.iter().map(|job| job.seq).max()).await;
        Ok(jobs)
    }

    /// The ids of the jobs of a batch, in its order; none if there is no such batch.
    pub async fn batch(&self, id: BatchId) -> Result<Option<Vec<JobId>>, StoreError> {
        self.shared.store.batch(id).await
    }

    /// What an idempotency key stands for.
    pub async fn key(&self, owner: &str, key: &str) -> Result<Option<KeyUse>, StoreError> {
        Ok(self.shared.store.keys(&[(owner.to_owned(), key.to_owned())]).await?.pop())
    }

    /// A message.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let message = self.shared.store.message(id).await?;
        self.known(message.as_ref().map(|message| message.seq)).await;
        Ok(message)
    }

    /// The messages of a conversation in order, after the one with ticket `after`.
    pub async fn conversation(&self, id: &str, after: u64, limit: usize) -> Result<Vec<Message>, StoreError> {
        let messages = self.shared.store.conversation(id, after, limit).await?;
        self.known(messages.iter().map(|message| message.seq).max()).await;
        Ok(messages)
    }

    /// The events after `after`: from memory if they are still there.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<Arc<Logged>>, StoreError> {
        match self.hub().since(after, limit) {
            Ok(events) => Ok(events),
            Err(_) => {
                let mut events = self.shared.store.events(after, limit).await?;
                events.truncate(limit);
                Ok(events.into_iter().map(Arc::new).collect())
            }
        }
    }

    /// Waits until the state and the log have the event `seq`, which is committed.
    async fn known(&self, seq: Option<u64>) {
        let Some(seq) = seq else { return };
        if self.hub().watch_head().wait_for(|head| *head >= seq).await.is_err() {
            tracing::debug!(seq, "the log ended before it had this event");
        }
    }

    /// The number of the oldest event that is kept.
    pub async fn oldest_event(&self) -> Result<Option<u64>, StoreError> {
        self.shared.store.oldest_event().await
    }
}
