//! Room on a disk.

use std::io;
use std::path::Path;

/// How many bytes this process may still write to the disk on which `place` lies.
pub fn free(place: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(place)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
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
