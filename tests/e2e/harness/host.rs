//! The process: where it lives, how it starts, and the ways in which it ends.

use super::{Api, BOUND, Exit, cli, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// `easel.toml` as the tests use it: two backends on one device. The strings are TOML, added where their names say.
pub struct Config {
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
        Self { shutdown_grace: "2s", top: String::new(), fakes: String::new(), tables: String::new() }
    }
}

impl Config {
    /// The file's text.
    pub fn text(&self) -> String {
        let Self { shutdown_grace, top, fakes, tables } = self;
        let component = cli::fakes();
        format!(
            "default_backend = \"fakes\"\nshutdown_grace = \"{shutdown_grace}\"\n{top}\n\n\
             [[device]]\nname = \"gpu0\"\n\n\
             [backend.fakes]\ncomponent = {component:?}\ndevice = \"gpu0\"\n{fakes}\n\n\
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
    file_limit: Option<u64>,
    /// It may have no more files and connections open than this.
    open_files: Option<u64>,
    /// Nobody reads what it has to say on standard error, until somebody begins to.
    unread: bool,
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

    fn command(&self) -> Command {
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

    /// Starts the host and waits until it says that it is ready.
    pub async fn start(&self) -> Host {
        let (process, url) = Process::spawn(self.command(), self.unread, READY).await;
        Host { process, url, home: self.clone() }
    }

    /// Starts the host and waits only until it serves: its backends may still be loading.
    pub async fn start_early(&self) -> Host {
        let (process, url) = Process::spawn(self.command(), self.unread, SERVES).await;
        Host { process, url, home: self.clone() }
    }

    /// Runs a host that must not start, with a standard error that nobody reads, to its end.
    pub async fn ends_unread(&self) {
        let (_unread, mut full) = std::io::pipe().expect("a pipe");
        full.write_all(&[b'\n'; 65_536]).expect("what a pipe holds");
        let mut command = self.command();
        let mut child = command.stdout(Stdio::null()).stderr(full).spawn().expect("easel");
        let status = eventually("the host to end", async || child.try_wait().expect("wait")).await;
        assert_eq!(status.code(), Some(1));
    }

    /// Runs a host that must not start, to its end.
    pub async fn fails_to_start(&self) -> Exit {
        let exit = cli::run(self.command()).await;
        assert_ne!(exit.code, Some(0), "this host must not start: {exit}");
        assert!(!exit.stdout.contains("easel is ready"), "it said that it was ready: {exit}");
        exit
    }
}

/// A running host (or, after `kill` and `stop`, one that was). Dropped: killed.
pub struct Host {
    process: Process,
    url: String,
    home: Home,
}

impl Host {
    /// A host in a new home with the usual configuration.
    pub async fn start() -> Self {
        Home::new().start().await
    }

    /// HTTP to this start of the host.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it lives.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// From now on files can grow again, also after the next start.
    pub fn lift_file_limit(&mut self) {
        self.home.file_limit = None;
        let pid = rustix::process::Pid::from_raw(self.pid().try_into().expect("a pid"));
        let unlimited = rustix::process::Rlimit { current: None, maximum: None };
        rustix::process::prlimit(pid, rustix::process::Resource::Fsize, unlimited).expect("prlimit");
    }

    /// kill -9, and wait until it is gone.
    pub async fn kill(&mut self) {
        self.process.child.kill().expect("kill -9");
        self.process.exited().await;
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// SIGTERM, and wait until it is gone: the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.terminate();
        self.process.exited().await
    }

    /// Waits until the process is gone by itself: the exit code.
    pub async fn exited(&mut self) -> Option<i32> {
        self.process.exited().await
    }

    /// Starts a new process in the same home, after `kill` or `stop`. It has another port.
    pub async fn start_again(&mut self) {
        *self = self.home.start().await;
    }

    /// Begins to read what nobody has read so far.
    pub fn read_errors(&mut self) {
        let pipe = self.process.unread.take().expect("a standard error that nobody reads");
        self.process.follow_errors(pipe, None);
    }

    /// A signal, by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().expect("sh");
        assert!(sent.success(), "no process {pid} for {name}");
    }

    /// What it has written to standard error so far, line by line.
    pub fn log(&self) -> Vec<String> {
        self.process.stderr.lock().expect("stderr").clone()
    }

    /// Lines in which the host blames itself.
    pub fn errors_logged(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect()
    }

    /// Resident memory in KiB, as the kernel counts it (Linux).
    pub fn resident_kib(&self) -> u64 {
        self.kernel_counts("VmRSS:")
    }

    /// The most resident memory that it ever had, in KiB (Linux).
    pub fn peak_kib(&self) -> u64 {
        self.kernel_counts("VmHWM:")
    }

    fn kernel_counts(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("/proc");
        let line = status.lines().find(|line| line.starts_with(what)).expect("a line of that name");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
    }
}

/// What `start` waits for, on standard output.
const READY: &str = "easel is ready at ";
/// What `start_early` waits for, in the log.
const SERVES: &str = "listening on ";

/// Waits for the address in what a process writes.
#[derive(Clone)]
struct Found {
    mark: &'static str,
    address: Arc<Mutex<Option<oneshot::Sender<String>>>>,
}

impl Found {
    fn look(&self, line: &str) {
        if let Some((_, url)) = line.split_once(self.mark)
            && let Some(address) = self.address.lock().expect("address").take()
        {
            let _ = address.send(url.trim().trim_end_matches('/').to_owned());
        }
    }
}

struct Process {
    child: Child,
    stderr: Arc<Mutex<Vec<String>>>,
    unread: Option<std::io::PipeReader>,
}

impl Process {
    /// Starts a process and waits for a line with `mark`, which its address follows.
    async fn spawn(mut command: Command, unread: bool, mark: &'static str) -> (Self, String) {
        let (errors, mut full) = std::io::pipe().expect("a pipe");
        if unread {
            full.write_all(&[b'\n'; 65_536]).expect("what a pipe holds");
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(full)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        // It has the end of the pipe that is written to.
        drop(command);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = oneshot::channel();
        let found = Found { mark, address: Arc::new(Mutex::new(Some(found))) };
        let in_output = found.clone();
        follow(child.stdout.take().expect("stdout"), move |line| in_output.look(&line));
        let mut process = Self { child, stderr, unread: None };
        if unread {
            process.unread = Some(errors);
        } else {
            process.follow_errors(errors, Some(found));
        }
        // When the process ends before that, what it writes to closes, and the sender is dropped.
        let url = tokio::time::timeout(BOUND, address).await.expect("the host is ready in time");
        (process, url.expect("the host says that it is ready, and does not end before"))
    }

    fn follow_errors(&self, pipe: std::io::PipeReader, found: Option<Found>) {
        let stderr = Arc::clone(&self.stderr);
        follow(pipe, move |line| {
            if let Some(found) = &found {
                found.look(&line);
            }
            stderr.lock().expect("stderr").push(line);
        });
    }

    async fn exited(&mut self) -> Option<i32> {
        let child = &mut self.child;
        eventually("the host to end", async || child.try_wait().expect("wait")).await.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let lines = self.stderr.lock().map(|lines| lines.clone()).unwrap_or_default();
            let tail = lines.len().saturating_sub(80);
            eprintln!("--- the host's standard error, last {} lines\n{}", lines.len() - tail, lines[tail..].join("\n"));
        }
    }
}

/// Reads lines on a thread of its own, so that a chatty host never blocks on a full pipe.
fn follow(pipe: impl Read + Send + 'static, mut line: impl FnMut(String) + Send + 'static) {
    std::thread::spawn(move || {
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            line(text);
        }
    });
}
