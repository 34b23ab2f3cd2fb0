//! An input of a job, read piece by piece.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use super::{InputFile, limits};

/// Bytes that came with the job, as the guest sees them.
pub struct Blob(Arc<InputFile>);

impl Blob {
    pub(super) fn new(input: InputFile) -> Self {
        Self(Arc::new(input))
    }

    pub(super) fn about(&self) -> &InputFile {
        &self.0
    }

    /// Up to `max` bytes from `offset`. The error is for the log of whoever wrote the guest: it names no path of ours.
    pub(super) async fn read(&self, offset: u64, max: u32) -> Result<Vec<u8>, String> {
        let input = self.0.clone();
        let piece =
            tokio::task::spawn_blocking(move || read_piece(&input, offset, u64::from(max).min(limits::PIECE))).await;
        let failed = |error: &dyn std::fmt::Display| format!("cannot read the input {:?}: {error}", self.0.name);
        piece.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

fn read_piece(input: &InputFile, offset: u64, max: u64) -> io::Result<Vec<u8>> {
    // Opened for each piece: at most one open file for a read, however many handles the guest keeps.
    let mut file = File::open(&input.path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::new();
    file.take(max).read_to_end(&mut piece)?;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(bytes: &[u8]) -> (tempfile::TempDir, Blob) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("init");
        std::fs::write(&path, bytes).unwrap();
        let input = InputFile { name: "init".into(), mime: "image/png".into(), size: bytes.len() as u64, path };
        (dir, Blob::new(input))
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
