//! A host: how it starts, and the ways in which it ends.

use super::home::Home;
use super::process::Process;
use super::{Api, Exit, cli, eventually};
use std::io::Write;
use std::process::{Command, Stdio};

/// What `start` waits for, on standard output.
const READY: &str = "easel is ready at ";
/// What `start_early` waits for, in the log.
const SERVES: &str = "listening on ";

impl Home {
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
        self.process.read_errors();
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
