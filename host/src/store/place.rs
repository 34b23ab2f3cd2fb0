//! A directory as this process has it: where it was when it was opened, and there still.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held locked besides the directory itself: earlier versions of Easel know nothing else.
const LOCK: &str = "easel.lock";

/// A directory that is open.
pub(super) struct Place {
    path: PathBuf,
    directory: File,
    id: (u64, u64),
    /// Keeps earlier versions out.
    _lock: Option<File>,
}

impl Place {
    /// One that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = File::open(path)?;
        let id = id(&directory.metadata()?);
        Ok(Self { path: path.to_owned(), directory, id, _lock: None })
    }

    /// The store's, made if it is not there, and locked for as long as this lives. What SurrealKV locks, it lets go of at each
    /// flush. It is the directory that is locked, and not a file in it: that could be removed, and another be locked.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let io = |what| move |error| StoreError::Io { what, path: path.to_owned(), error };
        fs::create_dir_all(path).map_err(io("cannot create the store's directory"))?;
        let place = Self::open(path).map_err(io("cannot open the store's directory"))?;
        match place.directory.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Held(path.to_owned())),
            // Some file systems of networks lock files only.
            Err(TryLockError::Error(error)) => tracing::debug!("cannot lock the directory {}: {error}", path.display()),
        }
        let file = File::create(path.join(LOCK)).map_err(io("cannot write to the store's directory"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _lock: Some(file), ..place }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Held(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(io("cannot lock the store in")(error)),
        }
    }

    /// Makes sure that the directory of this name is the one that was opened: what is written by name would go elsewhere.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if id(&found) == self.id => Ok(()),
            Ok(_) => Err(StoreError::Moved(self.path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Moved(self.path.clone())),
            // It cannot be told, and whoever writes will find out.
            Err(error) => {
                tracing::debug!("cannot look at {}: {error}", self.path.display());
                Ok(())
            }
        }
    }
}

fn id(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_whatever_becomes_of_the_files_in_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let first = Place::take(&path).unwrap();
        fs::remove_file(path.join(LOCK)).unwrap();
        assert!(matches!(Place::take(&path), Err(StoreError::Held(_))));
        drop(first);
        Place::take(&path).unwrap();
    }

    #[test]
    fn a_directory_that_is_elsewhere_is_noticed_also_when_another_has_its_name() {
        let home = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (home.path().join("store"), home.path().join("elsewhere"));
        let place = Place::take(&path).unwrap();
        place.check().unwrap();
        fs::rename(&path, &elsewhere).unwrap();
        assert!(matches!(place.check(), Err(StoreError::Moved(_))));
        fs::create_dir(&path).unwrap();
        assert!(matches!(place.check(), Err(StoreError::Moved(_))));
        fs::remove_dir(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
        place.check().unwrap();
    }
}
