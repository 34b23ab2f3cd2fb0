//! The layers: defaults, file, environment, flags.
//!
//! The environment is passed in rather than read here, so that every rule about it can be tested without changing the
//! process that runs the tests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::rules::{self, Broken};
use super::strangers::{self, Kin};
use super::{Backend, Component, Config, ConfigError, Database, error};
use crate::choice::one_of;

/// The file that is read when none is named; it need not be there.
pub const DEFAULT_FILE: &str = "easel.toml";

const PREFIX: &str = "EASEL_";

/// `EASEL_…` variables that mean something else than a key: what clients use, what a command on a device is told, the log, and
/// the build.
const NOT_KEYS: [&str; 12] = [
    "TOKEN",
    "SERVER",
    "LOG",
    "LOG_FORMAT",
    "BIN",
    "FAKES",
    "CACHE",
    "KILL_ROUNDS",
    "FUZZ_CASES",
    "SEED",
    "JOB_ID",
    "DEVICE",
];
/// The same for whole families: what the tests read, and what `cargo run` passes on of the build.
const NOT_KEYS_PREFIXES: [&str; 2] = ["TEST_", "GUEST_"];

/// What the flags of `easel serve` say; they win over everything.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--database`
    pub database: Option<Database>,
    /// `--forge`
    pub forge: Option<ForgeUrl>,
}

/// The address of an engine, and the one host that its backend may therefore talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeUrl {
    url: String,
    host: String,
}

impl FromStr for ForgeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not the address of an engine: write http://HOST:PORT");
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        let (Some(host), Some(port), "http" | "https") = (url.host_str(), url.port_or_known_default(), url.scheme())
        else {
            return Err(wrong());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the address has a user or a password: leave them out, and set backend.forge.secrets in easel.toml"
                    .to_owned(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{text:?} has a `?` or a `#`: write http://HOST:PORT, or http://HOST:PORT/PATH"));
        }
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), host: format!("{host}:{port}") })
    }
}

impl Config {
    /// Reads all layers and checks the result. Without `file`, `easel.toml` is read if there is one.
    pub fn load(file: Option<&Path>, flags: &Overrides) -> Result<Self, ConfigError> {
        let (config, broken) = Self::examine(file, flags)?;
        ConfigError::all(broken)?;
        Ok(config)
    }

    /// The same with what is wrong beside it: so that what else is wrong can be found as well. An error if nothing of it can be read.
    pub fn examine(file: Option<&Path>, flags: &Overrides) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.into_string().ok().filter(|name| name.starts_with(PREFIX)) else { continue };
            // A directory that is spelled almost like the one that was meant would be worse than none.
            let value = value.into_string().map_err(|_| ConfigError::Unreadable {
                from: format!("environment variable {name}"),
                message: "is not UTF-8".to_owned(),
            })?;
            environment.push((name, value));
        }
        let unasked = Some(Path::new(DEFAULT_FILE)).filter(|file| file.exists());
        Self::examined(file.or(unasked), environment, flags)
    }

    #[cfg(test)]
    pub(super) fn layered(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigError> {
        let (config, broken) = Self::examined(file, environment, flags)?;
        ConfigError::all(broken)?;
        Ok(config)
    }

    fn examined(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        if let Some(file) = file.filter(|file| !file.exists()) {
            return Err(ConfigError::NoFile(file.to_owned()));
        }
        if let Some(file) = file {
            syntax(file)?;
        }
        let mut broken = Broken::default();
        let variables = sort_out(environment, &mut broken);
        let Read { mut config, names_default, unread } = read(file, &variables, &mut broken)?;
        let lost_backends: BTreeSet<&str> = unread.iter().filter_map(|path| a_backend(path)).collect();
        // What is missing because it could not be read is no second error.
        let lost = |part: &str| unread.iter().any(|path| path.as_slice() == [part]);
        if !names_default && !lost("backend") {
            let names = config.backends.keys().map(String::as_str).chain(lost_backends.iter().copied()).collect();
            match only_backend(&names) {
                Ok(only) => config.default_backend = only,
                Err(error) => broken.0.push(error),
            }
        }
        config.apply(flags)?;
        let mut rules = Broken::default();
        rules::check(&mut rules, &config);
        let devices = unread.iter().any(|path| path.first().is_some_and(|first| first == "device"));
        let default = lost("backend")
            || lost_backends.contains(config.default_backend.as_str())
            || broken.0.iter().any(ConfigError::is_of_default);
        rules.0.retain(|error| match error {
            ConfigError::Invalid { key, .. } if key.ends_with("device") => !devices,
            ConfigError::Invalid { key, .. } if key == "default_backend" => !default,
            _ => true,
        });
        broken.0.extend(rules.0);
        Ok((config, broken.0))
    }

    fn apply(&mut self, flags: &Overrides) -> Result<(), ConfigError> {
        if let Some(listen) = flags.listen {
            self.listen = listen;
        }
        if let Some(data) = &flags.data {
            self.data.clone_from(data);
        }
        if let Some(database) = &flags.database {
            self.database.clone_from(database);
        }
        if let Some(forge) = &flags.forge {
            self.point_forge_at(forge)?;
        }
        Ok(())
    }

    /// What the file says about `forge` stays, limits and secrets above all; only where it points is the flag's.
    fn point_forge_at(&mut self, forge: &ForgeUrl) -> Result<(), ConfigError> {
        let Some(device) = self.devices.first() else {
            return Err(rules::no_device());
        };
        let backend =
            self.backends.entry("forge".to_owned()).or_insert_with(|| Backend::builtin("forge", &device.name));
        backend.component = Component::Builtin("forge".to_owned());
        backend.allow_hosts = vec![forge.host.clone()];
        backend.config.insert("url".to_owned(), forge.url.clone().into());
        for placement in backend.on.values_mut() {
            placement.allow_hosts = None;
            placement.config.remove("url");
        }
        "forge".clone_into(&mut self.default_backend);
        Ok(())
    }
}

/// Whether a file is TOML. figment's own reader knows less of what could have been meant.
fn syntax(file: &Path) -> Result<(), ConfigError> {
    let unreadable = |message: String| ConfigError::Unreadable { from: file.display().to_string(), message };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let table: Result<toml::Table, _> = text.parse();
    table.map(drop).map_err(|error| unreadable(error.to_string().trim_end().to_owned()))
}

/// What the layers come to.
struct Read {
    config: Config,
    /// Whether one of them names the default backend.
    names_default: bool,
    /// The places of what could not be read.
    unread: Vec<Vec<String>>,
}

/// The variables that are keys. What is almost one is wrong; what is none of ours is told of.
fn sort_out(environment: impl IntoIterator<Item = (String, String)>, broken: &mut Broken) -> Vec<Variable> {
    let (mut keys, mut strangers) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        let Some(variable) = Variable::of_a_key(name, value) else { continue };
        match strangers::kin(&variable.key) {
            Kin::Key => keys.push(variable),
            Kin::Near(meant) => broken.0.push(ConfigError::Invalid {
                key: variable.key,
                rule: format!("unknown key; use {} to set {meant}", strangers::variable(&meant)),
                from: Some(format!("environment variable {}", variable.name)),
            }),
            Kin::Stranger => strangers.push(variable.name),
        }
    }
    if !strangers.is_empty() {
        tracing::warn!("these environment variables match no key and are ignored: {}", strangers.join(", "));
    }
    keys
}

/// Reads the layers. What cannot be read is noted and left out, so that the rest can be read as well.
fn read(file: Option<&Path>, variables: &[Variable], broken: &mut Broken) -> Result<Read, ConfigError> {
    let mut unread: Vec<Vec<String>> = Vec::new();
    loop {
        let mut layers = Figment::new();
        if let Some(file) = file {
            layers = layers.merge(Without { layer: Toml::file_exact(file), paths: &unread });
        }
        for variable in variables {
            layers = layers.merge(Without { layer: variable, paths: &unread });
        }
        let error = match layers.extract() {
            Ok(config) => return Ok(Read { config, names_default: layers.contains("default_backend"), unread }),
            Err(error) => error,
        };
        let path = error::path(&error);
        // What is missing because it was left out is no error.
        let follows = unread.iter().any(|known| known.starts_with(&path));
        if !follows || path.is_empty() || unread.contains(&path) {
            broken.0.push(error.into());
        }
        if path.is_empty() || unread.contains(&path) {
            ConfigError::all(std::mem::take(&mut broken.0))?;
        }
        unread.push(path);
    }
}

/// A layer without the values at these places.
struct Without<'a, P> {
    layer: P,
    paths: &'a [Vec<String>],
}

impl<P: Provider> Provider for Without<'_, P> {
    fn metadata(&self) -> Metadata {
        self.layer.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.layer.data()?;
        for dict in data.values_mut() {
            self.paths.iter().for_each(|path| remove(dict, path));
        }
        Ok(data)
    }
}

fn remove(dict: &mut Dict, path: &[String]) {
    match path {
        [] => {}
        [last] => _ = dict.remove(last),
        [first, rest @ ..] => match dict.get_mut(first) {
            Some(Value::Dict(_, inner)) => remove(inner, rest),
            Some(Value::Array(_, list)) => remove_from(list, rest),
            _ => {}
        },
    }
}

fn remove_from(list: &mut Vec<Value>, path: &[String]) {
    let Some((index, rest)) = path.split_first() else { return };
    let Some(index) = index.parse::<usize>().ok().filter(|index| *index < list.len()) else { return };
    match list.get_mut(index) {
        Some(Value::Dict(_, inner)) if !rest.is_empty() => remove(inner, rest),
        _ => _ = list.remove(index),
    }
}

/// The backend whose whole table stands at this place.
fn a_backend(path: &[String]) -> Option<&str> {
    match path {
        [first, name] if first == "backend" => Some(name),
        _ => None,
    }
}

fn only_backend(names: &BTreeSet<&str>) -> Result<String, ConfigError> {
    match (names.first(), names.len()) {
        (Some(only), 1) => Ok((*only).to_owned()),
        (None, _) => Err(rules::no_backend()),
        (Some(_), _) => Err(ConfigError::invalid(
            "default_backend",
            format!("is missing, and there is more than one backend: set it to {}", one_of(names)),
        )),
    }
}

/// One variable of the environment as a layer of its own, so that an error can name it.
struct Variable {
    name: String,
    key: String,
    value: String,
}

impl Variable {
    fn of_a_key(name: String, value: String) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?;
        if NOT_KEYS.contains(&rest) || NOT_KEYS_PREFIXES.iter().any(|prefix| rest.starts_with(prefix)) {
            return None;
        }
        let key = rest.to_lowercase().replace("__", ".");
        Some(Self { name, key, value })
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let Ok(value) = self.value.parse::<Value>();
        let dict = figment::util::nest(&self.key, value).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}
