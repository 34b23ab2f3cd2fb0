//! SurrealKV's log: what has to be done to its files so that nothing is written behind a tear, and the room that it takes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::space;
use crate::store::StoreError;

/// What the disk must have room for besides what is in the log, before the engine is closed: it cannot be half closed.
const MARGIN: u64 = 16 * 1024 * 1024;
/// SurrealKV's directory of logs, within the store's.
pub(super) const LOGS: &str = "wal";
/// Where SurrealKV repairs a torn log. What a crash leaves there spoils the next repair.
pub(super) const REPAIR: &str = "repair_temp";

/// The engine lets the user's group look into its logs, whatever it is told.
pub(super) fn close_to_others(directory: &Path) -> io::Result<()> {
    let logs = directory.join(LOGS);
    match fs::metadata(&logs) {
        Ok(metadata) => fs::set_permissions(&logs, fs::Permissions::from_mode(metadata.permissions().mode() & !0o077)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives the engine an empty log file after the last one, which is the one that it goes on with.
pub(super) fn begin_log(directory: &Path) -> io::Result<()> {
    let logs = directory.join(LOGS);
    let Some((last, bytes)) = log_files(directory)?.into_iter().max() else { return Ok(()) };
    match fs::remove_dir_all(logs.join(REPAIR)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // What a process that died had written and not waited for is read again, and shown: by then it has to be on the disk.
    for (number, _) in log_files(directory)? {
        File::open(log_file(&logs, number))?.sync_all()?;
    }
    if bytes > 0 {
        File::create_new(log_file(&logs, last + 1))?;
        File::open(&logs)?.sync_all()?;
    }
    Ok(())
}

fn log_file(logs: &Path, number: u64) -> PathBuf {
    logs.join(format!("{number:020}.wal"))
}

/// How much room the disk ought to have for the engine to be closed, if it has less.
pub(super) fn room(directory: &Path) -> Result<Option<u64>, StoreError> {
    let needed = log_bytes(directory)? + MARGIN;
    let what = "cannot tell how much is free on the disk of";
    let free = space::free(directory).map_err(|error| StoreError::Io { what, path: directory.to_owned(), error })?;
    Ok((free < needed).then_some(needed))
}

pub(super) fn log_bytes(directory: &Path) -> Result<u64, StoreError> {
    let files = log_files(directory).map_err(|error| StoreError::Io {
        what: "cannot read the store's log in",
        path: directory.to_owned(),
        error,
    })?;
    Ok(files.iter().map(|(_, bytes)| bytes).sum())
}

/// The numbers of the log files, and their sizes.
pub(super) fn log_files(directory: &Path) -> io::Result<Vec<(u64, u64)>> {
    let entries = match fs::read_dir(directory.join(LOGS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".wal")).and_then(|stem| stem.parse().ok());
        if let Some(number) = number {
            // Files that the engine has just flushed go away under our eyes.
            match entry.metadata() {
                Ok(metadata) => files.push((number, metadata.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

/// Writes a little and takes it away again, to learn what the system says.
pub(super) fn try_write(directory: &Path) -> Result<(), StoreError> {
    let written = tempfile::tempfile_in(directory).and_then(|mut file| {
        file.write_all(&[0; 64 * 1024])?;
        file.sync_all()
    });
    written.map_err(|error| StoreError::Io { what: "cannot write to", path: directory.to_owned(), error })
}

/// What is said while there is no room for what has to be done before the next write.
pub(super) fn no_room(directory: &Path, needed: u64) -> StoreError {
    StoreError::NoRoom { directory: directory.to_owned(), needed: ByteSize(needed) }
}
