//! Following one job to its end, through as many connections as that takes.

use anyhow::bail;

use super::bar::Bar;
use super::client::Client;
use super::feed::{Feed, News};
use super::frame::Frame;
use super::id::short;
use super::view::Job;

/// Returns when the job has ended, in whatever way; its own record says how.
pub(super) async fn until_ended(client: &Client, id: &str) -> anyhow::Result<()> {
    let mut bar = Bar::new();
    let mut feed = Feed::new(client, Some(id));
    let mut seen = false;
    loop {
        let frame = match feed.next().await? {
            News::Frame { frame, .. } => frame,
            News::Lost(error) => {
                bar.wait(format!("{error}, trying to get it back"));
                continue;
            }
        };
        match frame {
            Frame::Snapshot { jobs, .. } => {
                let job = jobs.iter().find(|job| &*job.id == id);
                seen = job.is_some();
                match job {
                    Some(job) if job.has_ended() => return Ok(()),
                    Some(job) => bar.job(job),
                    None => {}
                }
            }
            Frame::Job { event, job, .. } if &*job.id == id => {
                seen = true;
                match &*event {
                    "deleted" => bail!("job {} was deleted", short(id)),
                    _ if job.has_ended() => return Ok(()),
                    "started" | "cancelling" => bar.job(&job),
                    // The event tells how it was then.
                    _ => bar.job(&now(client, id).await.unwrap_or(*job)),
                }
            }
            // Something stands still, or goes on: this job may have to wait for that.
            Frame::Queue { .. } | Frame::Device { .. } | Frame::Backend { .. } => {
                if let Some(job) = now(client, id).await.filter(|job| !job.has_ended()) {
                    bar.job(&job);
                }
            }
            Frame::Progress(progress) if &*progress.job_id == id => {
                bar.progress(progress.progress, progress.stage.as_deref().unwrap_or_default());
            }
            Frame::Positions { length, positions } => {
                if let Some(place) = positions.get(id) {
                    bar.place(place.position, Some(length));
                }
            }
            // A snapshot of a job's own feed has the job even when it has ended: without it there is no such job.
            Frame::Mark { .. } if !seen => bail!("job {} is not there any more", short(id)),
            Frame::Error { title } => bail!("the host refuses to be followed: {title}"),
            _ => {}
        }
    }
}

/// The job as it is now, with what it waits for; none if the host does not say.
async fn now(client: &Client, id: &str) -> Option<Job> {
    client.get(&["v1", "jobs", id]).await.ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::fake_host::FakeHost;
    use super::*;

    const WAITING: &str = r#"{"type":"snapshot","cursor":"L:1","jobs":[{"id":"J","status":"queued"}]}"#;
    const EMPTY: &str = r#"{"type":"snapshot","cursor":"M:1","jobs":[]}"#;
    const MARK: &str = r#"{"type":"mark","cursor":"L:1"}"#;
    const COMPLETED: &str =
        r#"{"type":"job","seq":2,"cursor":"L:2","event":"completed","job":{"id":"J","status":"complete"}}"#;
    const DELETED: &str =
        r#"{"type":"job","seq":2,"cursor":"L:2","event":"deleted","job":{"id":"J","status":"complete"}}"#;
    const OTHERS: &str =
        r#"{"type":"job","seq":2,"cursor":"L:2","event":"completed","job":{"id":"K","status":"complete"}}"#;

    async fn outcome(connections: Vec<Vec<&'static str>>) -> Result<(), String> {
        let host = FakeHost::start(connections).await;
        until_ended(&host.client(), "J").await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_job_is_followed_to_its_end_through_a_broken_connection() {
        assert_eq!(outcome(vec![vec![WAITING, MARK], vec![OTHERS, COMPLETED]]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_that_ended_before_anybody_looked_has_ended() {
        let ended = r#"{"type":"snapshot","cursor":"L:1","jobs":[{"id":"J","status":"error"}]}"#;
        assert_eq!(outcome(vec![vec![ended]]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_that_is_deleted_meanwhile_is_not_waited_for() {
        assert_eq!(outcome(vec![vec![WAITING, MARK, DELETED]]).await, Err("job J was deleted".to_owned()));
    }

    #[tokio::test]
    async fn a_job_that_a_host_with_another_log_does_not_know_is_not_waited_for() {
        let gone = Err("job J is not there any more".to_owned());
        assert_eq!(outcome(vec![vec![WAITING, MARK], vec![EMPTY, MARK]]).await, gone);
    }
}
