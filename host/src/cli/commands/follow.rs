//! Following one job to its end, through as many connections as that takes.

use anyhow::bail;
use easel_wire::{Frame, Heard, Job, JobEvent, Told};
use indicatif::MultiProgress;
use uuid::Uuid;

use crate::cli::client::Client;
use crate::cli::client::feed::{Feed, News};
use crate::cli::client::patience::{BACK, lost};
use crate::cli::out::bar::Bar;
use crate::cli::out::short_id::short;

/// Returns when the job has ended, in whatever way; its own record says how.
pub(in crate::cli) async fn until_ended(client: &Client, id: Uuid, bars: &MultiProgress) -> anyhow::Result<()> {
    let mut bar = Bar::of(id, bars);
    let mut feed = Feed::new(client, Some(id));
    let mut seen = false;
    loop {
        let heard = match feed.next().await? {
            News::Heard { heard, .. } => heard,
            News::Lost(error) => {
                bar.wait(lost(&error));
                continue;
            }
            News::Back => {
                bar.wait(BACK.to_owned());
                // What has happened meanwhile follows, where anything has.
                if let Some(job) = now(client, id).await.filter(|job| !job.has_ended()) {
                    bar.job(&job);
                }
                continue;
            }
        };
        match heard {
            Heard::Event(event) => match event.told {
                Told::Job { event, job } if job.id == id => {
                    seen = true;
                    match event {
                        JobEvent::Deleted => bail!("job {} was deleted", short(id)),
                        _ if job.has_ended() => return Ok(()),
                        JobEvent::Started | JobEvent::Cancelling => bar.job(&job),
                        // What it waits for is told as it is now; that it goes on, by an event that is still to come.
                        _ => bar.job(&now(client, id).await.filter(|now| now.status == job.status).unwrap_or(*job)),
                    }
                }
                // Something stands still, or goes on: this job may have to wait for that.
                Told::Queue { .. } | Told::Device { .. } | Told::Backend { .. } => {
                    if let Some(job) = now(client, id).await.filter(|job| !job.has_ended()) {
                        bar.job(&job);
                    }
                }
                _ => {}
            },
            Heard::Frame(Frame::Snapshot(snapshot)) => {
                let job = snapshot.jobs.iter().find(|job| job.id == id);
                seen = job.is_some();
                match job {
                    Some(job) if job.has_ended() => return Ok(()),
                    Some(job) => bar.job(job),
                    None => {}
                }
            }
            Heard::Frame(Frame::Progress(progress)) if progress.job_id == id => {
                bar.progress(progress.progress, progress.stage.as_deref().unwrap_or_default());
            }
            Heard::Frame(Frame::Positions(moved)) => {
                if let Some(place) = moved.positions.get(&id) {
                    bar.place(place.queue_position, Some(moved.length));
                }
            }
            // A snapshot of a job's own feed has the job even when it has ended: without it there is no such job.
            Heard::Frame(Frame::Mark { .. }) if !seen => {
                bail!("job {} is gone: the host does not know it any more", short(id))
            }
            Heard::Frame(Frame::Error { title, .. }) => bail!("the host refuses to be followed: {title}"),
            Heard::Frame(_) => {}
        }
    }
}

/// The job as it is now, with what it waits for; none if the host does not say.
async fn now(client: &Client, id: Uuid) -> Option<Job> {
    client.get(&["v1", "jobs", &id.to_string()]).await.ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use easel_wire::Status;

    use super::*;
    use crate::cli::client::fake_host::FakeHost;
    use crate::cli::out::sample;

    /// The job that is followed, and another.
    const OURS: u128 = 1;
    const OTHER: u128 = 2;

    fn waiting() -> String {
        sample::snapshot("L:1", vec![sample::job(OURS, Status::Queued)])
    }

    fn mark() -> String {
        sample::mark("L:1")
    }

    fn told(event: JobEvent, job: u128) -> String {
        sample::told(2, event, sample::job(job, Status::Complete))
    }

    async fn outcome(connections: Vec<Vec<String>>) -> Result<(), String> {
        let host = FakeHost::start(connections).await;
        until_ended(&host.client(), Uuid::from_u128(OURS), &MultiProgress::new())
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_job_is_followed_to_its_end_through_a_broken_connection() {
        let (others, ours) = (told(JobEvent::Completed, OTHER), told(JobEvent::Completed, OURS));
        assert_eq!(outcome(vec![vec![waiting(), mark()], vec![others, ours]]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_that_ended_before_anybody_looked_has_ended() {
        let ended = sample::snapshot("L:1", vec![sample::job(OURS, Status::Error)]);
        assert_eq!(outcome(vec![vec![ended]]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_that_is_deleted_meanwhile_is_not_waited_for() {
        let deleted = vec![waiting(), mark(), told(JobEvent::Deleted, OURS)];
        assert_eq!(outcome(vec![deleted]).await, Err("job 00000001 was deleted".to_owned()));
    }

    #[tokio::test]
    async fn a_job_that_a_host_with_another_log_does_not_know_is_not_waited_for() {
        let empty = sample::snapshot("M:1", Vec::new());
        let gone = Err("job 00000001 is gone: the host does not know it any more".to_owned());
        assert_eq!(outcome(vec![vec![waiting(), mark()], vec![empty, mark()]]).await, gone);
    }

    #[tokio::test]
    async fn what_a_newer_host_says_besides_is_passed_over() {
        let event = serde_json::json!({"type": "pool", "seq": 2, "cursor": "L:2", "at": "2026-01-01T00:00:00Z"});
        let mut job = serde_json::to_value(sample::job(OURS, Status::Queued)).expect("JSON");
        job["waiting_for"] = "the moon".into();
        job["tide"] = 7.into();
        let mut snapshot: serde_json::Value = serde_json::from_str(&waiting()).expect("JSON");
        snapshot["jobs"][0] = job;
        let news = vec![snapshot.to_string(), event.to_string(), r#"{"type":"weather"}"#.to_owned()];
        assert_eq!(outcome(vec![[news, vec![told(JobEvent::Completed, OURS)]].concat()]).await, Ok(()));
    }
}
