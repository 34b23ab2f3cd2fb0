//! Saving what a job made: whole or not at all, checked, and never over another file. What is there already is not saved again.

use std::fs::Permissions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use easel_wire::{Artifact, Job};
use reqwest::Method;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::cli::client::patience::outlast;
use crate::cli::client::problem::ClientError;
use crate::cli::client::{Client, Remote};
use crate::cli::out::print;
use crate::cli::out::short_id::short;

/// How long the host may be away in the middle of a download.
const PATIENCE: Duration = Duration::from_secs(60);

/// Saves each artifact of the job into the directory and returns where.
pub(in crate::cli) async fn artifacts(client: &Client, job: &Job, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let mut paths = Vec::with_capacity(job.artifacts.len());
    for artifact in &job.artifacts {
        let saved = save(client, artifact, directory, &file_name(job.id, &artifact.name)).await;
        paths.push(saved.with_context(|| format!("cannot save {}", artifact.name))?);
    }
    Ok(paths)
}

/// Says where the files are: on stdout, or beside the JSON that is there.
pub(in crate::cli) fn tell(remote: &Remote, paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        if remote.json { print::aside(path.display()) } else { print::line(path.display())? }
    }
    Ok(())
}

/// The job's short id, and the name of the artifact. That name is the host's word, so nothing in it may lead out of the
/// directory.
fn file_name(job: Uuid, artifact: &str) -> String {
    let leads_out = |character: char| matches!(character, '/' | '\\' | ':') || character.is_control();
    format!("{}-{artifact}", short(job)).replace(leads_out, "_")
}

async fn save(client: &Client, artifact: &Artifact, directory: &Path, name: &str) -> anyhow::Result<PathBuf> {
    // Whoever saves a job twice has its files once.
    let there = directory.join(name);
    if is_there(&there, artifact) {
        print::aside(format!("{} is there already, as the job made it", there.display()));
        return Ok(there);
    }
    let (file, sha256) = outlast(PATIENCE, true, async || download(client, artifact, directory).await).await??;
    ensure!(sha256 == *artifact.sha256, "it was damaged on the way: its SHA-256 is {sha256}, not {}", artifact.sha256);
    let path = keep(file, directory, name)?;
    if path != there {
        print::aside(format!("{} is another file, and stays as it is: saved as {}", there.display(), path.display()));
    }
    Ok(path)
}

/// Whether the artifact itself is in this place. What cannot be read is something else.
fn is_there(path: &Path, artifact: &Artifact) -> bool {
    let of_its_size = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == artifact.size);
    of_its_size && std::fs::File::open(path).and_then(digest).is_ok_and(|sha256| sha256 == artifact.sha256)
}

fn digest(mut file: std::fs::File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash)?;
    Ok(hexadecimal(hash))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Streams the artifact into a nameless file beside its place. The outer error is of the connection and worth another
/// try, the inner one is of this machine and is not.
async fn download(
    client: &Client,
    artifact: &Artifact,
    directory: &Path,
) -> Result<anyhow::Result<(NamedTempFile, String)>, ClientError> {
    let mut file = match temporary(directory) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error.into())),
    };
    let url = match client.on_server(&artifact.url) {
        Ok(url) => url,
        Err(error) => return Ok(Err(error)),
    };
    let mut response = client.send(client.request(Method::GET, url)).await?;
    let mut hash = Sha256::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| ClientError::of_connection(client.server(), &error))?
    {
        hash.update(&chunk);
        if let Err(error) = file.write_all(&chunk) {
            return Ok(Err(error.into()));
        }
    }
    Ok(Ok((file, hexadecimal(hash))))
}

/// A file with the permissions of any other that the user makes; temporary ones are private by default.
fn temporary(directory: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".easel-").permissions(Permissions::from_mode(0o666)).tempfile_in(directory)
}

/// Gives the file its name, or that name with a number if it is taken.
fn keep(mut file: NamedTempFile, directory: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let (stem, extension) = name.rsplit_once('.').map_or((name, String::new()), |(stem, e)| (stem, format!(".{e}")));
    for number in 1_u32.. {
        let path = directory.join(match number {
            1 => name.to_owned(),
            _ => format!("{stem}-{number}{extension}"),
        });
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => file = taken.file,
            Err(failed) => return Err(failed.error).with_context(|| path.display().to_string()),
        }
    }
    anyhow::bail!("every name like {name} is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_the_short_id_of_its_job_and_stays_in_its_directory() {
        let id = Uuid::from_u128(0x0199_aaaa_bbbb_7ccc_8ddd_eeee_1234_5678);
        assert_eq!(file_name(id, "0.png"), "12345678-0.png");
        assert_eq!(file_name(id, "../../x"), "12345678-.._.._x");
        assert_eq!(file_name(id, "/etc/passwd"), "12345678-_etc_passwd");
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let keep_one = || keep(temporary(directory.path()).expect("a file"), directory.path(), "a.png").expect("kept");
        assert_eq!(keep_one(), directory.path().join("a.png"));
        assert_eq!(keep_one(), directory.path().join("a-2.png"));
        assert_eq!(keep_one(), directory.path().join("a-3.png"));
    }

    #[test]
    fn what_is_there_is_the_artifact_or_another_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.png");
        let of = |bytes: &[u8]| Artifact {
            name: "a.png".to_owned(),
            mime: "image/png".to_owned(),
            size: bytes.len() as u64,
            sha256: hexadecimal(Sha256::new_with_prefix(bytes)),
            width: None,
            height: None,
            url: String::new(),
        };
        assert!(!is_there(&path, &of(b"fox")), "nothing");
        std::fs::write(&path, "fox").expect("a file");
        assert!(is_there(&path, &of(b"fox")));
        assert!(!is_there(&path, &of(b"owl")) && !is_there(&path, &of(b"foxes")));
        assert!(!is_there(directory.path(), &of(b"fox")));
    }

    #[test]
    fn a_saved_file_can_be_read_by_others_as_the_umask_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let usual = directory.path().join("usual");
        std::fs::write(&usual, "").expect("a file");
        let path = keep(temporary(directory.path()).expect("a file"), directory.path(), "a").expect("kept");
        let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode();
        assert_eq!(mode(&path), mode(&usual));
    }
}
