//! `easel with` as a user has it: a process with pipes, in a process group of its own as a terminal would give it.

use crate::harness::{Host, cli, eventually};
use serde_json::Value;
use std::io::{BufRead, BufReader, PipeWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A running `easel with gpu0 OPTIONS -- sh -c SCRIPT`. Dropped: killed, and its command with it.
pub struct With {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Mutex<Vec<String>>>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl With {
    pub fn start(host: &Host, options: &[&str], script: &str) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut with = Self::that_tells(host, options, script, writer);
        with.errors = lines(reader);
        with
    }

    /// One that tells the user what it has to say through this pipe.
    pub fn that_tells(host: &Host, options: &[&str], script: &str, errors: PipeWriter) -> Self {
        // A terminal's interrupt must reach it: who runs these tests in the background ignores it, and so would it.
        let mut command = cli::clean(Command::new("env"));
        command.arg("--default-signal=INT").arg(cli::binary());
        command.args(["--server", host.url(), "with", "gpu0"]).args(options);
        // All of these tests under another confinement than the first that this machine can make.
        if let Some(how) = std::env::var_os("EASEL_TEST_CONFINE").filter(|_| !options.contains(&"--confine")) {
            command.arg("--confine").arg(how);
        }
        command.args(["--", "sh", "-c", script]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("easel with");
        let output = lines(child.stdout.take().expect("stdout"));
        let input = child.stdin.take();
        Self { child, input, output, errors: Arc::default() }
    }

    /// Waits until the command says this line.
    pub async fn says(&self, line: &str) {
        eventually(&format!("the command to say {line:?}"), async || self.has_said(line).then_some(())).await;
    }

    pub fn has_said(&self, line: &str) -> bool {
        self.output.lock().expect("output").iter().any(|said| said == line)
    }

    /// What the command has said so far.
    pub fn output(&self) -> Vec<String> {
        self.output.lock().expect("output").clone()
    }

    /// Waits until Easel tells the user something with these words.
    pub async fn tells(&self, words: &str) {
        eventually(&format!("Easel to tell {words:?}"), async || self.has_told(words).then_some(())).await;
    }

    /// What Easel has told the user so far.
    pub fn told(&self) -> Vec<String> {
        self.errors.lock().expect("errors").clone()
    }

    pub fn has_told(&self, words: &str) -> bool {
        self.errors.lock().expect("errors").iter().any(|line| line.contains(words))
    }

    /// Gives the command a line to read.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("an open input"), "{line}").expect("a reader");
    }

    /// Gives the command nothing more to read.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The process that the user started.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// A signal to the process that the user started.
    pub fn signal(&self, signal: &str) {
        kill(signal, &self.pid());
    }

    /// kill -9 for the process that holds the device: the child of the one that the user started.
    pub fn kill_holder(&self) {
        let me = self.child.id();
        let children: Vec<u32> = std::fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                status
                    .lines()
                    .any(|line| line.strip_prefix("PPid:").is_some_and(|parent| parent.trim() == me.to_string()))
            })
            .collect();
        assert_eq!(children.len(), 1, "one process holds the device");
        kill("KILL", &children[0].to_string());
    }

    /// A signal as the terminal sends it: to all that run in the foreground.
    pub fn signal_from_terminal(&self, signal: &str) {
        kill(signal, &format!("-{}", self.pid()));
    }

    /// Presses Ctrl-C until it has ended.
    pub async fn interrupt_until_it_ends(&mut self) {
        let group = format!("-{}", self.child.id());
        let child = &mut self.child;
        eventually("two interrupts to kill the command", async || {
            kill("INT", &group);
            child.try_wait().expect("wait")
        })
        .await;
    }

    /// Waits until it has ended: what it exited with.
    pub async fn exit(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let code = eventually("easel with to end", async || child.try_wait().expect("wait")).await.code();
        // What it wrote last is read by now, or soon.
        let (output, errors) = (&self.output, &self.errors);
        eventually("its output to end", async || {
            (Arc::strong_count(output) + Arc::strong_count(errors) == 2).then_some(())
        })
        .await;
        code
    }
}

impl Drop for With {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let (output, errors) = (self.output.lock(), self.errors.lock());
            eprintln!("--- the command said {output:?}, Easel {errors:?}");
        }
    }
}

/// The commands on the device or in its line, as jobs.
pub async fn commands(host: &Host) -> Vec<Value> {
    host.api().jobs("backend=command@gpu0").await
}

/// The one command of the host, once it stands so.
pub async fn command_that_is(host: &Host, status: &str) -> Value {
    eventually(&format!("a command that is {status}"), async || {
        commands(host).await.into_iter().find(|job| job["status"] == status)
    })
    .await
}

pub fn kill(signal: &str, target: &str) {
    // Whether it was still there is for the test to find out.
    let _ = Command::new("sh").args(["-c", "kill -s \"$0\" -- \"$1\"", signal, target]).stderr(Stdio::null()).status();
}

fn lines(pipe: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            into.lock().expect("lines").push(line);
        }
    });
    lines
}
