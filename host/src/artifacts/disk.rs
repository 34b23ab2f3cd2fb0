//! The few things that are done to a disk, in their durable form, each with an error that names the path.
//!
//! A file's bytes and a file's name are durable separately: the name is its directory's. Hence `sync_directory`, which
//! every step that creates or removes a name ends with.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use uuid::Uuid;

use super::FilesError;

/// How often a directory is made again that cannot be made because the one above has just gone.
const TRIES: u32 = 8;

/// Runs disk work where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(FilesError::io("finish the work on", Path::new("a file"))(io::Error::other(error))))
}

/// Creates a directory, and those between it and `root`. Where there is no root any more, nothing is to be made in its name.
pub(super) fn create_directory(root: &Path, path: &Path) -> Result<(), FilesError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|directory| *directory != root).collect();
    let create = || {
        for directory in missing.iter().rev() {
            match fs::create_dir(directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    let mut tries = TRIES;
    loop {
        match create() {
            // Somebody removes the directory above, which was empty a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries > 0 => tries -= 1,
            created => return created.map_err(FilesError::io("create the directory", path)),
        }
    }
}

/// Removes a directory if nothing is in it.
pub(super) fn remove_empty_directory(path: &Path) -> Result<(), FilesError> {
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
            Err(FilesError::io("remove the directory", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it. Whether it was there.
pub(super) fn remove_directory(path: &Path) -> Result<bool, FilesError> {
    was_there(fs::remove_dir_all(path)).map_err(FilesError::io("remove the directory", path))
}

/// Removes a file. Whether it was there.
pub(super) fn remove_file(path: &Path) -> Result<bool, FilesError> {
    was_there(fs::remove_file(path)).map_err(FilesError::io("remove", path))
}

fn was_there(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), FilesError> {
    // Only Unix lets a directory be opened and synced; elsewhere the file system journals names by itself.
    if cfg!(unix) {
        File::open(path).and_then(|directory| directory.sync_all()).map_err(FilesError::io("sync", path))?;
    }
    Ok(())
}

/// Writes a small file that is there completely or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    // A name of its own, so that two who write the same file cannot write into each other's.
    let place = path.with_extension(format!("{}.draft", Uuid::now_v7().simple()));
    let draft = Draft::at(&place);
    let written = File::create_new(&place).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(FilesError::io("write", &place))?;
    fs::rename(&place, path).map_err(FilesError::io("put in place", path))?;
    draft.keep();
    Ok(())
}

/// A file that goes away again unless it is kept: also when the future that writes it is dropped.
pub(super) struct Draft<'a> {
    path: &'a Path,
    kept: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn at(path: &'a Path) -> Self {
        Self { path, kept: false }
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.kept {
            discard(self.path);
        }
    }
}

/// Removes what nobody will miss: if it fails, the next sweep gets it.
pub(super) fn discard(path: &Path) {
    if let Err(error) = remove_file(path) {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot remove a discarded file yet");
    }
}
