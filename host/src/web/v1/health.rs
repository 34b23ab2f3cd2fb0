//! Whether the host lives, and whether it is of use.

use easel_core::Actor;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use easel_wire::{Alive, Ready};
use tokio::time::timeout;

use crate::backends::{Entry, Standing};
use crate::store::StoreError;
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
    match silence(PATIENCE, host.scheduler.answers()).await {
        None => Ok(reply::json(&Ready { status: "ready".to_owned(), broken: broken(&host) })),
        Some(why) => Err(Problem::not_ready(why)),
    }
}

/// Why the store is of no use, if a read of it does not succeed.
async fn silence(patience: Duration, reading: impl Future<Output = Result<(), StoreError>>) -> Option<String> {
    match timeout(patience, reading).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!(
            "the store cannot be read: {error}. Look at the host's log; if that does not help, stop the host and start it again"
        )),
        Err(_) => Some(format!(
            "the store has not answered for {} s, and may be busy: try again. If that does not help, look at the host's log",
            patience.as_secs()
        )),
    }
}

/// Why the host is of no use now, as far as that can be told without asking the store.
fn unfit(host: &Host) -> Option<String> {
    let default = &host.config.default_backend;
    let standing = host.registry.entry(default).map(|entry| entry.standing);
    let disk = || host.scheduler.state().queue().full.as_ref().map(|pause| full(pause.reason.as_deref()));
    cannot_run(default, standing).or_else(disk).or_else(|| host.scheduler.blocked().map(|error| unwritable(&error)))
}

/// Why jobs of the default backend do not run.
fn cannot_run(default: &str, standing: Option<Standing>) -> Option<String> {
    match standing {
        Some(Standing::Ready(_)) => None,
        Some(Standing::Loading) => Some(format!(
            "the default backend {default} is still being compiled, and its jobs wait for it: try again in a moment"
        )),
        Some(Standing::Broken(reason)) => Some(format!(
            "the default backend {default} is broken, and its jobs wait: {reason}. Correct that, or set another \
             default_backend, and start the host again"
        )),
        None => Some(format!(
            "the default backend {default} is not configured: add it, or set another default_backend, and start the host again"
        )),
    }
}

fn full(reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("the disk is nearly full");
    format!(
        "no jobs are started: {reason} (retention.disk_reserve). Make room on that disk, and they start by themselves"
    )
}

fn unwritable(error: &StoreError) -> String {
    format!("nothing can be written: {error}. Once it can, the host goes on by itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_says_nothing_or_that_it_failed_is_told_with_what_to_do() {
        assert_eq!(silence(PATIENCE, async { Ok(()) }).await, None);
        let silent = "the store has not answered for 0 s, and may be busy: try again. If that does not help, look at the host's log";
        assert_eq!(silence(Duration::ZERO, std::future::pending()).await.as_deref(), Some(silent));
        let failed = "the store cannot be read: the database failed: no such table. Look at the host's log; if that does not help, \
                      stop the host and start it again";
        let failing = async { Err(StoreError::Database("no such table".into())) };
        assert_eq!(silence(PATIENCE, failing).await.as_deref(), Some(failed));
    }

    #[test]
    fn a_default_backend_that_cannot_run_is_told_with_what_to_do() {
        for (standing, told) in [
            (
                Some(Standing::Loading),
                "the default backend forge is still being compiled, and its jobs wait for it: try again in a moment",
            ),
            (
                Some(Standing::Broken("x.wasm is not a component".into())),
                "the default backend forge is broken, and its jobs wait: x.wasm is not a component. Correct that, or set another \
                 default_backend, and start the host again",
            ),
            (
                None,
                "the default backend forge is not configured: add it, or set another default_backend, and start the host again",
            ),
        ] {
            assert_eq!(cannot_run("forge", standing).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        assert_eq!(
            full(Some("the disk is nearly full, less than 1.0 GiB is free")),
            "no jobs are started: the disk is nearly full, less than 1.0 GiB is free (retention.disk_reserve). Make room on that \
             disk, and they start by themselves"
        );
        let error = StoreError::NoRoom { directory: "/data/store".into(), needed: bytesize::ByteSize::mib(64) };
        assert_eq!(
            unwritable(&error),
            "nothing can be written: there is no room on the disk for the database: make 64.0 MiB free on the disk of \
             /data/store; everything in it is safe. Once it can, the host goes on by itself"
        );
    }
}
