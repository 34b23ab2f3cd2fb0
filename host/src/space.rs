//! What a disk has: room, and places that others may not look into.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// How many bytes this process may still write to the disk on which `place` lies.
pub fn free(place: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(place)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether other users of this machine may look into a directory, or do more there.
pub fn is_open_to_others(directory: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(directory)?.permissions().mode() & 0o077 != 0)
}

/// What closes it.
pub fn cure(directory: &Path) -> String {
    format!("chmod -R go= '{}'", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_disk_has_some_room_and_what_is_not_there_does_not_tell() {
        assert!(free(Path::new("/")).unwrap() > 0);
        free(Path::new("/no/such/place")).unwrap_err();
    }
}
