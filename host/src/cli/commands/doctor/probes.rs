//! How the doctor finds out. Nothing here changes anything: what is written is a temporary file that is gone at once.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use easel_wire::{Alive, Backend, Backends, HealthStatus};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::check::Check;
use crate::cli::client::problem::ClientError;
use crate::cli::client::{Client, Remote};
use crate::cli::out::text::one_line;
use crate::config::{Config, Database};
use crate::space;

/// Below this much room pictures stop soon; below the other, commits do.
const LITTLE_ROOM: ByteSize = ByteSize::gib(5);
const NO_ROOM: ByteSize = ByteSize::mib(256);
/// A disk that needs longer for one fsync is a hard disk, a network, or in trouble.
const SLOW_SYNC: Duration = Duration::from_millis(5);
const SYNCS: usize = 50;

/// The data directory: there, writable, roomy, quick.
pub(in crate::cli) fn directory(config: &Config) -> Vec<Check> {
    let data = config.data.as_path();
    let here = nearest(data);
    let sync = match median_sync(here) {
        Ok(sync) => sync,
        Err(error) => {
            let advice = format!("make {} a directory that this user can write to, or pass --data", here.display());
            return vec![Check::fail("data", format!("cannot write to {}: {error}", here.display()), advice)];
        }
    };
    let there = match data == here {
        true => Check::ok("data", format!("{} is writable", data.display())),
        false => Check::ok("data", format!("{} will be created in {}", data.display(), here.display())),
    };
    let mut checks = vec![there];
    if data == here {
        checks.push(privacy(config));
    }
    checks.extend([room(here), fsync(sync)]);
    checks
}

/// Whether only this user gets at prompts and pictures.
fn privacy(config: &Config) -> Check {
    let elsewhere = match &config.database {
        Database::SurrealKv(place) => Some(place),
        _ => None,
    };
    for place in std::iter::once(&config.data).chain(elsewhere) {
        // One that cannot be looked at is told of elsewhere.
        if space::is_open_to_others(place).unwrap_or_default() {
            let finding = format!("other users of this machine may look into {}", place.display());
            return Check::warn("privacy", finding, format!("run `{}`", space::cure(place)));
        }
    }
    Check::ok("privacy", "no other user of this machine gets at prompts and pictures")
}

/// The directory itself, or the one in which it would be made.
fn nearest(path: &Path) -> &Path {
    path.ancestors()
        .map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path })
        .find(|path| path.exists())
        .unwrap_or(path)
}

fn room(directory: &Path) -> Check {
    let free = match space::free(directory) {
        Ok(free) => ByteSize(free),
        Err(error) => return Check::warn("disk", format!("cannot tell how full it is: {error}"), "look with `df`"),
    };
    let finding = format!("{free} free");
    match free {
        free if free < NO_ROOM => Check::fail("disk", finding, "make room: on a full disk a host takes no jobs"),
        free if free < LITTLE_ROOM => Check::warn("disk", finding, "make room: pictures and the log grow"),
        _ => Check::ok("disk", finding),
    }
}

fn fsync(median: Duration) -> Check {
    let finding = format!("{:.2} ms, the median of {SYNCS}", median.as_secs_f64() * 1000.0);
    if median <= SLOW_SYNC {
        Check::ok("fsync", finding)
    } else {
        Check::warn(
            "fsync",
            finding,
            "put the data directory on a local SSD: every job that is submitted waits for one fsync",
        )
    }
}

fn median_sync(directory: &Path) -> io::Result<Duration> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; 512])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(SYNCS / 2).copied().unwrap_or_default())
}

/// Whether a host has the store open. The store's own lock tells; the file alone does not, since a crash leaves it.
pub(in crate::cli) fn lock(config: &Config) -> Check {
    let Some(path) = config.database.directory(&config.data).map(|store| store.join("LOCK")) else {
        return Check::warn(
            "store",
            "kept in memory only",
            "leave `database` out of the configuration for jobs that survive a restart",
        );
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Check::ok("store", "not created yet"),
        Err(error) => {
            let advice = format!("let this user read {}", path.display());
            return Check::warn("store", format!("cannot tell whether a host has it open: {error}"), advice);
        }
    };
    match file.try_lock() {
        Ok(()) => Check::ok("store", "there, and no host has it open"),
        Err(TryLockError::WouldBlock) => Check::ok("store", format!("a host has it open: {}", holder(&path))),
        Err(TryLockError::Error(error)) => {
            let advice = "put the data directory on a file system that supports locks";
            Check::fail("store", format!("cannot be locked: {error}"), advice)
        }
    }
}

fn holder(lock: &Path) -> String {
    let pid = std::fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok());
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// Whether every secret that a backend names can be read here.
pub(in crate::cli) fn secrets(config: &Config) -> Check {
    let mut count = 0;
    for (backend, its) in &config.backends {
        for (name, secret) in &its.secrets {
            count += 1;
            if let Err(error) = secret.read() {
                let advice = format!("set it, or change backend.{backend}.secrets.{name}");
                return Check::fail("secrets", format!("{:#}", anyhow::Error::from(error)), advice);
            }
        }
    }
    match count {
        0 => Check::ok("secrets", "none needed"),
        count => Check::ok("secrets", format!("{count} can be read")),
    }
}

/// Whether the default backend's engine listens.
pub(in crate::cli) async fn engine(config: &Config) -> Check {
    let name = &config.default_backend;
    let hosts = config.backends.get(name).map(|backend| backend.allow_hosts.as_slice()).unwrap_or_default();
    for host in hosts {
        let cause = match timeout(Duration::from_secs(3), TcpStream::connect(host)).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let advice = format!("start the engine, or correct backend.{name}.allow_hosts and backend.{name}.config");
        return Check::fail("engine", format!("backend {name} cannot reach {host}: {cause}"), advice);
    }
    match hosts.is_empty() {
        true => Check::ok("engine", format!("none needed: backend {name} uses no network")),
        false => Check::ok("engine", format!("backend {name} reaches {}", hosts.join(", "))),
    }
}

/// What a host that runs says of itself and of its backends; and that none does, where that is so.
pub(in crate::cli) async fn host(remote: &Remote) -> anyhow::Result<Vec<Check>> {
    let client = Client::new(remote)?;
    let server = client.server();
    let alive: Alive = match client.get(&["healthz"]).await.and_then(|answer| answer.parse()) {
        Ok(alive) => alive,
        Err(ClientError::Unreachable { cause, .. }) => {
            let advice = "start one with `easel serve`, or name another with --server URL";
            return Ok(vec![Check::warn("host", format!("no host answers at {server} ({cause})"), advice)]);
        }
        Err(error) => return Ok(vec![Check::fail("host", error.to_string(), "look into the log of the host")]),
    };
    let name = format!("Easel {} at {server}", alive.version);
    let mut checks = vec![match client.get(&["readyz"]).await {
        Ok(_) => Check::ok("host", format!("{name} takes jobs and starts them")),
        Err(error) => Check::fail("host", format!("{name} is not ready: {error}"), "look into the log of the host"),
    }];
    match client.get(&["v1", "backends"]).await.and_then(|answer| answer.parse()) {
        Ok(Backends { backends }) => checks.extend(backends.iter().map(backend)),
        Err(error) => checks.push(Check::fail("backend", error.to_string(), "look into the log of the host")),
    }
    Ok(checks)
}

/// How a backend of a host is, in the host's own words.
fn backend(backend: &Backend) -> Check {
    let default = if backend.default { ", the default," } else { "" };
    let is = |how: &str| format!("{}{default} {how}: {}", backend.name, one_line(&backend.health.detail));
    match backend.health.status {
        HealthStatus::Ok => Check::ok("backend", is("works")),
        HealthStatus::Loading => Check::warn("backend", is("is being loaded"), "wait, and ask again"),
        HealthStatus::Unknown => Check::warn("backend", is("has not answered yet"), "wait, and ask again"),
        HealthStatus::Unavailable => {
            let advice = format!("start its engine, or correct backend.{}.config; its jobs wait", backend.name);
            Check::fail("backend", is("has no engine"), advice)
        }
        HealthStatus::Failed => Check::fail("backend", is("could not be asked"), "look into the log of the host"),
        HealthStatus::Broken => {
            let advice = format!("correct backend.{}, and start the host again; its jobs wait", backend.name);
            Check::fail("backend", is("cannot be loaded"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::commands::doctor::check::Verdict;

    #[test]
    fn a_backend_that_does_not_work_is_a_failure_that_says_what_to_do() {
        for (status, verdict, words) in [
            ("ok", Verdict::Ok, "forge, the default, works: 3 models"),
            ("loading", Verdict::Warn, "forge, the default, is being loaded: 3 models"),
            ("unavailable", Verdict::Fail, "forge, the default, has no engine: 3 models"),
            ("broken", Verdict::Fail, "forge, the default, cannot be loaded: 3 models"),
        ] {
            let capabilities =
                json!({"allow_hosts": [], "timeout_s": 1.0, "stall_s": 1.0, "artifact_quota": 1, "max_attempts": 1});
            let found = json!({
                "name": "forge", "default": true, "device": "gpu0", "capabilities": capabilities,
                "health": {"status": status, "detail": "3 models"},
            });
            let told = backend(&serde_json::from_value(found).expect("a backend"));
            assert_eq!((told.verdict, told.finding.as_str(), told.advice.is_none()), (verdict, words, status == "ok"));
        }
    }
}
