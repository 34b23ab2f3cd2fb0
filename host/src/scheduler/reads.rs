//! Reading what was committed: from the state what has not ended, from the store what has.

use std::sync::Arc;

use easel_core::{Job, JobId, KeyUse, Message, MessageId, Ticket};

use super::Scheduler;
use crate::events::Logged;
use crate::store::{JobFilter, StoreError};

impl Scheduler {
    /// A job, ended or not.
    pub async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, StoreError> {
        if let Some(job) = self.state().job(id) {
            return Ok(Some(job.clone()));
        }
        Ok(self.shared.store.job(id).await?.map(Arc::new))
    }

    /// The jobs that match, newest arrival first, of tickets below `before`.
    pub async fn jobs(&self, filter: &JobFilter, before: Option<Ticket>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.shared.store.jobs(filter, before, limit).await
    }

    /// The jobs of these ids, as far as there are any.
    pub async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        self.shared.store.jobs_by_id(ids).await
    }

    /// What an idempotency key stands for.
    pub async fn key(&self, owner: &str, key: &str) -> Result<Option<KeyUse>, StoreError> {
        Ok(self.shared.store.keys(&[(owner.to_owned(), key.to_owned())]).await?.pop())
    }

    /// A message.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.shared.store.message(id).await
    }

    /// The messages of a conversation in order, after the one with ticket `after`.
    pub async fn conversation(&self, id: &str, after: u64, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.shared.store.conversation(id, after, limit).await
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

    /// The number of the oldest event that is kept.
    pub async fn oldest_event(&self) -> Result<Option<u64>, StoreError> {
        self.shared.store.oldest_event().await
    }
}
