//! What a configuration must satisfy beyond its types. Every rule names its key and says what would satisfy it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use humantime::format_duration;
use serde_json::{Map, Value};

use super::{
    BUILTINS, Backend, Component, Config, ConfigError, Database, Device, Queue, Retention, Retry, Secret, Web, bounds,
};
use crate::choice::one_of;

/// Below, the database would do nothing but flush; above, a flush would take seconds.
const LOG: RangeInclusive<ByteSize> = ByteSize::kib(256)..=ByteSize::mib(256);

/// A body with as many params as are allowed must have room beside others.
const PARAMS: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize::mib(8);

/// The most that `command_grace` may be: more would keep a device from everybody for longer than they bear.
pub const LONGEST_GRACE: Duration = Duration::from_hours(1);

/// Less would end a command at the first hiccup.
const GRACE: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST_GRACE;

/// With 100 points, a million turns at the most.
const WORTH: RangeInclusive<u32> = 0..=10_000;

/// As many as a job may ask for itself.
const ATTEMPTS: RangeInclusive<u32> = 1..=100;

/// A guest is a 32-bit machine: more could never be used.
const MEMORY: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize::gib(4);

/// What is wrong, so far.
#[derive(Default)]
pub(super) struct Broken(pub(super) Vec<ConfigError>);

impl Broken {
    pub(super) fn ensure(&mut self, holds: bool, key: impl Into<String>, rule: impl FnOnce() -> String) {
        if !holds {
            self.0.push(ConfigError::invalid(key, rule()));
        }
    }
}

/// Adds all that is wrong with the configuration.
pub(super) fn check(broken: &mut Broken, config: &Config) {
    listen(broken, config);
    directory(broken, config);
    broken.time("shutdown_grace", config.shutdown_grace, &bounds::ANY_TIME);
    broken.time("command_grace", config.command_grace, &GRACE);
    broken.size("store.max_log", config.store.max_log, &LOG);
    web(broken, &config.web);
    queue(broken, &config.queue);
    retention(broken, &config.retention);
    let before = broken.0.len();
    devices(broken, config);
    let devices = (broken.0.len() == before).then_some(&*config.devices);
    for (name, value) in &config.backends {
        backend(broken, devices, name, value);
    }
    default_backend(broken, config)
}

fn listen(broken: &mut Broken, config: &Config) {
    let listen = config.listen;
    broken.ensure(listen.ip().to_canonical().is_loopback(), "listen", || {
        format!(
            "is {listen}, which other machines can reach. That needs tokens, and tokens are not supported yet: listen on \
             127.0.0.1:{}",
            listen.port()
        )
    })
}

/// To the database, where it lies is a part of an address.
fn directory(broken: &mut Broken, config: &Config) {
    let key = if config.database == Database::InData { "data" } else { "database" };
    let Some(directory) = config.database.directory(&config.data) else { return };
    broken.ensure(directory.to_str().is_some_and(|path| !path.contains('?')), key, || {
        format!(
            "the path {} cannot be that of a database: use one that is UTF-8 and has no question mark",
            directory.display()
        )
    });
}

fn web(broken: &mut Broken, web: &Web) {
    let default = Web::default();
    supported(broken, "web.trusted_proxies", web.trusted_proxies == default.trusted_proxies);
    supported(broken, "web.base_path", web.base_path == default.base_path);
    supported(broken, "web.public_url", web.public_url == default.public_url);
    for host in &web.hosts {
        broken.ensure(is_host(host) || is_host_and_port(host), "web.hosts", || {
            format!("{host:?} is not a host: write NAME or NAME:PORT")
        });
    }
    for origin in &web.origins {
        broken.ensure(is_origin(origin), "web.origins", || {
            format!("{origin:?} is not an origin: write https://NAME or https://NAME:PORT, without a path")
        });
    }
    for user in &web.local_users {
        let known = user == "*" || user.parse::<u32>().is_ok() || uzers::get_user_by_name(user).is_some();
        broken.ensure(known, "web.local_users", || {
            format!("there is no user {user:?} on this machine: write a name that `getent passwd` lists, or a number")
        });
    }
    broken.size("web.max_params", web.max_params, &PARAMS);
    broken.size("web.max_upload", web.max_upload, &bounds::SOME_SIZE);
}

fn queue(broken: &mut Broken, queue: &Queue) {
    broken.number("queue.priority_worth", queue.priority_worth, &WORTH);
    broken.some("queue.max_waiting_per_owner", queue.max_waiting_per_owner as u64);
    broken.some("queue.max_waiting", queue.max_waiting as u64);
}

fn retention(broken: &mut Broken, retention: &Retention) {
    // These two are only compared: they may be as long as anybody likes.
    broken.ensure(!retention.jobs.is_zero(), "retention.jobs", || "is 0s and must be more".to_owned());
    broken.some("retention.max_jobs", retention.max_jobs);
    broken.some("retention.events", retention.events);
    broken.size("retention.artifacts", retention.artifacts, &bounds::SOME_SIZE);
    broken.size("retention.disk_reserve", retention.disk_reserve, &bounds::ANY_SIZE);
}

fn devices(broken: &mut Broken, config: &Config) {
    let mut seen = BTreeSet::new();
    for device in &config.devices {
        name(broken, "device.name", &device.name);
        broken.ensure(seen.insert(&device.name), "device.name", || {
            format!("there are two devices named {:?}: give each its own name", device.name)
        });
    }
    if seen.is_empty() {
        broken.0.push(no_device());
    }
}

/// Which devices there are matters only where they are as they should be.
fn backend(broken: &mut Broken, devices: Option<&[Device]>, its_name: &str, backend: &Backend) {
    let key = |field: &str| format!("backend.{its_name}.{field}");
    name(broken, &format!("backend.{its_name}"), its_name);
    component(broken, &key("component"), &backend.component);
    if let Some(devices) = devices {
        on_devices(broken, &key("device"), devices, backend);
    }
    for device in backend.on.keys() {
        broken.ensure(backend.devices.contains(device), key(&format!("on.{device}")), || {
            let runs = backend.devices.join(", ");
            format!(
                "backend {its_name} runs on {runs}, not on {device}: add {device} to {}, or remove this table",
                key("device")
            )
        });
    }
    hosts(broken, &key("allow_hosts"), &backend.allow_hosts);
    broken.size(key("memory"), backend.memory, &MEMORY);
    secrets(broken, &format!("backend.{its_name}"), &backend.secrets, &backend.config);
    for (device, placement) in &backend.on {
        let place = key(&format!("on.{device}"));
        hosts(broken, &format!("{place}.allow_hosts"), placement.allow_hosts.iter().flatten());
        placement.memory.into_iter().for_each(|size| broken.size(format!("{place}.memory"), size, &MEMORY));
        secrets(broken, &place, &placement.secrets, &placement.config);
    }
    broken.time(key("timeout"), backend.timeout, &bounds::SOME_TIME);
    broken.time(key("stall"), backend.stall, &bounds::SOME_TIME);
    broken.size(key("artifact_quota"), backend.artifact_quota, &bounds::SOME_SIZE);
    if let Some(time) = backend.idle_release {
        broken.time(key("idle_release"), time, &bounds::SOME_TIME);
    }
    retry(broken, &key("retry"), &backend.retry);
}

fn retry(broken: &mut Broken, place: &str, retry: &Retry) {
    let key = |field: &str| format!("{place}.{field}");
    broken.number(key("attempts"), retry.attempts, &ATTEMPTS);
    broken.time(key("max"), retry.max, &bounds::ANY_TIME);
    broken.ensure(retry.base <= retry.max, key("base"), || {
        let (base, max) = (format_duration(retry.base), format_duration(retry.max));
        format!("is {base} and must be at most {max}, which is {}", key("max"))
    })
}

/// A backend runs on devices that there are, and says so once of each.
fn on_devices(broken: &mut Broken, key: &str, devices: &[Device], backend: &Backend) {
    broken.ensure(!backend.devices.is_empty(), key, || "the list is empty: name at least one device".to_owned());
    let mut seen = BTreeSet::new();
    for named in &backend.devices {
        broken.ensure(seen.insert(named), key, || format!("names {named:?} twice: name each device once"));
        broken.ensure(devices.iter().any(|device| device.name == *named), key, || {
            let devices = one_of(devices.iter().map(|device| &device.name));
            format!("there is no device {named:?}: name {devices}, or add a [[device]]")
        });
    }
}

fn hosts<'a>(broken: &mut Broken, key: &str, hosts: impl IntoIterator<Item = &'a String>) {
    for host in hosts {
        broken.ensure(is_host_and_port(host), key, || {
            format!("{host:?} is not HOST:PORT: write the host and the port, without http:// and without a path")
        });
    }
}

/// A secret stands in one place.
fn secrets(broken: &mut Broken, place: &str, secrets: &BTreeMap<String, Secret>, config: &Map<String, Value>) {
    for secret in secrets.keys() {
        broken.ensure(!config.contains_key(secret), format!("{place}.secrets.{secret}"), || {
            format!("is set in {place}.config as well: remove one of the two")
        });
    }
}

fn component(broken: &mut Broken, key: &str, component: &Component) {
    // Whether there is a file, and what it is, is seen when it is loaded: it holds up nobody else.
    if let Component::Builtin(name) = component {
        broken.ensure(BUILTINS.contains(&name.as_str()), key, || {
            let builtins = BUILTINS.map(|name| format!("builtin:{name}"));
            format!("there is no builtin {name:?}: write {}, or the path of a .wasm file", builtins.join(" or "))
        });
    }
}

fn default_backend(broken: &mut Broken, config: &Config) {
    broken.ensure(config.backends.contains_key(&config.default_backend), "default_backend", || {
        format!(
            "there is no backend {:?}: name {}, or add [backend.{}]",
            config.default_backend,
            one_of(config.backends.keys()),
            config.default_backend
        )
    })
}

pub(super) fn no_device() -> ConfigError {
    ConfigError::invalid("device", "the list is empty: add one, or leave the key out to get gpu0")
}

pub(super) fn no_backend() -> ConfigError {
    ConfigError::invalid("backend", "the table is empty: add one, or leave the key out to get flux-stub")
}

fn supported(broken: &mut Broken, key: &str, is_default: bool) {
    broken.ensure(is_default, key, || "not supported yet: leave it out".to_owned())
}

/// Names become parts of URLs, of file names and of metrics: one spelling that is safe in all of them.
fn name(broken: &mut Broken, key: &str, name: &str) {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    broken.ensure((1..=64).contains(&name.len()) && name.bytes().all(allowed), key, || {
        format!("{name:?} is not a name: use 1 to 64 of the characters a-z, 0-9 and -")
    })
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        is_host(host) && digits && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// A DNS name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed)
}

fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        let known = matches!(scheme, "http" | "https") || scheme.ends_with("-extension");
        known && (is_host(rest) || is_host_and_port(rest))
    })
}
