//! The web server: HTTP and the way in to the WebSocket.
//!
//! - `server` takes connections, `places` has one for each and says who gives way, by the `pace` that `watched` tells it.
//! - `guard`, `neighbours` and `cors` decide who may talk at all, `routes` is the table of what there is.
//! - One file a resource: `submit`, `jobs`, `list`, `artifacts`, `uploads`, `messages`,
//!   `conversations`, `queue`, `backends`, `events`, `health`,
//!   `upgrade` (of a request to a `socket`), `lease` (of a device to a command).
//! - `caller` says who asks; what they may do is decided in the core.
//! - What they share: `coding`, `body`, `query` and `segment` read requests, `reply` and `problem` write answers, `websocket` is the protocol.
//!
//! A handler is `async fn(Arc<Host>, Actor, …) -> Answer`. It checks the shape of what was asked, turns it into a command or a
//! read, and shows what came of it. It decides nothing: that is the scheduler's.

mod artifacts;
mod backends;
mod batches;
mod body;
mod caller;
mod coding;
mod connection;
mod conversations;
mod cors;
mod envelope;
mod events;
mod guard;
mod health;
mod jobs;
mod lease;
mod list;
mod messages;
mod neighbours;
mod pace;
mod places;
mod problem;
mod query;
mod queue;
mod range;
mod reply;
mod routes;
mod segment;
mod server;
mod socket;
mod submit;
mod upgrade;
mod uploads;
mod watched;
mod websocket;

use std::sync::Arc;

use easel_core::State;
use tokio_util::sync::CancellationToken;

use crate::artifacts::Files;
use crate::backends::Registry;
use crate::config::Config;
use crate::devices::Devices;
use crate::leases::Holders;
use crate::scheduler::Scheduler;
use crate::show::{Links, Show};
use crate::upkeep::DiskWatch;

pub use places::{LEAST_FILES, Shares};
use problem::Problem;
pub use server::serve;

/// What handlers work with. The same for all of them.
pub struct Host {
    /// What the operator decided.
    pub config: Config,
    /// Carries out commands, and reads.
    pub scheduler: Scheduler,
    /// What jobs can be for.
    pub registry: Arc<Registry>,
    /// Uploads, artifacts and logs.
    pub files: Files,
    /// The way to the devices.
    pub devices: Devices,
    /// Knows how much the disk may still take.
    pub disk: Arc<DiskWatch>,
    /// Those who hold a device for a command that they run.
    pub holders: Holders,
    /// Where things are.
    pub links: Links,
    /// Fires when the host is told to stop: what runs is still answered for, and nothing new is taken.
    pub stopping: CancellationToken,
}

impl Host {
    /// Refuses what would wait in line when the host is told to stop: whoever asks is to know that it does not start now.
    fn takes_jobs(&self) -> Result<(), Problem> {
        if self.stopping.is_cancelled() { Err(Problem::closing()) } else { Ok(()) }
    }

    /// Shows what there is as of this state.
    fn show<'a>(&'a self, state: &'a State) -> Show<'a> {
        Show { state, hub: self.scheduler.hub(), links: &self.links }
    }
}

/// What a handler comes to.
type Answer = Result<warp::reply::Response, Problem>;
