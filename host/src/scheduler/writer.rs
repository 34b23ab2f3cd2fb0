//! The writer's loop: take what waits, decide it in order on a draft, commit the draft, tell.

use std::sync::Arc;

use anyhow::Context as _;
use easel_core::command::Names;
use easel_core::decide::Limits;
use easel_core::{Cold, Draft, Refusal, Reply, State, decide};
use tokio::sync::mpsc;

use super::{Envelope, Rejected, Shared};
use crate::store::{Committed, StoreError};
use crate::time;

/// How many commands make a batch: beyond this, a longer transaction costs each caller more than it saves all of them.
const BATCH: usize = 64;

pub(super) struct Writer {
    shared: Arc<Shared>,
    commits: u64,
    limits: Limits,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, commits: u64, limits: Limits) -> Self {
        Self { shared, commits, limits }
    }

    /// Ends when the host closes, or when it is unknown what the store holds: then the process must not go on.
    pub(super) async fn run(
        mut self,
        mut urgent: mpsc::Receiver<Envelope>,
        mut ordinary: mpsc::Receiver<Envelope>,
    ) -> anyhow::Result<()> {
        let closed = self.shared.closed.clone();
        loop {
            // A device stands idle until its outcome and its next claim are written: those go first.
            let first = tokio::select! {
                biased;
                Some(envelope) = urgent.recv() => envelope,
                Some(envelope) = ordinary.recv() => envelope,
                () = closed.cancelled() => return Ok(()),
            };
            let mut batch = vec![first];
            while batch.len() < BATCH {
                match urgent.try_recv().or_else(|_| ordinary.try_recv()) {
                    Ok(envelope) => batch.push(envelope),
                    Err(_) => break,
                }
            }
            self.write(batch).await.context("the store and this process may not agree any more")?;
            // The callers have their answers; whoever comes now waits for this.
            self.shared.store.flush_if_due().await.context("the store cannot go on")?;
        }
    }

    async fn write(&mut self, batch: Vec<Envelope>) -> Result<(), StoreError> {
        let Some(batch) = self.attempt(batch, true).await? else { return Ok(()) };
        // Together they failed. Singly, those that can be written are, and the others learn why not.
        for envelope in batch {
            self.attempt(vec![envelope], false).await?;
        }
        Ok(())
    }

    /// Decides and commits a batch. Gives it back, unanswered, if the commit did not take place and `again` says that it
    /// will be tried another way.
    async fn attempt(&mut self, batch: Vec<Envelope>, again: bool) -> Result<Option<Vec<Envelope>>, StoreError> {
        let cold = match self.load(&batch).await {
            Ok(cold) => cold,
            Err(error) => {
                tracing::error!("cannot read what {} commands need: {error}", batch.len());
                refuse_all(batch, &error);
                return Ok(None);
            }
        };
        let now = time::now();
        let mut draft = Draft::new(State::clone(&self.shared.state.load()), cold);
        let decisions: Vec<Result<Reply, Refusal>> =
            batch.iter().map(|envelope| decide(&mut draft, envelope.command.clone(), self.limits, now)).collect();

        if !draft.changes.is_empty() || !draft.events.is_empty() {
            match self.shared.store.commit(&draft, self.commits + 1).await? {
                Committed::Yes(logged) => {
                    self.commits += 1;
                    self.shared.state.store(Arc::new(draft.state));
                    self.shared.hub.publish(logged);
                }
                Committed::No(error) => {
                    tracing::error!("a commit of {} commands failed, nothing was written: {error}", batch.len());
                    if again && batch.len() > 1 {
                        return Ok(Some(batch));
                    }
                    refuse_all(batch, &error);
                    return Ok(None);
                }
            }
        }
        for (envelope, decision) in batch.into_iter().zip(decisions) {
            answer(envelope, decision.map_err(Rejected::Refused));
        }
        Ok(None)
    }

    /// The rows that these commands name and that the state does not hold.
    async fn load(&self, batch: &[Envelope]) -> Result<Cold, StoreError> {
        let mut names = Names::default();
        batch.iter().for_each(|envelope| envelope.command.name_into(&mut names));
        let state = self.shared.state.load();
        names.jobs.retain(|id| state.job(*id).is_none());

        let store = &self.shared.store;
        let keys = store.keys(&names.keys).await?;
        let jobs = store.jobs_by_id(&names.jobs).await?;
        let messages = store.message_heads(&names.messages).await?;
        let mut cold = Cold {
            jobs: jobs.into_iter().map(|job| (job.id, Arc::new(job))).collect(),
            messages: messages.into_iter().collect(),
            keys: keys.into_iter().map(|used| ((used.owner.clone(), used.key.clone()), used)).collect(),
        };
        let mut more = Names::default();
        batch.iter().for_each(|envelope| envelope.command.name_more(&cold, &mut more));
        more.jobs.retain(|id| state.job(*id).is_none() && !cold.jobs.contains_key(id));
        cold.jobs.extend(store.jobs_by_id(&more.jobs).await?.into_iter().map(|job| (job.id, Arc::new(job))));
        Ok(cold)
    }
}

fn refuse_all(batch: Vec<Envelope>, error: &StoreError) {
    for envelope in batch {
        answer(envelope, Err(Rejected::Store(error.to_string())));
    }
}

fn answer(envelope: Envelope, answer: Result<Reply, Rejected>) {
    // A caller that has gone away (a closed connection) has no use for its answer; what it asked for is done all the same.
    if envelope.answer.send(answer).is_err() {
        tracing::debug!("the caller of a command did not wait for its answer");
    }
}
