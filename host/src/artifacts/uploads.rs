//! Uploads: bytes that came before the job that will use them.
//!
//! An upload is there once its `.json` is: that is written last, after the bytes are durable. A job does not move the
//! upload but links to it, so one upload can serve many jobs, and expiring it takes nothing from them.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use easel_core::{Input, JobId, Timestamp};
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::sweep::names_in;
use super::{Files, FilesError, disk, name};

/// What is known about an upload.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its identity.
    pub id: Uuid,
    /// Bytes.
    pub size: u64,
    /// The media type that it was sent as.
    pub mime: String,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// When it came, in microseconds of the host's own time. Those of before do not say.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl Files {
    /// Takes an upload of at most `max` bytes, at a moment of the host's own time. It is durable when this returns; otherwise nothing of it is left.
    pub async fn save_upload<E: Display>(
        &self,
        mime: &str,
        body: impl Stream<Item = Result<Bytes, E>>,
        max: u64,
        at: Timestamp,
    ) -> Result<Upload, FilesError> {
        let id = Uuid::now_v7();
        let path = self.upload_path(id);
        let draft = disk::Draft::at(&path);
        let (size, sha256) = receive(&path, body, max).await?;
        let upload = Upload { id, size, mime: mime.to_owned(), sha256, at: Some(at) };
        let (about, uploads) = (self.about(id), self.uploads());
        let text =
            serde_json::to_vec(&upload).map_err(|error| FilesError::io("describe", &about)(io::Error::other(error)))?;
        disk::blocking(move || {
            disk::write_whole(&about, &text)?;
            disk::sync_directory(&uploads)
        })
        .await?;
        draft.keep();
        Ok(upload)
    }

    /// What is known about an upload; none if there is no such upload (any more).
    pub async fn upload(&self, id: Uuid) -> Result<Option<Upload>, FilesError> {
        let about = self.about(id);
        disk::blocking(move || {
            let text = match fs::read(&about) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(FilesError::io("read", &about)(error)),
            };
            serde_json::from_slice(&text).map(Some).map_err(|error| FilesError::io("read", &about)(error.into()))
        })
        .await
    }

    /// Makes an upload the input `name` of a job: a durable link that the upload's end does not touch.
    pub async fn adopt(&self, upload: Uuid, job: JobId, name: &str) -> Result<Input, FilesError> {
        let name = name::check(name)?.to_owned();
        let known = self.upload(upload).await?.ok_or(FilesError::NoUpload(upload))?;
        let (from, inputs, directory) = (self.upload_path(upload), self.inputs(), self.inputs_of(job));
        let (root, to) = (self.root.clone(), directory.join(&name));
        let taken = name::refused(&name, "the job has another input of this name");
        disk::blocking(move || {
            disk::create_directory(&root, &directory)?;
            match link(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(taken),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FilesError::NoUpload(upload)),
                Err(error) => return Err(FilesError::io("link an upload to", &to)(error)),
            }
            disk::sync_directory(&directory)?;
            disk::sync_directory(&inputs)
        })
        .await?;
        Ok(Input { name, upload, mime: known.mime, size: known.size, sha256: known.sha256 })
    }

    /// Removes the uploads that have been there for longer than that, at a moment of the host's own time. How many went.
    pub async fn expire_uploads(&self, older_than: Duration, now: Timestamp) -> Result<usize, FilesError> {
        let (uploads, files) = (self.uploads(), self.clone());
        let longest = Timestamp::try_from(older_than.as_micros()).unwrap_or(Timestamp::MAX);
        disk::blocking(move || {
            let mut gone = 0;
            for id in names_in(&uploads)?.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<Uuid>().ok()) {
                let (bytes, about) = (files.upload_path(id), files.about(id));
                if now.saturating_sub(came_at(&about)?) > longest {
                    // What is known about it goes first: without that it is not there.
                    gone += usize::from(disk::remove_file(&about)? && disk::remove_file(&bytes)?);
                }
            }
            Ok(gone)
        })
        .await
    }

    /// Removes what a crash has left of uploads that were under way. Only before any other can come.
    pub async fn discard_unfinished_uploads(&self) -> Result<usize, FilesError> {
        let uploads = self.uploads();
        disk::blocking(move || {
            let names = names_in(&uploads)?;
            let unfinished = |name: &&String| match name.parse::<Uuid>() {
                Ok(id) => !names.contains(&format!("{id}.json")),
                Err(_) => name.ends_with(".draft"),
            };
            let mut gone = 0;
            for name in names.iter().filter(unfinished) {
                gone += usize::from(disk::remove_file(&uploads.join(name))?);
            }
            Ok(gone)
        })
        .await
    }

    fn upload_path(&self, id: Uuid) -> PathBuf {
        self.uploads().join(id.to_string())
    }

    fn about(&self, id: Uuid) -> PathBuf {
        self.uploads().join(format!("{id}.json"))
    }
}

/// Writes the body to `path`, durably: its size and its hash.
async fn receive<E: Display>(
    path: &Path,
    body: impl Stream<Item = Result<Bytes, E>>,
    max: u64,
) -> Result<(u64, String), FilesError> {
    let mut file = tokio::fs::File::create_new(path).await.map_err(FilesError::io("create", path))?;
    let mut hash = Sha256::new();
    let mut size: u64 = 0;
    let mut body = std::pin::pin!(body);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| FilesError::BrokenOff(error.to_string()))?;
        size = size.saturating_add(chunk.len() as u64);
        if size > max {
            return Err(FilesError::TooLarge { max });
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(FilesError::io("write", path))?;
    }
    file.flush().await.map_err(FilesError::io("write", path))?;
    file.sync_all().await.map_err(FilesError::io("sync", path))?;
    Ok((size, format!("{:x}", hash.finalize())))
}

/// When an upload came, in the host's own time; one that does not say, when its file was written.
fn came_at(about: &Path) -> Result<Timestamp, FilesError> {
    let failed = || FilesError::io("read", about);
    let known: Option<Upload> = serde_json::from_slice(&fs::read(about).map_err(failed())?).ok();
    if let Some(at) = known.and_then(|upload| upload.at) {
        return Ok(at);
    }
    let written = fs::metadata(about).and_then(|data| data.modified()).map_err(failed())?;
    let since = written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::try_from(since.as_micros()).unwrap_or(Timestamp::MAX))
}

/// A second name for a file; a second file where the file system has no such thing.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            let mut copy = fs::File::create_new(to)?;
            io::copy(&mut fs::File::open(from)?, &mut copy)?;
            copy.sync_all()
        }
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::artifacts::sweep::tests::{data, job};

    type Chunk = Result<Bytes, &'static str>;

    fn body(chunks: &[Chunk]) -> impl Stream<Item = Chunk> + use<> {
        stream::iter(chunks.to_vec())
    }

    fn count(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[tokio::test]
    async fn an_upload_is_found_again_with_its_hash() {
        let (_dir, files) = data();
        let sent = body(&[Ok("ab".into()), Ok("c".into())]);

        let upload = files.save_upload("text/plain", sent, 3, 7).await.unwrap();

        assert_eq!((upload.size, upload.mime.as_str()), (3, "text/plain"));
        assert!(upload.sha256.starts_with("ba7816bf8f01cfea"), "{}", upload.sha256);
        assert_eq!(files.upload(upload.id).await.unwrap(), Some(upload));
        assert_eq!(files.upload(Uuid::now_v7()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_upload_that_is_too_large_leaves_nothing() {
        let (_dir, files) = data();
        let sent = body(&[Ok("ab".into()), Ok("cd".into())]);

        let error = files.save_upload("text/plain", sent, 3, 7).await.unwrap_err();

        assert!(matches!(error, FilesError::TooLarge { max: 3 }), "{error}");
        assert_eq!(count(&files.uploads()), 0);
    }

    #[tokio::test]
    async fn an_upload_that_breaks_off_leaves_nothing() {
        let (_dir, files) = data();
        let sent = body(&[Ok("ab".into()), Err("the client went away")]);

        let error = files.save_upload("text/plain", sent, 30, 7).await.unwrap_err();

        assert!(error.to_string().contains("the client went away"), "{error}");
        assert_eq!(count(&files.uploads()), 0);
    }

    #[tokio::test]
    async fn an_upload_whose_request_is_dropped_leaves_nothing() {
        let (_dir, files) = data();
        let endless = stream::once(async { Ok::<_, &str>("ab".into()) }).chain(stream::pending());

        let taken = tokio::time::timeout(Duration::from_millis(50), files.save_upload("a/b", endless, 30, 7)).await;

        assert!(taken.is_err());
        assert_eq!(count(&files.uploads()), 0);
    }

    #[tokio::test]
    async fn a_job_keeps_its_input_when_the_upload_expires() {
        let (_dir, files) = data();
        let upload = files.save_upload("image/png", body(&[Ok("abc".into())]), 3, 7).await.unwrap();

        let input = files.adopt(upload.id, job(1), "init").await.unwrap();
        let gone = files.expire_uploads(Duration::ZERO, 8).await.unwrap();

        assert_eq!((input.upload, input.size, input.mime), (upload.id, 3, upload.mime));
        assert_eq!((gone, files.upload(upload.id).await.unwrap(), count(&files.uploads())), (1, None, 0));
        assert_eq!(fs::read(files.input_path(job(1), "init")).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn an_upload_is_kept_for_its_time_as_the_host_counts_it() {
        const DAY: Duration = Duration::from_hours(24);
        let (_dir, files) = data();
        let upload = files.save_upload("image/png", body(&[Ok("abc".into())]), 3, 7).await.unwrap();
        let expired = |now| files.expire_uploads(DAY, now);

        assert_eq!((expired(7 + 86_400_000_000).await.unwrap(), expired(-1).await.unwrap()), (0, 0));
        assert!(files.upload(upload.id).await.unwrap().is_some());
        assert_eq!(expired(8 + 86_400_000_000).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_a_crash_left_of_an_upload_goes_and_nothing_else() {
        let (_dir, files) = data();
        let upload = files.save_upload("image/png", body(&[Ok("abc".into())]), 3, 7).await.unwrap();
        fs::write(files.upload_path(Uuid::now_v7()), "ab").unwrap();
        fs::write(files.uploads().join("notes"), "mine").unwrap();

        assert_eq!(files.discard_unfinished_uploads().await.unwrap(), 1);
        assert!(files.upload(upload.id).await.unwrap().is_some());
        assert_eq!(count(&files.uploads()), 3);
    }

    #[tokio::test]
    async fn an_input_needs_an_upload_and_a_name_of_its_own() {
        let (_dir, files) = data();
        let upload = files.save_upload("image/png", body(&[Ok("abc".into())]), 3, 7).await.unwrap().id;
        let nobody = Uuid::now_v7();

        let refused = files.adopt(nobody, job(1), "init").await.unwrap_err();
        assert!(matches!(refused, FilesError::NoUpload(id) if id == nobody), "{refused}");

        for name in ["../../x", "", ".hidden", "a/b"] {
            let refused = files.adopt(upload, job(1), name).await.unwrap_err();
            assert!(matches!(refused, FilesError::BadName { .. }), "{refused}");
        }
        files.adopt(upload, job(1), "init").await.unwrap();
        let refused = files.adopt(upload, job(1), "init").await.unwrap_err();
        assert!(refused.to_string().contains("another input"), "{refused}");
        files.adopt(upload, job(2), "init").await.unwrap();
    }
}
