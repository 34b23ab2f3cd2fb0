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
/// How long an engine may take to let anybody in.
const ENGINE: Duration = Duration::from_secs(3);

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

/// Whether only this user can read prompts and pictures.
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
    Check::ok("privacy", "no other user of this machine can read prompts and pictures")
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
        let here = its.on.iter().map(|(device, placement)| (format!("{backend}.on.{device}"), &placement.secrets));
        let everywhere = (backend.clone(), &its.secrets);
        for (place, (name, secret)) in std::iter::once(everywhere)
            .chain(here)
            .flat_map(|(place, secrets)| secrets.iter().map(move |one| (place.clone(), one)))
        {
            count += 1;
            if let Err(error) = secret.read() {
                let advice = format!("set it, or change backend.{place}.secrets.{name}");
                return Check::fail("secrets", format!("{:#}", anyhow::Error::from(error)), advice);
            }
        }
    }
    match count {
        0 => Check::ok("secrets", "none needed"),
        count => Check::ok("secrets", format!("{count} can be read")),
    }
}

/// Whether the engines of the default backend listen: on each of its devices it may have another.
pub(in crate::cli) async fn engine(config: &Config) -> Check {
    let name = &config.default_backend;
    let mut reached: Vec<String> = Vec::new();
    for (backend, device) in
        config.backends.get(name).iter().flat_map(|backend| backend.devices.iter().map(move |device| (backend, device)))
    {
        for host in backend.placed(device).allow_hosts {
            if reached.contains(&host) {
                continue;
            }
            let cause = match timeout(ENGINE, TcpStream::connect(&host)).await {
                Ok(Ok(_)) => {
                    reached.push(host);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", ENGINE.as_secs()),
            };
            let own = backend.on.get(device).is_some_and(|placement| placement.allow_hosts.is_some());
            let place = if own { format!("backend.{name}.on.{device}") } else { format!("backend.{name}") };
            let advice = format!("start the engine, or correct {place}.allow_hosts and {place}.config");
            return Check::fail("engine", format!("backend {name} cannot reach {host} on {device}: {cause}"), advice);
        }
    }
    match reached.is_empty() {
        true => Check::ok("engine", format!("none needed: backend {name} uses no network")),
        false => Check::ok("engine", format!("backend {name} reaches {}", reached.join(", "))),
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
    use crate::config::{Backend as Configured, Placement, Secret};

    fn on_two_devices(second: Placement) -> Config {
        let mut config = Config::default();
        let mut forge = Configured::builtin("forge", "gpu0");
        forge.devices.push("gpu1".to_owned());
        forge.on.insert("gpu1".to_owned(), second);
        config.backends.insert("forge".to_owned(), forge);
        "forge".clone_into(&mut config.default_backend);
        config
    }

    #[tokio::test]
    async fn the_engine_of_each_device_is_looked_for() {
        let here =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
        let config = on_two_devices(Placement { allow_hosts: Some(vec![here.clone()]), ..Placement::default() });

        let found = engine(&config).await;

        assert_eq!(found.verdict, Verdict::Fail, "nobody listens there any more");
        assert!(
            found.finding.starts_with(&format!("backend forge cannot reach {here} on gpu1: ")),
            "{}",
            found.finding
        );
        let advice = "start the engine, or correct backend.forge.on.gpu1.allow_hosts and backend.forge.on.gpu1.config";
        assert_eq!(found.advice.as_deref(), Some(advice));
    }

    #[test]
    fn the_secrets_of_each_device_are_looked_for() {
        let secret = Secret::Env("EASEL_TEST_NO_SUCH_VARIABLE".to_owned());
        let placement = Placement { secrets: [("key".to_owned(), secret)].into(), ..Placement::default() };

        let found = secrets(&on_two_devices(placement));

        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!(found.advice.as_deref(), Some("set it, or change backend.forge.on.gpu1.secrets.key"));
    }

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
