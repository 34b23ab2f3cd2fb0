//! A store remembers which directory it is, and on which machine: a copy that is started would run the jobs of the original again.
//!
//! A directory is told by its number in its file system and by when it was made, which a copy does not have in common with it;
//! one that was moved, or mounted elsewhere, has. A machine is told by its `/etc/machine-id`, where there is one; its name is
//! not asked for, since containers change theirs at each start.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::StoreError;

const FILE: &str = "easel.home";

/// What tells a directory from its copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// Derived from the machine's id, which is nobody's business.
    machine: Option<String>,
    path: String,
    number: u64,
    /// In microseconds since 1970, where the file system knows it.
    born: Option<u64>,
}

/// A store's directory, which is to be stamped.
pub struct Home {
    directory: PathBuf,
    stale: bool,
}

impl Home {
    /// Makes sure that the store in this directory is no copy, unless it is to be `adopted` as one. A directory that is not
    /// there, and one from before there were stamps, is taken as it is.
    pub fn check(directory: &Path, adopted: bool) -> Result<Self, StoreError> {
        let failed = |error| StoreError::Io { what: "cannot look at", path: directory.to_owned(), error };
        let home = |stale| Ok(Self { directory: directory.to_owned(), stale });
        let text = match fs::read(directory.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return home(true),
            Err(error) => return Err(failed(error)),
        };
        let Ok(stamp) = serde_json::from_slice::<Stamp>(&text) else {
            tracing::warn!("the stamp of the store in {} cannot be read, and is made anew", directory.display());
            return home(true);
        };
        let here = Stamp::of(directory).map_err(failed)?;
        let Some(what) = stamp.differs_from(&here) else { return home(stamp != here) };
        if !adopted {
            return Err(StoreError::Copy { directory: directory.to_owned(), original: stamp.path, what });
        }
        tracing::warn!("the store in {} {what}, and is adopted", directory.display());
        home(true)
    }

    /// Stamps it, now that the store is open.
    pub fn stamp(&self) -> Result<(), StoreError> {
        if !self.stale {
            return Ok(());
        }
        let written = Stamp::of(&self.directory).and_then(|stamp| {
            let new = self.directory.join("easel.home.new");
            let mut file = fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(&stamp)?)?;
            file.sync_all()?;
            fs::rename(&new, self.directory.join(FILE))
        });
        written.map_err(|error| StoreError::Io { what: "cannot stamp", path: self.directory.clone(), error })
    }
}

impl Stamp {
    fn of(directory: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(directory)?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            machine: machine(fs::read_to_string("/etc/machine-id").ok().as_deref()),
            path: fs::canonicalize(directory)?.display().to_string(),
            number: metadata.ino(),
            born: born.and_then(|born| u64::try_from(born.as_micros()).ok()),
        })
    }

    /// What tells that this is not where the store was, if anything does.
    fn differs_from(&self, here: &Self) -> Option<&'static str> {
        let differ = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
        if self.number != here.number || self.born.is_some() && here.born.is_some() && self.born != here.born {
            return Some("is a copy of another one");
        }
        differ(&self.machine, &here.machine).then_some("was used on another machine")
    }
}

/// What stands for a machine of this id. Some have none, or one that is still to be made.
fn machine(id: Option<&str>) -> Option<String> {
    let id = id?.trim();
    let real = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    real.then(|| format!("{:x}", Sha256::digest(format!("easel {id}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { machine: Some("m".into()), path: "/data/store".into(), number: 7, born: Some(9) }
    }

    #[test]
    fn a_copy_is_another_directory_and_a_moved_one_is_not() {
        let is = |here: Stamp| stamp().differs_from(&here);
        assert_eq!(is(Stamp { path: "/elsewhere".into(), ..stamp() }), None);
        assert_eq!(is(Stamp { machine: None, ..stamp() }), None, "a container without an id");
        assert_eq!(is(Stamp { born: None, ..stamp() }), None);
        assert_eq!(is(Stamp { number: 8, ..stamp() }), Some("is a copy of another one"));
        assert_eq!(is(Stamp { born: Some(8), ..stamp() }), Some("is a copy of another one"));
        assert_eq!(is(Stamp { machine: Some("n".into()), ..stamp() }), Some("was used on another machine"));
    }

    #[test]
    fn a_machine_is_known_by_an_id_that_is_one_and_is_not_shown() {
        let id = "0123456789abcdef0123456789abcdef";
        assert!(machine(Some(&format!("{id}\n"))).is_some_and(|machine| !machine.contains(id)));
        for none in [None, Some(""), Some("uninitialized\n"), Some("0123")] {
            assert_eq!(machine(none), None);
        }
    }

    #[test]
    fn a_store_is_started_where_it_was_stamped_and_a_copy_when_it_is_adopted() {
        let home = tempfile::tempdir().unwrap();
        let (first, copy) = (home.path().join("first"), home.path().join("copy"));
        fs::create_dir(&first).unwrap();
        Home::check(&first, false).unwrap().stamp().unwrap();
        Home::check(&first, false).unwrap();
        fs::create_dir(&copy).unwrap();
        fs::copy(first.join(FILE), copy.join(FILE)).unwrap();
        assert!(matches!(Home::check(&copy, false), Err(StoreError::Copy { .. })));
        Home::check(&copy, true).unwrap().stamp().unwrap();
        Home::check(&copy, false).unwrap();
        let moved = home.path().join("moved");
        fs::rename(&first, &moved).unwrap();
        Home::check(&moved, false).unwrap();
        fs::write(moved.join(FILE), "half a sta").unwrap();
        Home::check(&moved, false).unwrap();
    }
}
