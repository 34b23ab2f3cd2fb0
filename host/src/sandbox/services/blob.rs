//! An input of a job, read piece by piece.

use std::sync::Arc;

use crate::artifacts::Exchange;
use crate::sandbox::{InputFile, limits};

/// Bytes that came with the job, as the guest sees them.
pub struct Blob {
    about: InputFile,
    files: Arc<dyn Exchange>,
}

impl Blob {
    pub(crate) fn new(about: InputFile, files: Arc<dyn Exchange>) -> Self {
        Self { about, files }
    }

    pub(crate) fn about(&self) -> &InputFile {
        &self.about
    }

    /// Up to `max` bytes from `offset`. The error is for the log of whoever wrote the guest: it names no path of ours.
    pub(crate) async fn read(&self, offset: u64, max: u32) -> Result<Vec<u8>, String> {
        let name = &self.about.name;
        let piece = self.files.read(name, offset, u64::from(max).min(limits::PIECE)).await;
        piece.map_err(|error| format!("cannot read the input {name:?}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use easel_core::JobId;

    use super::*;
    use crate::artifacts::{Files, OpenFiles};

    fn blob(bytes: &[u8]) -> (tempfile::TempDir, Blob) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("init");
        std::fs::write(&path, bytes).unwrap();
        let input = InputFile { name: "init".into(), mime: "image/png".into(), size: bytes.len() as u64 };
        let files = Files::open(dir.path()).unwrap().attempt(JobId(uuid::Uuid::nil()), 1, 0);
        (dir, Blob::new(input, Arc::new(OpenFiles::of(files, [("init".into(), path)].into()))))
    }

    #[tokio::test]
    async fn pieces_are_read_from_anywhere_and_none_past_the_end() {
        let (_dir, blob) = blob(b"abcdef");
        assert_eq!(blob.read(0, 2).await.unwrap(), b"ab");
        assert_eq!(blob.read(4, 100).await.unwrap(), b"ef");
        assert_eq!(blob.read(6, 100).await.unwrap(), b"");
        assert_eq!(blob.read(1 << 40, 100).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_piece_is_never_larger_than_a_mebibyte() {
        let (_dir, blob) = blob(&vec![7; 3 * 1024 * 1024]);
        assert_eq!(blob.read(0, u32::MAX).await.unwrap().len(), 1024 * 1024);
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_an_error_without_our_paths() {
        let (dir, blob) = blob(b"abc");
        std::fs::remove_file(dir.path().join("init")).unwrap();

        let error = blob.read(0, 1).await.unwrap_err();

        assert!(error.contains("init") && !error.contains(dir.path().to_str().unwrap()), "{error}");
    }
}
