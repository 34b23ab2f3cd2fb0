//! What a configuration must satisfy beyond its types. Every rule names its key and says what would satisfy it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use serde_json::{Map, Value};

use super::{
    BUILTINS, Backend, Component, Config, ConfigError, Database, Device, Queue, Retention, Secret, Store, Web,
};
use crate::choice::one_of;

/// Below, the database would do nothing but flush; above, a flush would take seconds.
const LOG: RangeInclusive<ByteSize> = ByteSize::kib(256)..=ByteSize::mib(256);

/// The most that `command_grace` may be: more would keep a device from everybody for longer than they bear.
pub const LONGEST_GRACE: Duration = Duration::from_hours(1);

/// Less would end a command at the first hiccup.
const GRACE: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST_GRACE;

/// The most that a point of priority may be worth: with 100 points, a million turns.
const WORTH: u32 = 10_000;

/// A guest is a 32-bit machine: more could never be used.
const MOST_MEMORY: ByteSize = ByteSize::gib(4);

/// What is wrong, so far.
#[derive(Default)]
pub(super) struct Broken(pub(super) Vec<ConfigError>);

impl Broken {
    fn ensure(&mut self, holds: bool, key: impl Into<String>, rule: impl FnOnce() -> String) {
        if !holds {
            self.0.push(ConfigError::invalid(key, rule()));
        }
    }
}

/// Adds all that is wrong with the configuration.
pub(super) fn check(broken: &mut Broken, config: &Config) {
    listen(broken, config);
    directory(broken, config);
    command_grace(broken, config.command_grace);
    store(broken, &config.store);
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
            "{listen} can be reached from elsewhere, which needs tokens, and tokens are not supported yet: listen on \
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
        format!("{} cannot hold a database: its path must be UTF-8 and have no question mark", directory.display())
    });
}

fn command_grace(broken: &mut Broken, grace: Duration) {
    broken.ensure(GRACE.contains(&grace), "command_grace", || "must be at least 1s and at most 1h".to_owned())
}

fn store(broken: &mut Broken, store: &Store) {
    broken.ensure(LOG.contains(&store.max_log), "store.max_log", || {
        format!("must be at least {} and at most {}", LOG.start(), LOG.end())
    })
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
    some_bytes(broken, "web.max_params", web.max_params);
    some_bytes(broken, "web.max_upload", web.max_upload)
}

fn queue(broken: &mut Broken, queue: &Queue) {
    broken.ensure(queue.priority_worth <= WORTH, "queue.priority_worth", || format!("must be at most {WORTH}"));
    broken.ensure(queue.max_waiting_per_owner > 0, "queue.max_waiting_per_owner", || "must be at least 1".to_owned());
    broken.ensure(queue.max_waiting > 0, "queue.max_waiting", || "must be at least 1".to_owned())
}

fn retention(broken: &mut Broken, retention: &Retention) {
    some_time(broken, "retention.jobs", retention.jobs);
    broken.ensure(retention.max_jobs > 0, "retention.max_jobs", || "must be at least 1".to_owned());
    broken.ensure(retention.events > 0, "retention.events", || "must be at least 1".to_owned());
    some_bytes(broken, "retention.artifacts", retention.artifacts)
}

fn devices(broken: &mut Broken, config: &Config) {
    let mut seen = BTreeSet::new();
    for device in &config.devices {
        name(broken, "device.name", &device.name);
        broken.ensure(seen.insert(&device.name), "device.name", || {
            format!("there are two devices named {:?}", device.name)
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
            format!("it does not run on {device:?}, but on {}: add it to {}", backend.devices.join(", "), key("device"))
        });
    }
    hosts(broken, &key("allow_hosts"), &backend.allow_hosts);
    memory(broken, &key("memory"), backend.memory);
    secrets(broken, &format!("backend.{its_name}"), &backend.secrets, &backend.config);
    for (device, placement) in &backend.on {
        let place = key(&format!("on.{device}"));
        hosts(broken, &format!("{place}.allow_hosts"), placement.allow_hosts.iter().flatten());
        placement.memory.into_iter().for_each(|size| memory(broken, &format!("{place}.memory"), size));
        secrets(broken, &place, &placement.secrets, &placement.config);
    }
    some_time(broken, &key("timeout"), backend.timeout);
    some_time(broken, &key("stall"), backend.stall);
    some_bytes(broken, &key("artifact_quota"), backend.artifact_quota);
    if let Some(time) = backend.idle_release {
        some_time(broken, &key("idle_release"), time);
    }
    broken.ensure(backend.retry.attempts > 0, key("retry.attempts"), || "must be at least 1".to_owned());
    broken.ensure(backend.retry.base <= backend.retry.max, key("retry.base"), || {
        format!("must not be above {}", key("retry.max"))
    })
}

/// A backend runs on devices that there are, and says so once of each.
fn on_devices(broken: &mut Broken, key: &str, devices: &[Device], backend: &Backend) {
    broken.ensure(!backend.devices.is_empty(), key, || "the list is empty: name at least one device".to_owned());
    let mut seen = BTreeSet::new();
    for named in &backend.devices {
        broken.ensure(seen.insert(named), key, || format!("{named:?} stands there twice"));
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

fn memory(broken: &mut Broken, key: &str, size: ByteSize) {
    some_bytes(broken, key, size);
    broken.ensure(size <= MOST_MEMORY, key, || format!("must be at most {MOST_MEMORY}"));
}

/// A secret stands in one place.
fn secrets(broken: &mut Broken, place: &str, secrets: &BTreeMap<String, Secret>, config: &Map<String, Value>) {
    for secret in secrets.keys() {
        broken.ensure(!config.contains_key(secret), format!("{place}.secrets.{secret}"), || {
            format!("is also in {place}.config: keep one of them")
        });
    }
}

fn component(broken: &mut Broken, key: &str, component: &Component) {
    // Whether there is a file, and what it is, is seen when it is loaded: it holds up nobody else.
    if let Component::Builtin(name) = component {
        broken.ensure(BUILTINS.contains(&name.as_str()), key, || {
            format!("there is no builtin {name:?}: use {}, or the path of a .wasm file", one_of(BUILTINS))
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

fn some_bytes(broken: &mut Broken, key: &str, size: ByteSize) {
    broken.ensure(size.as_u64() > 0, key, || "must be more than 0 bytes".to_owned())
}

fn some_time(broken: &mut Broken, key: &str, time: Duration) {
    broken.ensure(!time.is_zero(), key, || "must be more than 0 seconds".to_owned())
}

/// Names become parts of URLs, of file names and of metrics: one spelling that is safe in all of them.
fn name(broken: &mut Broken, key: &str, name: &str) {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    broken.ensure((1..=64).contains(&name.len()) && name.bytes().all(allowed), key, || {
        format!("{name:?} is not a name: 1 to 64 of a-z, 0-9 and -")
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
