//! What every test stands on: the real process, and the three ways to talk to it.
//!
//! ```ignore
//! let mut host = Host::start().await;                     // `easel serve` in a temporary home, ready
//! let api = host.api();                                   // HTTP; cheap to clone, knows this start's address
//! let job = api.submit(json!({"steps": 3})).await;        // POST /v1/jobs to the fakes: 201 or panic
//! let done = api.until(&job["id"], "complete").await;     // polls with a bound; panics when it ended otherwise
//! let mut ws = Socket::connect(&api, None, &[]).await;    // WebSocket: since, filters
//! let seen = ws.until_mark().await;                       // every frame up to and including the next `mark`
//! let frame = ws.next_matching(BOUND, |f| f["event"] == "started").await;   // skips others, keeps them in `ws.frames`
//! host.kill().await;                                      // SIGKILL and reap
//! host.start_again().await;                               // same home, new port: take a new `host.api()`
//! host.stop().await;                                      // SIGTERM; the exit code
//! ```
//!
//! - A [`Home`] is what outlives the process: configuration, data directory, flags. `Home::with(Config { .. })` changes
//!   the configuration, [`Home::start`] gives a [`Host`], [`Home::fails_to_start`] the exit of one that must not start.
//! - [`Host::api`]/[`Api::submit_job`]/[`Api::until`] panic with the whole reply when it is not what the test said; for
//!   tests in which the host may die at any moment there are [`Api::attempt`] and [`Socket::try_connect`]/
//!   [`Socket::try_next`], which give errors back.
//! - [`Api::hold_device`] occupies the device for as long as the test wants, [`Api::release`] ends that.
//! - [`history`] is the durable log from a cursor to now: the order in which things really happened.
//! - [`Seed`] and [`Random`] are chance that can be had again: a failure prints the seed.
//! - [`Browser`] is a real one, for the page.
//! - [`Forge`] is a simulated Stable Diffusion WebUI Forge on a socket of its own.
//! - The host's standard error is kept ([`Host::log`], [`Host::errors_logged`]); a failing test prints its tail.
//!
//! Nothing here sleeps in order to wait for something to happen: tests wait for the event (WebSocket) or, where there is
//! none, for a condition with [`eventually`]. No test asserts how long anything took.
#![allow(dead_code, reason = "each theme uses its own part of the harness")]

pub mod api;
pub mod browser;
pub mod cli;
pub mod forge;
pub mod home;
pub mod host;
pub mod process;
pub mod random;
pub mod raw;
pub mod socket;

pub use api::{Api, Reply};
pub use browser::Browser;
pub use cli::{Exit, easel};
pub use forge::Forge;
pub use home::{Config, Home};
pub use host::Host;
pub use random::{Random, Seed};
pub use socket::{Next, Socket, history};

use std::time::{Duration, Instant};

/// How long anything may take before a test calls it hung. Generous: two noisy cores run several hosts at once.
pub const BOUND: Duration = Duration::from_secs(60);

/// Lets this process have as many connections open as it may: tests that flood a host need thousands.
pub fn open_many() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("raise the limit of open files");
}

/// Asks until there is an answer, at most [`BOUND`] long. `what` completes "gave up waiting for …".
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
