//! The binary as a command: found once, run to its end.

use super::BOUND;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Exit {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Exit {
    /// Standard output as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// Asserts that it ended with `code` and named each of `words` on standard error.
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "standard error does not mention {word:?}: {self}");
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// `easel ARGS`, to its end.
pub async fn easel<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Exit {
    let mut command = command();
    command.args(args);
    run(command).await
}

/// Runs a command to its end.
pub async fn run(command: Command) -> Exit {
    let shown = format!("{command:?}");
    let child = tokio::process::Command::from(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let output = tokio::time::timeout(BOUND, child.wait_with_output())
        .await
        .unwrap_or_else(|_| panic!("{shown} does not end"))
        .expect("output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Exit { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The binary without the surroundings of whoever runs the tests.
pub fn command() -> Command {
    clean(Command::new(binary()))
}

/// Takes everything out of a command's surroundings that could change what the host does: variables, an `easel.toml`.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_lowercase();
        if text.starts_with("easel") || text == "rust_log" || text.ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1").current_dir(std::env::temp_dir());
    command
}

/// The `easel` binary: `EASEL_BIN`, else beside these tests.
pub fn binary() -> PathBuf {
    found("EASEL_BIN", || profile_dir().join(format!("easel{}", std::env::consts::EXE_SUFFIX)))
}

/// The component whose behaviour a job's params select: `EASEL_FAKES`, else where the host's build puts it.
pub fn fakes() -> PathBuf {
    found("EASEL_FAKES", || {
        let target = profile_dir().parent().map(Path::to_path_buf).expect("a target directory");
        target.join("guests/wasm32-wasip2/release/fakes.wasm")
    })
}

/// The component that reaches for hosts: beside the other one.
pub fn fakes_online() -> PathBuf {
    fakes().with_file_name("fakes_online.wasm")
}

fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.parent().and_then(Path::parent).map(Path::to_path_buf).expect("target/PROFILE/deps")
}

fn found(variable: &str, default: impl FnOnce() -> PathBuf) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(default, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: run `make test`, or `cargo build` first, or set {variable}",
        path.display()
    );
    path.canonicalize().expect("an absolute path")
}
