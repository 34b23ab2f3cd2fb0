//! Reading what was committed: from the state what has not ended, from the store what has.
//!
//! A row is in the store a moment before the state and the log have it, and gone from it a moment before they know. Whoever
//! read the one and then asked the other would be told what was before; so nobody is given a row, nor told that there is none,
//! before everybody can know of it.
//!
//! Everything is read for somebody, who is given what they see.

use std::collections::HashMap;
use std::sync::Arc;

use easel_core::{
    BatchId, Job, JobId, KeyOf, KeyUse, Message, MessageId, Party, Remains, State, Ticket, Timestamp, Viewer,
};

use super::Scheduler;
use crate::events::Logged;
use crate::store::{Conversation, JobFilter, Page, StoreError};

/// How often jobs are read until none has arrived anew meanwhile.
const TRIES: u32 = 8;

impl Scheduler {
    /// A job, ended or not.
    pub async fn job(&self, viewer: &Viewer, id: JobId) -> Result<Option<Arc<Job>>, StoreError> {
        let job = match self.state().job(id) {
            Some(job) => Some(job.clone()),
            None => self.jobs_by_id(viewer, &[id]).await?.pop().map(Arc::new),
        };
        Ok(job.filter(|job| viewer.sees_job(job)))
    }

    /// The jobs that match, newest arrival first, of tickets below `before`.
    pub async fn jobs(&self, filter: &JobFilter, before: Option<Ticket>, limit: usize) -> Result<Page, StoreError> {
        let page = self.shared.store.page(filter, before, limit).await?;
        // Some that were between these may be gone.
        self.all_known().await?;
        Ok(page)
    }

    /// The jobs whose id begins or ends with `part`, `limit` at the most.
    pub async fn jobs_like(&self, viewer: &Viewer, part: &str, limit: usize) -> Result<Vec<Job>, StoreError> {
        let newest = self.state().ticket;
        let mut jobs = self.shared.store.jobs_like(viewer, part, newest, limit).await?;
        self.all_known().await?;
        jobs.retain(|job| viewer.sees_job(job));
        Ok(jobs)
    }

    /// The jobs of these ids, as far as there are any.
    pub async fn jobs_by_id(&self, viewer: &Viewer, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let mut jobs = self.shared.store.jobs_by_id(ids).await?;
        match jobs.len() == ids.len() {
            true => self.known(jobs.iter().map(|job| job.seq).max()).await,
            false => self.all_known().await?,
        }
        jobs.retain(|job| viewer.sees_job(job));
        Ok(jobs)
    }

    /// The jobs of these ids, as far as there are any, and the one state that all of them are of: two rows that were read one after
    /// the other, or before the places in line, may never have been so together. `rows` are those that were read already.
    pub async fn in_one_state(
        &self,
        viewer: &Viewer,
        ids: &[JobId],
        rows: Vec<Job>,
    ) -> Result<(Arc<State>, Vec<Arc<Job>>), StoreError> {
        let ended =
            |rows: Vec<Job>| rows.into_iter().filter(|job| job.status.ended()).map(|job| (job.id, Arc::new(job)));
        let mut known: HashMap<JobId, Arc<Job>> = ended(rows).collect();
        for again in (0..TRIES).rev() {
            let state = self.state();
            let unknown = |id: &&JobId| state.job(**id).is_none() && !known.contains_key(*id);
            let unknown: Vec<JobId> = ids.iter().filter(unknown).copied().collect();
            let rows = if unknown.is_empty() { Vec::new() } else { self.jobs_by_id(viewer, &unknown).await? };
            // What has arrived anew since this state was taken belongs to a later one.
            let later = rows.iter().any(|job| !job.status.ended());
            known.extend(ended(rows));
            if !later || again == 0 {
                let jobs = ids.iter().filter_map(|id| state.job(*id).or_else(|| known.get(id)));
                let jobs = jobs.filter(|job| viewer.sees_job(job)).cloned().collect();
                return Ok((state, jobs));
            }
        }
        Ok((self.state(), Vec::new()))
    }

    /// The ids of the jobs of a batch, in its order; none if there is no such batch, or none of its jobs is seen.
    pub async fn batch(&self, viewer: &Viewer, id: BatchId) -> Result<Option<Vec<JobId>>, StoreError> {
        let ids = self.shared.store.batch(id).await?;
        if *viewer == Viewer::Everything {
            return Ok(ids);
        }
        let Some(mut ids) = ids else { return Ok(None) };
        // Those that are gone may have been theirs, as long as another one is.
        let (_, jobs) = self.in_one_state(&Viewer::Everything, &ids, Vec::new()).await?;
        let (seen, hidden): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| viewer.sees_job(job));
        ids.retain(|id| hidden.iter().all(|job| job.id != *id));
        Ok((!seen.is_empty()).then_some(ids))
    }

    /// What an idempotency key stands for, as long as it is honoured.
    pub async fn key(&self, party: &Party, key: &str) -> Result<Option<KeyUse>, StoreError> {
        let used = self.shared.store.keys(&[(party.clone(), key.to_owned())]).await?.pop();
        Ok(used.filter(|used| self.state().honours(used, &self.shared.retention, self.now())))
    }

    /// What ended jobs leave behind, as they ended: `limit` of them, after a time and a job, up to a time.
    pub async fn remains(
        &self,
        after: (Timestamp, Option<JobId>),
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Remains>, StoreError> {
        self.shared.store.remains(after, until, limit).await
    }

    /// The keys of deleted jobs that were used up to this time: `limit` of them.
    pub async fn orphans(&self, until: Timestamp, limit: usize) -> Result<Vec<KeyOf>, StoreError> {
        self.shared.store.orphans(until, limit).await
    }

    /// A message.
    pub async fn message(&self, viewer: &Viewer, id: MessageId) -> Result<Option<Message>, StoreError> {
        let message = self.shared.store.message(id).await?;
        self.known(message.as_ref().map(|message| message.seq)).await;
        Ok(message.filter(|message| viewer.sees_of(&message.owner, message.user.as_deref())))
    }

    /// The messages of a conversation in order, after the one with ticket `after`.
    pub async fn conversation(
        &self,
        viewer: &Viewer,
        id: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let messages = self.shared.store.conversation(viewer, id, after, limit).await?;
        self.known(messages.iter().map(|message| message.seq).max()).await;
        Ok(messages)
    }

    /// Conversations whose newest message has a ticket below `before`, newest first, and the ticket below which to go on.
    pub async fn conversations(
        &self,
        viewer: &Viewer,
        before: Option<Ticket>,
        limit: usize,
    ) -> Result<(Vec<Conversation>, Option<Ticket>), StoreError> {
        let page = self.shared.store.conversations(viewer, before, limit).await?;
        self.all_known().await?;
        Ok(page)
    }

    /// The events after `after`: from memory if they are still there. None if the log does not have all of them any more:
    /// while somebody reads, the oldest may go.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Option<Vec<Arc<Logged>>>, StoreError> {
        if let Ok(events) = self.hub().since(after, limit) {
            return Ok(Some(events));
        }
        let mut events = self.shared.store.events(after, limit).await?;
        events.truncate(limit);
        let whole = events.first().is_some_and(|first| first.event.seq == after + 1);
        self.known(events.last().map(|last| last.event.seq)).await;
        Ok(whole.then(|| events.into_iter().map(Arc::new).collect()))
    }

    /// Waits until the state and the log have whatever the store had before this was called.
    async fn all_known(&self) -> Result<(), StoreError> {
        self.known(Some(self.shared.store.seq())).await;
        Ok(())
    }

    /// Waits until the state and the log have the event `seq`, which is committed.
    async fn known(&self, seq: Option<u64>) {
        let Some(seq) = seq else { return };
        if self.hub().watch_head().wait_for(|head| *head >= seq).await.is_err() {
            tracing::debug!(seq, "the log ended before it had this event");
        }
    }

    /// Why nothing can be written, as far as that can be told.
    pub fn blocked(&self) -> Option<StoreError> {
        self.shared.store.blocked()
    }

    /// Whether the store can be read.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.shared.store.answers().await
    }
}

#[cfg(test)]
mod tests {
    use easel_core::command::NewJob;
    use easel_core::decide::Limits;
    use easel_core::policy::Backoff;
    use easel_core::state::Binding;
    use easel_core::{Actor, Command, Json, Retention};
    use uuid::Uuid;

    use super::super::Setup;
    use super::*;
    use crate::clock::Clock;
    use crate::store::{Embedded, Location, Sizes, Store};

    const LIMITS: Limits = Limits {
        max_waiting: 9,
        max_waiting_per_owner: 9,
        priority_worth: 1,
        slice: 9,
        retention: Retention::EVERYTHING,
    };

    #[tokio::test]
    async fn a_batch_is_there_for_those_who_see_a_job_of_it() {
        let data = tempfile::tempdir().unwrap();
        let sizes = Sizes { log: 1 << 20, memtable: 64 << 20 };
        let engine = Embedded::open(Location::Memory, sizes).await.unwrap();
        let opened = Store::open(Arc::new(engine), data.path()).await.unwrap();
        let binding = Binding::component(["gpu0"], "", Backoff { base: 1, max: 1 });
        let (devices, backends) = (vec!["gpu0".into()], vec![("stub".into(), binding)]);
        let (scheduler, _) =
            Scheduler::start(opened, Setup { devices, backends, limits: LIMITS, clock: Clock::default() });
        let of = |user: &str| Party { owner: "shop".into(), user: Some(user.into()) };
        let batch = BatchId(Uuid::now_v7());
        let ids = [1, 2].map(|number| JobId(Uuid::from_u128(number)));
        let job = |id| NewJob { batch_id: Some(batch), ..NewJob::new(id, "stub".into(), of("ann"), Json::null()) };
        let jobs = ids.map(job).into();
        scheduler.ask(Actor::local(), Command::SubmitBatch { batch, jobs }).await.unwrap();

        for (viewer, seen) in [
            (Viewer::Everything, Some(ids.to_vec())),
            (Viewer::Owner("shop".into()), Some(ids.to_vec())),
            (Viewer::Party(of("ann")), Some(ids.to_vec())),
            (Viewer::Party(of("bob")), None),
            (Viewer::Owner("other".into()), None),
        ] {
            assert_eq!(scheduler.batch(&viewer, batch).await.unwrap(), seen, "{viewer:?}");
        }
    }
}
