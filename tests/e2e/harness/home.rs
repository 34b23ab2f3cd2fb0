//! Where a host lives: its configuration, its data, and the terms on which it is served.

use super::cli;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// `easel.toml` as the tests use it: two backends on one device. The strings are TOML, added where their names say.
pub struct Config {
    /// How many devices there are, `gpu0` and so on. `fakes` runs on all of them.
    pub devices: usize,
    /// How long a running job may go on after SIGTERM.
    pub shutdown_grace: &'static str,
    /// Keys before any table.
    pub top: String,
    /// Keys of `[backend.fakes]`.
    pub fakes: String,
    /// Whole tables at the end.
    pub tables: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { devices: 1, shutdown_grace: "2s", top: String::new(), fakes: String::new(), tables: String::new() }
    }
}

impl Config {
    /// The file's text.
    pub fn text(&self) -> String {
        let Self { devices, shutdown_grace, top, fakes, tables } = self;
        let devices: Vec<String> = (0..*devices).map(|n| format!("gpu{n}")).collect();
        let tables_of_devices: String =
            devices.iter().map(|name| format!("[[device]]\nname = \"{name}\"\n\n")).collect();
        let component = cli::fakes();
        format!(
            "default_backend = \"fakes\"\nshutdown_grace = \"{shutdown_grace}\"\n{top}\n\n\
             {tables_of_devices}\
             [backend.fakes]\ncomponent = {component:?}\ndevice = {devices:?}\n{fakes}\n\n\
             [backend.flux-stub]\ncomponent = \"builtin:flux-stub\"\ndevice = \"gpu0\"\n\n{tables}\n"
        )
    }
}

/// What outlives a process: the configuration, the data directory and the flags. A clone is the same home.
#[derive(Clone)]
pub struct Home {
    dir: Arc<TempDir>,
    flags: Vec<String>,
    data: Option<PathBuf>,
    environment: Vec<(String, String)>,
    /// No file may grow past this many KiB, which is how a full disk looks from inside.
    pub file_limit: Option<u64>,
    /// It may have no more files and connections open than this.
    open_files: Option<u64>,
    /// Nobody reads what it has to say on standard error, until somebody begins to.
    pub unread: bool,
}

impl Home {
    /// A home with the configuration that suits most tests.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// A home with a changed configuration.
    pub fn with(config: Config) -> Self {
        Self::with_text(&config.text())
    }

    /// A home whose `easel.toml` is exactly this.
    pub fn with_text(toml: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("easel.toml"), toml).expect("write easel.toml");
        let data = Some(dir.path().join("data"));
        Self {
            dir: Arc::new(dir),
            flags: Vec::new(),
            data,
            environment: Vec::new(),
            file_limit: None,
            open_files: None,
            unread: false,
        }
    }

    /// The same home, served with further flags.
    pub fn flag(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.flags.extend([name.to_owned(), value.as_ref().to_owned()]);
        self
    }

    /// The same home, served with a further flag that has no value.
    pub fn option(mut self, name: &str) -> Self {
        self.flags.push(name.to_owned());
        self
    }

    /// The same home with a variable of the environment.
    pub fn environment(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The same home with its data elsewhere.
    pub fn data_at(mut self, data: impl Into<PathBuf>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// The same home with everything in memory: no `--data`.
    pub fn in_memory(mut self) -> Self {
        self.data = None;
        self.flag("--database", "mem://")
    }

    /// The same home on a disk on which no file can grow past `kib` KiB.
    pub fn file_limit(mut self, kib: u64) -> Self {
        self.file_limit = Some(kib);
        self
    }

    /// The same home for a process that may have so many files and connections open.
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// The same home with a standard error that is a full pipe, which nobody reads before [`Host::read_errors`].
    pub fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    /// The directory that holds the configuration and, usually, the data.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.data.clone().expect("a home with a data directory")
    }

    /// The command that serves it.
    pub fn command(&self) -> Command {
        // Ignored signals stay ignored across exec: a write past the limit is then an error, not the end.
        let size = self.file_limit.map(|kib| format!("trap '' XFSZ; ulimit -S -f {}; ", kib * 2));
        let count = self.open_files.map(|limit| format!("ulimit -n {limit}; "));
        let limits: String = size.into_iter().chain(count).collect();
        let mut command = match limits.as_str() {
            "" => cli::command(),
            limits => {
                let script = format!("{limits}exec \"$0\" \"$@\"");
                let mut shell = cli::clean(Command::new("sh"));
                shell.args(["-c", &script]).arg(cli::binary());
                shell
            }
        };
        command.arg("serve").arg("--config").arg(self.path().join("easel.toml"));
        if !self.flags.iter().any(|flag| flag == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(data) = &self.data {
            command.arg("--data").arg(data);
        }
        command.args(&self.flags).envs(self.environment.iter().cloned()).current_dir(self.path());
        command
    }
}
