//! Whether the host lives, and whether it is of use.

use easel_core::Actor;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use easel_wire::{Alive, Ready};
use tokio::time::timeout;

use crate::backends::{Entry, Standing};
use crate::web::answer::reply;
use crate::web::{Answer, Host, Problem};

/// A store that takes longer to read one row is not ready for anybody.
const PATIENCE: Duration = Duration::from_secs(5);

pub(in crate::web) async fn alive(_: Arc<Host>, _: Actor) -> Answer {
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

pub(in crate::web) async fn ready(host: Arc<Host>, _: Actor) -> Answer {
    host.takes_jobs()?;
    if let Some(why) = unfit(&host) {
        return Err(Problem::not_ready(why));
    }
    match timeout(PATIENCE, host.scheduler.answers()).await {
        Ok(Ok(())) => Ok(reply::json(&Ready { status: "ready".to_owned(), broken: broken(&host) })),
        Ok(Err(error)) => Err(Problem::not_ready(format!(
            "the store cannot be read: {error}. Look at the host's log; if it stays so, stop the host and start it again"
        ))),
        Err(_) => Err(Problem::not_ready(format!(
            "the store has not answered for {} s, and may be busy: try again. If it stays so, look at the host's log",
            PATIENCE.as_secs()
        ))),
    }
}

/// Why the host is of no use now, as far as that can be told without asking the store.
fn unfit(host: &Host) -> Option<String> {
    let default = &host.config.default_backend;
    match host.registry.entry(default).map(|entry| entry.standing) {
        Some(Standing::Ready(_)) => {}
        Some(Standing::Loading) => {
            return Some(format!(
                "the default backend {default} is still being compiled: wait until it is, jobs do so too"
            ));
        }
        Some(Standing::Broken(reason)) => {
            return Some(format!(
                "the default backend {default} is broken, and its jobs wait: {reason}. Mend that, or name another \
                 default_backend, and start the host again"
            ));
        }
        None => {
            return Some(format!(
                "the default backend {default} is not configured: add it, or name another default_backend"
            ));
        }
    }
    if let Some(full) = &host.scheduler.state().queue().full {
        let reason = full.reason.as_deref().unwrap_or("the disk is full");
        return Some(format!(
            "no job is started: {reason} (retention.disk_reserve). Make room there, and jobs start by themselves"
        ));
    }
    host.scheduler.blocked().map(|error| format!("nothing can be written: {error}"))
}
