//! The writer's loop: take what waits, decide it in order on a draft, commit the draft, tell.

use std::sync::Arc;

use anyhow::Context as _;
use easel_core::actor::EASEL;
use easel_core::command::NewJob;
use easel_core::decide::Limits;
use easel_core::{Actor, Command, Draft, Refusal, Reply, State, decide};
use tokio::sync::mpsc;

use super::{Envelope, Rejected, Shared};
use crate::store::{Committed, StoreError};

/// How many rows make a batch: beyond this, a longer transaction costs each caller more than it saves all of them.
const ROWS: usize = 64;
/// How many bytes make a batch: what one transaction writes has to fit into the engine's memory beside its log.
const BYTES: usize = 4 * 1024 * 1024;

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
            let (mut rows, mut bytes) = self.weight(&first.command);
            let mut batch = vec![first];
            while rows < ROWS && bytes < BYTES {
                let Ok(envelope) = urgent.try_recv().or_else(|_| ordinary.try_recv()) else { break };
                let more = self.weight(&envelope.command);
                (rows, bytes) = (rows + more.0, bytes + more.1);
                batch.push(envelope);
            }
            self.shared.store.check_places()?;
            self.write(batch).await.context("the store and this process may not agree any more")?;
            // The callers have their answers; whoever comes now waits for this.
            self.shared.store.maintain().await.context("the store cannot go on")?;
        }
    }

    /// About how many rows a command writes, and how many bytes.
    fn weight(&self, command: &Command) -> (usize, usize) {
        let job = |new: &NewJob| new.params.text().len() + new.metadata.text().len() + 40 * new.depends_on.len();
        match command {
            Command::Submit(new) => (1, job(new)),
            Command::SubmitBatch { jobs, .. } => (jobs.len(), jobs.iter().map(job).sum()),
            Command::CancelMany { .. } | Command::Proceed | Command::Due => (self.limits.slice, 0),
            Command::Prune { jobs, keys } => (jobs.len() + keys.len() + 1, 0),
            Command::CreateMessage(new) => (1, new.content.len()),
            Command::PatchMessage { content, .. } => (1, content.as_ref().map_or(0, String::len)),
            _ => (1, 0),
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
        let state = self.shared.state.load_full();
        let commands: Vec<&Command> = batch.iter().map(|asked| &asked.command).collect();
        let cold = match self.shared.store.cold(&state, &commands).await {
            Ok(cold) => cold,
            Err(error) => {
                tracing::error!("cannot read what {} commands need: {error}", batch.len());
                refuse_all(batch, &error);
                return Ok(None);
            }
        };
        let mut draft = Draft::new(State::clone(&state), cold);
        let (now, set) = self.shared.clock.look(draft.state.clock().shift);
        if let Some(Err(refused)) =
            set.map(|by| decide(&mut draft, &Actor::host(EASEL), Command::ClockSet { by }, self.limits, now))
        {
            tracing::error!("cannot record that the wall clock was set: {refused}");
        }
        let decisions: Vec<Result<Reply, Refusal>> = batch
            .iter()
            .map(|asked| decide(&mut draft, &asked.actor, asked.command.clone(), self.limits, now))
            .collect();

        if !draft.changes.is_empty() || !draft.events.is_empty() {
            match self.shared.store.commit(&draft, self.commits + 1, now).await? {
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
