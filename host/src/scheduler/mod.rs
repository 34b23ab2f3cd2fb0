//! The scheduler: the only writer, of everything.
//!
//! Commands go in, one commit at a time comes out, and then, in this order, the readers' state, the events and the
//! callers learn of it: nobody sees what a crash could take back. Reading needs no writer: `state` is the last committed
//! version of the queue, and ended jobs and messages come from the store.

mod reads;
mod timer;
mod writer;

use std::sync::Arc;

use arc_swap::ArcSwap;
use easel_core::actor::EASEL;
use easel_core::decide::Limits;
use easel_core::state::Binding;
use easel_core::{Actor, Command, Refusal, Reply, Retention, State, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::events::Hub;
use crate::store::{Opened, Store};

/// How many commands may wait for the writer before callers wait for room.
const BACKLOG: usize = 4096;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be written; nothing has changed.
    #[error("the store could not write: {0}")]
    Store(String),
    /// The host is stopping.
    #[error("Easel is stopping")]
    Closing,
}

/// A handle to the writer and to what it has committed.
#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    state: ArcSwap<State>,
    hub: Arc<Hub>,
    store: Store,
    urgent: mpsc::Sender<Envelope>,
    ordinary: mpsc::Sender<Envelope>,
    closed: CancellationToken,
    retention: Retention,
    clock: Clock,
}

/// A command on its way to the writer.
struct Envelope {
    actor: Actor,
    command: Command,
    answer: oneshot::Sender<Result<Reply, Rejected>>,
}

/// What the configuration says and the store does not.
pub struct Setup {
    /// The devices, by name.
    pub devices: Vec<String>,
    /// The backends, by name, with where and what they run.
    pub backends: Vec<(String, Binding)>,
    /// Limits of the queue.
    pub limits: Limits,
    /// The clocks of the machine.
    pub clock: Clock,
}

impl Scheduler {
    /// Starts the writer on an opened store. The handle ends when the writer has: when `close` was called and all that
    /// waited was written, or with an error when nobody can tell any more what the store holds.
    pub fn start(opened: Opened, setup: Setup) -> (Self, JoinHandle<anyhow::Result<()>>) {
        let last = opened.at;
        let (store, state, commits) = opened.rebuild(setup.devices, setup.backends);
        let clock = setup.clock;
        clock.begin(last, state.clock().shift);
        let (urgent, urgent_inbox) = mpsc::channel(BACKLOG);
        let (ordinary, ordinary_inbox) = mpsc::channel(BACKLOG);
        let hub = Arc::new(Hub::new(store.id().to_owned(), state.seq));
        let closed = CancellationToken::new();
        let (state, retention) = (ArcSwap::from_pointee(state), setup.limits.retention);
        let shared = Arc::new(Shared { state, hub, store, urgent, ordinary, closed, retention, clock });
        let writer = writer::Writer::new(shared.clone(), commits, setup.limits);
        let task = tokio::spawn(writer.run(urgent_inbox, ordinary_inbox));
        let scheduler = Self { shared };
        tokio::spawn(timer::run(scheduler.clone()));
        (scheduler, task)
    }

    /// The queue as of the last commit.
    pub fn state(&self) -> Arc<State> {
        self.shared.state.load_full()
    }

    /// What the wall clock says, in microseconds since the epoch.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The host's own time, in microseconds: that never jumps, wherever the wall clock is set.
    pub fn own_now(&self) -> Timestamp {
        self.state().clock().own(self.now())
    }

    /// The live news.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    /// Has what Easel does itself decided and written; returns once the commit is on disk.
    pub async fn send(&self, command: Command) -> Result<Reply, Rejected> {
        self.ask(Actor::host(EASEL), command).await
    }

    /// Has what somebody asks for decided and written; returns once the commit is on disk.
    pub async fn ask(&self, actor: Actor, command: Command) -> Result<Reply, Rejected> {
        let lane = if command.urgent() { &self.shared.urgent } else { &self.shared.ordinary };
        if self.shared.closed.is_cancelled() {
            return Err(Rejected::Closing);
        }
        let (answer, answered) = oneshot::channel();
        lane.send(Envelope { actor, command, answer }).await.map_err(|_| Rejected::Closing)?;
        answered.await.map_err(|_| Rejected::Closing)?
    }

    /// Lets the writer finish what waits, and end.
    pub fn close(&self) {
        self.shared.closed.cancel();
    }
}
