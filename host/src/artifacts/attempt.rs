//! The files of one attempt: written while the guest runs, counted while they are written.
//!
//! All writers of an attempt share one account. Bytes are booked before they are written, so a guest cannot get past
//! its quota by writing to many files at once; a file that is dropped unfinished gives its bytes back. `finish` makes
//! the file and its name durable, while the guest runs and the device is busy anyway: what is left for the end of the
//! attempt, when the device waits, is to read a list. Most jobs of some backends make no file at all: the attempt's directory is
//! made with the first one, and goes if none of them was finished.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytesize::ByteSize;
use easel_core::Artifact;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{FilesError, WriteError, disk, name};

/// The most files that an attempt may begin.
pub const MAX_ARTIFACTS: usize = 64;

/// A chunk up to this size is handed to the disk in one piece.
const BUFFER: usize = 1024 * 1024;

/// What one attempt may write, and what it has written. Clones share the account.
#[derive(Clone, Debug)]
pub struct AttemptFiles(Arc<Account>);

#[derive(Debug)]
struct Account {
    /// The data directory, which is not made in its name if it is gone.
    root: Arc<Path>,
    directory: PathBuf,
    number: u32,
    quota: u64,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// In order of creation. Those that were discarded stay: a name is used once.
    begun: Vec<Begun>,
    bytes: u64,
    /// The attempt's directory itself, and its parents, have durable names.
    rooted: bool,
}

#[derive(Debug)]
struct Begun {
    name: String,
    finished: Option<Artifact>,
}

impl Account {
    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing in here panics half-way through a change.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttemptFiles {
    pub(super) fn new(root: Arc<Path>, directory: PathBuf, number: u32, quota: u64) -> Self {
        Self(Arc::new(Account { root, directory, number, quota, books: Mutex::default() }))
    }

    /// Begins a file. A name is used once in an attempt, also when the file is discarded.
    pub fn create(&self, name: &str, mime: &str) -> Result<ArtifactWriter, WriteError> {
        name::check(name).map_err(|error| WriteError::BadName(error.to_string()))?;
        check_mime(mime)?;
        let place = self.0.begin(name)?;
        let path = self.0.directory.join(name);
        let file = std::fs::File::create_new(&path).map_err(FilesError::io("create", &path)).map_err(WriteError::of)?;
        let mut file = File::from_std(file);
        file.set_max_buf_size(BUFFER);
        let (account, mime) = (self.0.clone(), mime.to_owned());
        Ok(ArtifactWriter {
            account,
            place,
            name: name.to_owned(),
            mime,
            path,
            file,
            hash: Sha256::new(),
            size: 0,
            finished: false,
        })
    }

    /// The finished files in order of creation: all of them durable, and so are their names. If there are none, nor is there
    /// a directory any more.
    pub async fn finished(&self) -> Result<Vec<Artifact>, FilesError> {
        let (begun, finished) = {
            let books = self.0.books();
            let finished: Vec<_> = books.begun.iter().filter_map(|begun| begun.finished.clone()).collect();
            (!books.begun.is_empty(), finished)
        };
        if begun && finished.is_empty() {
            let directory = self.0.directory.clone();
            disk::blocking(move || {
                disk::remove_directory(&directory)?;
                directory.parent().map_or(Ok(()), disk::remove_empty_directory)
            })
            .await?;
        }
        Ok(finished)
    }
}

impl Account {
    fn begin(&self, name: &str) -> Result<usize, WriteError> {
        let mut books = self.books();
        if books.begun.iter().any(|begun| begun.name == name) {
            return Err(WriteError::BadName(format!("{name:?} was used before in this attempt")));
        }
        if books.begun.len() >= MAX_ARTIFACTS {
            return Err(WriteError::Quota(format!("an attempt may make {MAX_ARTIFACTS} files")));
        }
        if books.begun.is_empty() {
            // Numbers never repeat, so there is nothing here, unless the data directory is older than its store.
            disk::remove_directory(&self.directory)
                .and_then(|_| disk::create_directory(&self.root, &self.directory))
                .map_err(WriteError::of)?;
        }
        books.begun.push(Begun { name: name.to_owned(), finished: None });
        Ok(books.begun.len() - 1)
    }

    fn book(&self, bytes: u64) -> Result<(), WriteError> {
        let mut books = self.books();
        let total = books.bytes.checked_add(bytes).filter(|total| *total <= self.quota);
        books.bytes = total.ok_or_else(|| {
            WriteError::Quota(format!("the files of an attempt may have {} together", ByteSize(self.quota)))
        })?;
        Ok(())
    }

    /// Makes the names of the directory durable, and the first time those that lead to it.
    fn sync(&self) -> Result<(), FilesError> {
        disk::sync_directory(&self.directory)?;
        if !self.books().rooted {
            for parent in self.directory.ancestors().skip(1).take(2) {
                disk::sync_directory(parent)?;
            }
            self.books().rooted = true;
        }
        Ok(())
    }
}

/// One file in the making. Dropped unfinished, it never was.
#[derive(Debug)]
pub struct ArtifactWriter {
    account: Arc<Account>,
    place: usize,
    name: String,
    mime: String,
    path: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
    finished: bool,
}

impl ArtifactWriter {
    /// Which file of its attempt this is: 0, 1, 2 …
    pub(super) fn number(&self) -> u32 {
        // There are not so many.
        u32::try_from(self.place).unwrap_or(u32::MAX)
    }

    /// Appends bytes. After an error the file can only be dropped.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), WriteError> {
        self.account.book(chunk.len() as u64)?;
        self.size += chunk.len() as u64;
        // The disk works on what it was handed while the hash is made.
        self.file.write_all(chunk).await.map_err(|error| self.failed("write", error))?;
        self.hash.update(chunk);
        Ok(())
    }

    /// The file is complete: it and its name are durable when this returns.
    pub async fn finish(mut self) -> Result<(), WriteError> {
        self.file.flush().await.map_err(|error| self.failed("write", error))?;
        self.file.sync_all().await.map_err(|error| self.failed("sync", error))?;
        let (account, path) = (self.account.clone(), self.path.clone());
        let is_image = self.mime.starts_with("image/");
        let pixels = disk::blocking(move || {
            account.sync()?;
            Ok(if is_image { pixels_of(&path) } else { None })
        });
        let (width, height) = pixels.await.map_err(WriteError::of)?.unzip();
        let artifact = Artifact {
            name: std::mem::take(&mut self.name),
            mime: std::mem::take(&mut self.mime),
            size: self.size,
            sha256: format!("{:x}", std::mem::take(&mut self.hash).finalize()),
            width,
            height,
            attempt: self.account.number,
        };
        if let Some(begun) = self.account.books().begun.get_mut(self.place) {
            begun.finished = Some(artifact);
        }
        self.finished = true;
        Ok(())
    }

    fn failed(&self, doing: &'static str, error: std::io::Error) -> WriteError {
        WriteError::of(FilesError::io(doing, &self.path)(error))
    }
}

impl Drop for ArtifactWriter {
    fn drop(&mut self) {
        if !self.finished {
            disk::discard(&self.path);
            self.account.books().bytes -= self.size;
        }
    }
}

/// How far into a file its size as a picture is looked for. A file can be made of nothing but headers, and nobody could stop
/// the reading of those.
const HEADERS: u64 = 1 << 20;

/// Width and height, if the bytes are an image after all.
fn pixels_of(path: &Path) -> Option<(u32, u32)> {
    let mut headers = Vec::new();
    std::fs::File::open(path).ok()?.take(HEADERS).read_to_end(&mut headers).ok()?;
    let size = imagesize::blob_size(&headers).ok()?;
    Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
}

/// The media type becomes a header of responses: `TYPE/SUBTYPE; NAME=VALUE`, in visible characters.
fn check_mime(mime: &str) -> Result<(), WriteError> {
    let visible = mime.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if mime.len() <= 128
        && visible
        && mime.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
    {
        Ok(())
    } else {
        Err(WriteError::Other(format!("{:?} is not a media type", mime.chars().take(64).collect::<String>())))
    }
}

#[cfg(test)]
mod tests;
