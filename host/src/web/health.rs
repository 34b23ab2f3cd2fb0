//! Whether the host lives, and whether it is of use.

use easel_core::Actor;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use easel_wire::{Alive, Ready};
use tokio::time::timeout;

use super::{Answer, Host, Problem, reply};
use crate::backend::{Entry, Standing};

/// A store that takes longer to read one row is not ready for anybody.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn alive(_: Arc<Host>, _: Actor) -> Answer {
    Ok(reply::json(&Alive { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }))
}

/// The backends that cannot run, each with its reason.
fn broken(host: &Host) -> BTreeMap<String, String> {
    let broken = |entry: Entry<'_>| match entry.standing {
        Standing::Broken(reason) => Some((entry.name.to_owned(), reason)),
        Standing::Ready(_) | Standing::Loading => None,
    };
    host.registry.entries().filter_map(broken).collect()
}

pub(super) async fn ready(host: Arc<Host>, _: Actor) -> Answer {
    host.takes_jobs()?;
    let default = &host.config.default_backend;
    match host.registry.entry(default).map(|entry| entry.standing) {
        Some(Standing::Ready(_)) => {}
        Some(Standing::Loading) => {
            return Err(Problem::not_ready(format!("the default backend {default} is still being compiled")));
        }
        Some(Standing::Broken(reason)) => {
            return Err(Problem::not_ready(format!("the default backend {default} is broken: {reason}")));
        }
        None => return Err(Problem::not_ready(format!("the default backend {default} is not configured"))),
    }
    if let Some(full) = &host.scheduler.state().queue().full {
        let detail = format!("no job is started: {}", full.reason.as_deref().unwrap_or("the disk is full"));
        return Err(Problem::not_ready(detail));
    }
    if let Some(error) = host.scheduler.blocked() {
        return Err(Problem::not_ready(format!("nothing can be written: {error}")));
    }
    match timeout(PATIENCE, host.scheduler.answers()).await {
        Ok(Ok(_)) => Ok(reply::json(&Ready { status: "ready".to_owned(), broken: broken(&host) })),
        Ok(Err(error)) => Err(Problem::not_ready(format!("the store cannot be read: {error}"))),
        Err(_) => {
            Err(Problem::not_ready(format!("the store has not answered for {} s: try again", PATIENCE.as_secs())))
        }
    }
}
