//! Whether there is a program to run, which is looked at before it takes a place in line: who waits for hours to be told of a
//! misspelt name has waited for nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::cli::exit::Ended;

/// Where the system looks when there is no `PATH`.
const USUAL: &str = "/bin:/usr/bin";

/// Makes sure that there is a program of this name. It may still turn out to be of no use.
pub(super) fn look_for(program: &OsStr) -> io::Result<()> {
    look(program, &env::var_os("PATH").unwrap_or_else(|| OsString::from(USUAL)))
}

fn look(program: &OsStr, path: &OsStr) -> io::Result<()> {
    if program.is_empty() {
        return Err(rustix::io::Errno::NOENT.into());
    }
    let candidates: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
        vec![PathBuf::from(program)]
    } else {
        env::split_paths(path).map(|directory| directory.join(program)).collect()
    };
    let mut failure = io::Error::from(rustix::io::Errno::NOENT);
    for candidate in candidates {
        match runnable(&candidate) {
            Ok(()) => return Ok(()),
            // What is there and may not be run is told of rather than that elsewhere there is nothing.
            Err(error) if error.kind() != ErrorKind::NotFound => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

fn runnable(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(rustix::io::Errno::ACCESS.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}

/// The command cannot be run: what to say, and what to end with, as shells tell it.
pub(super) fn not_run(command: &[OsString], error: &io::Error) -> (String, Ended) {
    let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
    let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
    (format!("easel: cannot run {program}: {error}"), Ended(code))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (home.path().join("one"), home.path().join("two"));
        for (path, mode) in [(one.join("text"), 0o644), (one.join("tool"), 0o644), (two.join("tool"), 0o755)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = env::join_paths([&one, &two]).unwrap();
        let code = |program: &OsStr| match look(program, &path) {
            Ok(()) => 0,
            Err(error) => not_run(&[], &error).1.0,
        };
        assert_eq!(code("tool".as_ref()), 0, "the second is one that can be run");
        assert_eq!(code("text".as_ref()), 126);
        assert_eq!(code("nothing".as_ref()), 127);
        assert_eq!(code("".as_ref()), 127);
        assert_eq!((code(two.join("tool").as_ref()), code(one.join("tool").as_ref())), (0, 126));
        assert_eq!((code(two.as_ref()), code(two.join("nothing").as_ref())), (126, 127));
        assert_eq!(code(one.join("text/below").as_ref()), 126);
    }
}
