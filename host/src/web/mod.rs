//! The web server: HTTP and the way in to the WebSocket.
//!
//! - `server` takes connections, `places` has one for each and says who gives way, by the `pace` that `watched` tells it.
//! - `guard` and `neighbours` decide who may talk at all, `caller` says who asks; what they may do is decided in the core.
//! - `routes` is the table of what there is: it gives the handlers in `v1` what `extract` makes of a request, and they
//!   `answer`.
//! - `page` is what people see, and `client.js` for pages of their own.
//! - `faces` are other APIs by which pictures can be made.
//! - `websocket` is the protocol of both sockets: `ws` follows events, `lease` lends a device to a command.

mod answer;
mod caller;
mod connection;
mod extract;
mod faces;
mod guard;
mod lease;
mod neighbours;
mod pace;
mod page;
mod places;
mod routes;
mod server;
mod v1;
mod watched;
mod websocket;
mod ws;

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

use answer::problem::Problem;
pub use places::{LEAST_FILES, Shares};
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
