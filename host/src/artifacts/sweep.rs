//! Removing what nobody names any more.
//!
//! The store says what is live; everything else here is the remains of a crash or of a deleted job. Names that are
//! neither a job's nor an attempt's are left alone: we did not make them.
//!
//! A job's inputs are linked before its row is committed, so a sweep must not run beside submissions: it is part of
//! the start, before the host listens.

use std::fs;
use std::path::{Path, PathBuf};

use easel_core::{Artifact, JobId};
use uuid::Uuid;

use super::{Files, FilesError, disk};

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Jobs of which everything went.
    pub jobs: usize,
    /// Attempts of live jobs whose files went.
    pub attempts: usize,
}

impl Files {
    /// The jobs that have files of any kind.
    pub async fn jobs(&self) -> Result<Vec<JobId>, FilesError> {
        let places = [self.artifacts(), self.inputs(), self.logs()];
        disk::blocking(move || {
            let mut jobs = Vec::new();
            for place in places {
                jobs.extend(names_in(&place)?.iter().filter_map(|name| job_of(name)));
            }
            jobs.sort_unstable();
            jobs.dedup();
            Ok(jobs)
        })
        .await
    }

    /// The artifacts of a job that are not there, as paths below the data directory.
    pub async fn lacking(&self, job: JobId, artifacts: Vec<Artifact>) -> Result<Vec<String>, FilesError> {
        let files = self.clone();
        disk::blocking(move || {
            let mut lacking = Vec::new();
            for artifact in artifacts {
                let path = files.artifact_path(job, &artifact);
                match fs::metadata(&path) {
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        lacking.push(path.strip_prefix(&files.root).unwrap_or(&path).display().to_string());
                    }
                    Err(error) => return Err(FilesError::io("look at", &path)(error)),
                }
            }
            Ok(lacking)
        })
        .await
    }

    /// Removes what is not live. `keep` says for a job which attempts' files stay, or that there is no such job.
    pub async fn sweep(&self, keep: impl Fn(JobId) -> Option<Vec<u32>>) -> Result<SweepReport, FilesError> {
        let jobs = self.jobs().await?;
        let mut report = SweepReport::default();
        for job in jobs {
            match keep(job) {
                None => {
                    self.forget(job).await?;
                    report.jobs += 1;
                }
                Some(attempts) => report.attempts += self.forget_attempts(job, u32::MAX, attempts).await?,
            }
        }
        Ok(report)
    }

    /// Removes the artifacts, the inputs and the log of a deleted job.
    pub async fn forget(&self, job: JobId) -> Result<(), FilesError> {
        let (artifacts, inputs, log) = (self.artifacts_of(job), self.inputs_of(job), self.log_of(job));
        let places = [self.artifacts(), self.inputs(), self.logs()];
        disk::blocking(move || {
            let gone =
                [disk::remove_directory(&artifacts)?, disk::remove_directory(&inputs)?, disk::remove_file(&log)?];
            for (place, gone) in places.iter().zip(gone) {
                if gone {
                    disk::sync_directory(place)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Removes the artifacts of a job's attempts up to the one with the number `last`, but for those of `kept`: how many
    /// attempts had any. A job's directory goes with the last of them.
    pub async fn forget_attempts(&self, job: JobId, last: u32, kept: Vec<u32>) -> Result<usize, FilesError> {
        let directory = self.artifacts_of(job);
        disk::blocking(move || {
            let mut gone = 0;
            for name in names_in(&directory)? {
                let Ok(number) = name.parse::<u32>() else { continue };
                if number <= last && !kept.contains(&number) && disk::remove_directory(&directory.join(&name))? {
                    gone += 1;
                }
            }
            if gone > 0 {
                disk::sync_directory(&directory)?;
            }
            disk::remove_empty_directory(&directory)?;
            Ok(gone)
        })
        .await
    }
}

/// The job that a directory or a log belongs to. Only our own spelling counts: `Uuid` would parse others too.
fn job_of(name: &str) -> Option<JobId> {
    let name = name.strip_suffix(".jsonl").unwrap_or(name);
    let job = JobId(name.parse::<Uuid>().ok()?);
    (job.to_string() == name).then_some(job)
}

/// The names in a directory; none if it is not there.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, FilesError> {
    let failed = || FilesError::io("read", directory);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = PathBuf::from(entry.map_err(failed())?.file_name());
        names.extend(name.to_str().map(str::to_owned));
    }
    Ok(names)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::artifacts::LogLine;

    /// A data directory that is gone after the test.
    pub(crate) fn data() -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        (dir, files)
    }

    pub(crate) fn job(number: u128) -> JobId {
        JobId(Uuid::from_u128(number))
    }

    async fn leave_traces(files: &Files, job: JobId) {
        for number in [1, 2] {
            let attempt = files.attempt(job, number, 100);
            attempt.create("0.txt", "text/plain").unwrap().finish().await.unwrap();
        }
        fs::create_dir_all(files.inputs_of(job)).unwrap();
        fs::write(files.input_path(job, "init"), "abc").unwrap();
        let line = LogLine { at: 0, attempt: 1, level: "info".into(), message: "hello".into() };
        files.log(job, &line).await.unwrap();
    }

    #[tokio::test]
    async fn a_sweep_keeps_what_is_named_and_nothing_else() {
        let (_dir, files) = data();
        leave_traces(&files, job(1)).await;
        leave_traces(&files, job(2)).await;
        leave_traces(&files, job(3)).await;

        let report = files
            .sweep(|id| match id {
                _ if id == job(1) => Some(vec![2]),
                _ if id == job(2) => Some(Vec::new()),
                _ => None,
            })
            .await
            .unwrap();

        assert_eq!(report, SweepReport { jobs: 1, attempts: 3 });
        assert_eq!(names_in(&files.artifacts_of(job(1))).unwrap(), ["2"]);
        assert!(files.attempt_directory(job(1), 2).join("0.txt").is_file());
        assert!(!files.artifacts_of(job(2)).exists(), "nor is there a directory without anything in it");
        assert!(files.input_path(job(2), "init").is_file());
        assert!(files.log_of(job(2)).is_file());
        let left: Vec<bool> = [files.artifacts_of(job(3)), files.inputs_of(job(3)), files.log_of(job(3))]
            .iter()
            .map(|path| path.exists())
            .collect();
        assert_eq!(left, [false, false, false]);
    }

    #[tokio::test]
    async fn a_sweep_leaves_alone_what_is_not_ours() {
        let (_dir, files) = data();
        let strangers = [
            files.artifacts().join("notes"),
            files.artifacts().join(job(7).to_string().to_uppercase().replace('0', "A")),
            files.inputs().join(job(7).0.simple().to_string()),
        ];
        for path in &strangers {
            fs::create_dir_all(path).unwrap();
        }

        let report = files.sweep(|_| None).await.unwrap();

        assert_eq!(report, SweepReport::default());
        assert!(strangers.iter().all(|path| path.is_dir()));
    }

    #[tokio::test]
    async fn a_forgotten_job_takes_nothing_of_another_with_it() {
        let (_dir, files) = data();
        leave_traces(&files, job(1)).await;
        leave_traces(&files, job(2)).await;

        files.forget(job(1)).await.unwrap();
        files.forget(job(1)).await.unwrap();

        assert!(!files.artifacts_of(job(1)).exists() && !files.log_of(job(1)).exists());
        assert!(files.artifacts_of(job(2)).exists() && files.log_of(job(2)).exists());
        assert_eq!(files.read_log(job(2)).await.unwrap().len(), 1);
    }
}
