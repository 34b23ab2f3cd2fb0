//! From bytes to a component that may run: compiled, linked with what it is granted, asked who it is.
//!
//! Everything that can be wrong with a component is found here and said in words, so that what is left for a job is
//! what only a job can show. A component is kept under its digest before it runs for the first time: what an attempt
//! left behind is settled by the very component that left it, even if the operator has replaced the file since.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, oneshot};
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::{self, BackendPre};
use super::schema::Schema;
use super::schema::inputs::Inputs;
use super::services::journal::Journal;
use super::store::HostState;
use super::{Description, Guest, LoadError, Policy, anatomy, engine, limits, text};
use crate::{artifacts, config};

const CONTRACT: &str = "easel:backend@0.1.0";

/// What a component may call it: its last number grows with what only older components do without.
const COMPATIBLE: &str = "easel:backend@0.1.";

const EXPORTS: [&str; 5] = ["describe", "probe", "run", "settle", "unload"];

/// How often it is looked how much time a compilation has taken.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Workshop {
    engine: Engine,
    /// For components that get no network: `wasi:http` is not even there.
    offline: Linker<HostState>,
    online: Linker<HostState>,
    directory: PathBuf,
    /// How much of the processor's time a compilation may take, if it is not waited for however long it takes.
    patience: Option<Duration>,
    /// One compilation at a time: each takes all processors.
    compiling: Arc<Mutex<()>>,
}

/// A component that may run.
pub(crate) struct Linked {
    pre: BackendPre<HostState>,
    pub(crate) wants_network: bool,
}

impl Linked {
    /// The component with what it is granted, and no configuration.
    pub(crate) fn guest(&self, name: &str, memory: usize, policy: Policy, timeout: Duration) -> Guest {
        Guest {
            name: name.to_owned(),
            pre: self.pre.clone(),
            memory,
            policy: Arc::new(policy),
            config: "{}".into(),
            timeout,
            journal: Journal::host(name),
        }
    }
}

/// A component as it came: where from, and what it is.
pub(crate) struct Source {
    pub(crate) label: String,
    pub(crate) bytes: Cow<'static, [u8]>,
    /// Of the bytes, in hexadecimal.
    pub(crate) hex: String,
}

impl Source {
    pub(crate) fn new(label: String, bytes: Cow<'static, [u8]>) -> Self {
        let hex = format!("{:x}", Sha256::digest(&bytes));
        Self { label, bytes, hex }
    }

    /// `sha256:HEX` of the bytes.
    pub(crate) fn digest(&self) -> String {
        format!("sha256:{}", self.hex)
    }

    /// The component that an operator chose.
    pub(crate) fn configured(backend: &str, component: &config::Component) -> Result<Self, LoadError> {
        let name = match component {
            config::Component::File(path) => return Self::file(backend, path),
            config::Component::Builtin(name) => name,
        };
        let bytes: &'static [u8] = match name.as_str() {
            "flux-stub" => include_bytes!(env!("EASEL_GUEST_FLUX_STUB")),
            "forge" => include_bytes!(env!("EASEL_GUEST_FORGE")),
            _ => return Err(unfit(backend, format!("builtin:{name}"), "is not part of this host".into())),
        };
        Ok(Self::new(format!("builtin:{name}"), Cow::Borrowed(bytes)))
    }

    /// The component in a file.
    pub(crate) fn file(backend: &str, path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { backend: backend.to_owned(), path: path.to_owned(), source };
        // To open a pipe that nobody writes to would take for ever.
        if !path.metadata().map_err(unreadable)?.is_file() {
            return Err(unfit(backend, path.display().to_string(), "is not a file".into()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        // One more than may be, and no more: it may grow meanwhile.
        file.take(limits::COMPONENT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let label = path.display().to_string();
        if bytes.len() > limits::COMPONENT {
            return Err(unfit(backend, label, anatomy::too_large()));
        }
        Ok(Self::new(label, bytes.into()))
    }
}

impl Workshop {
    /// A workshop that keeps components, and what they compile to, in `directory`.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, LoadError> {
        let cache = directory.join("cache");
        Self::with(directory, Some(&cache), None)
    }

    /// One to look at components in, of which nothing is kept: a compilation that takes too much of the processor's time is
    /// given up, however busy the machine is.
    pub(crate) fn for_a_look(directory: PathBuf) -> Result<Self, LoadError> {
        Self::with(directory, None, Some(limits::COMPILE))
    }

    fn with(directory: PathBuf, cache: Option<&Path>, patience: Option<Duration>) -> Result<Self, LoadError> {
        let broken = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let engine = engine::start(cache).map_err(broken)?;
        let mut offline = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut offline).map_err(broken)?;
        bindings::Backend::add_to_linker::<_, HasSelf<_>>(&mut offline, |state| state).map_err(broken)?;
        let mut online = offline.clone();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut online).map_err(broken)?;
        Ok(Self { engine, offline, online, directory, patience, compiling: Arc::default() })
    }

    /// Keeps a component under its digest.
    pub(crate) fn keep(&self, backend: &str, source: &Source) -> Result<(), LoadError> {
        let path = self.path_of(&source.hex);
        // A whole file or none is ever under this name, so the length tells.
        if path.metadata().is_ok_and(|kept| kept.len() == source.bytes.len() as u64) {
            return Ok(());
        }
        artifacts::write_durably(&path, &source.bytes)
            .map_err(|source| LoadError::Unkept { backend: backend.to_owned(), source })
    }

    /// The component that was kept under a digest (`sha256:HEX`).
    pub(crate) fn kept(&self, backend: &str, digest: &str) -> Result<Source, LoadError> {
        let hex = digest.strip_prefix("sha256:").filter(|hex| is_digest(hex));
        let hex = hex.ok_or_else(|| unfit(backend, digest.to_owned(), "is not the digest of a component".into()))?;
        let source = Source::file(backend, &self.path_of(hex))?;
        if source.hex == hex {
            Ok(source)
        } else {
            Err(unfit(backend, source.label, "is damaged: its digest does not match its name".into()))
        }
    }

    /// Compiles and links a component. The error says which import or export is missing.
    pub(crate) async fn link(&self, backend: &str, source: &Source, online: bool) -> Result<Linked, LoadError> {
        let refused = |reason: String| unfit(backend, source.label.clone(), reason);
        if let Some(reason) = no_component(&source.bytes) {
            return Err(refused(reason.into()));
        }
        anatomy::check(&source.bytes).map_err(refused)?;
        let (engine, bytes, turn) =
            (self.engine.clone(), source.bytes.clone(), self.compiling.clone().lock_owned().await);
        let (done, compiling) = oneshot::channel();
        // A thread of its own: nobody can stop it, and a host that stops does not wait for it.
        let thread = std::thread::Builder::new().name("compiler".into()).spawn(move || {
            // If nobody waits for it any more, it is still the one that compiles.
            let _turn = turn;
            if done.send(Component::new(&engine, bytes)).is_err() {
                tracing::debug!("nobody waits any more for a component that is compiled");
            }
        });
        thread.map_err(|error| refused(format!("cannot be compiled: {error}")))?;
        let component = match self.patience {
            None => compiling.await,
            Some(patience) => {
                let late = || {
                    refused(format!(
                        "takes more than {} s of processor time to compile, which is the most for a check",
                        patience.as_secs()
                    ))
                };
                within_processor_time(patience, compiling).await.ok_or_else(late)?
            }
        };
        let component = component
            .map_err(|error| refused(format!("cannot be compiled: {error}")))?
            .map_err(|error| refused(format!("is not a component that this host can run: {error:#}")))?;

        let itself = component.component_type();
        let names = || itself.imports(&self.engine).chain(itself.exports(&self.engine)).map(|(name, _)| name);
        let contract = names().find_map(contract);
        let made_for = |other: &str| {
            format!("is made for {other}, and this host speaks {CONTRACT}: build it with this host's wit/")
        };
        if let Some(other) = contract.as_ref().filter(|other| !other.starts_with(COMPATIBLE)) {
            return Err(refused(made_for(other)));
        }
        let wants_http = names().any(|name| name.starts_with("wasi:http/"));
        if wants_http && !online {
            return Err(refused(format!(
                "imports wasi:http, but backend.{backend}.allow_hosts is empty: add the hosts that it may reach"
            )));
        }
        let missing: Vec<_> =
            EXPORTS.into_iter().filter(|name| component.get_export_index(None, name).is_none()).collect();
        if !missing.is_empty() {
            return Err(refused(format!("lacks the export {} of {CONTRACT}", missing.join(", "))));
        }
        let linker = if online { &self.online } else { &self.offline };
        let linked =
            linker.instantiate_pre(&component).map_err(|error| match contract.filter(|newer| newer != CONTRACT) {
                Some(newer) => refused(format!("{} ({error:#})", made_for(&newer))),
                None => refused(format!("imports what this host does not offer: {error:#}")),
            })?;
        let pre = BackendPre::new(linked).map_err(|error| refused(format!("does not fit {CONTRACT}: {error:#}")))?;
        Ok(Linked { pre, wants_network: wants_http })
    }

    fn path_of(&self, hex: &str) -> PathBuf {
        self.directory.join(format!("{hex}.wasm"))
    }
}

/// What a component says of itself.
pub(crate) struct Said {
    pub(crate) description: Description,
    /// Its two schemas, compiled.
    pub(crate) params: Schema,
    pub(crate) config: Schema,
    pub(crate) inputs: Inputs,
}

/// Asks a component who it is.
pub(crate) async fn describe(guest: &Guest, label: &str) -> Result<Said, LoadError> {
    let refused = |reason: String| unfit(&guest.name, label.to_owned(), reason);
    let said = guest.describe().await.map_err(|ended| refused(format!("cannot describe itself: {ended}")))?;
    if !is_name(&said.name) {
        return Err(refused(format!(
            "calls itself {:?}, which is not a name: use a letter from a to z, and at most 63 more of a-z, 0-9 and -",
            text::line(&said.name, 64)
        )));
    }
    let schema = |which: &str, text: &str| {
        if text.len() > limits::SCHEMA {
            let rule = format!("has {} bytes; at most {} are allowed", text.len(), limits::SCHEMA);
            return Err(refused(format!("has a {which} schema that {rule}")));
        }
        Schema::parse(text).map_err(|reason| refused(format!("has a {which} schema that {reason}")))
    };
    let params = schema("params", &said.params_schema)?;
    let config = schema("config", &said.config_schema)?;
    let inputs = Inputs::of(&params.value).map_err(|rule| refused(format!("has a params schema that {rule}")))?;
    let description = Description {
        name: said.name,
        version: text::line(&said.version, 64),
        summary: text::line(&said.summary, limits::SUMMARY),
        params_schema: params.value.clone(),
        config_schema: config.value.clone(),
    };
    Ok(Said { description, params, config, inputs })
}

/// What `work` comes to, unless this process takes more of the processor's time meanwhile: then it is not waited for any more.
async fn within_processor_time<T>(most: Duration, work: impl Future<Output = T>) -> Option<T> {
    let used = || {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
    };
    let begun = used();
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(LOOK, work.as_mut()).await {
            return Some(done);
        }
        if used().saturating_sub(begun) >= most {
            return None;
        }
    }
}

#[cfg(test)]
impl Workshop {
    /// The same, with another idea of how long a compilation may take.
    pub(crate) fn waits(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

/// Why these bytes are certainly no component, if so.
fn no_component(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Some(
            "is a core module, which is not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component \
             new` (one for wasm32-wasip1 with --adapt)",
        );
    }
    (!bytes.starts_with(b"\0asm")).then_some("is not a component: it does not begin as WebAssembly does")
}

/// The package that an import or an export is of, if that is one of ours: `easel:backend@0.1.0`.
fn contract(name: &str) -> Option<String> {
    let (package, rest) = name.split_once('/').filter(|(package, _)| package.starts_with("easel:"))?;
    let version = rest.split_once('@').map_or("an unknown version", |(_, version)| version);
    Some(format!("{package}@{version}"))
}

fn unfit(backend: &str, component: String, reason: String) -> LoadError {
    // It may quote the component.
    let reason = text::paragraph(&reason, limits::CHAIN);
    LoadError::Unfit { backend: backend.to_owned(), component, reason }
}

fn is_digest(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(allowed)
}
