//! `POST /openai/v1/images/generations`: a job whose caller waits for it with an open request.
//!
//! Callers, and proxies between, give up when no byte has come for a while. So an answer that takes long begins before it is known: with
//! white space, which their JSON readers skip. Its status is spent then: should the job fail after that, the connection is cut, the caller's
//! library asks again, and is told what happened.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use easel_core::{Actor, Command, Job, JobId, Reply, Status, Viewer};
use easel_wire::openai::ImageRequest;
use tokio::time::sleep;
use warp::http::HeaderMap;
use warp::http::header::{HOST, HeaderName};

use super::answer::{self, Handing};
use super::{FACE, failure, request, stream as events};
use crate::web::answer::reply;
use crate::web::connection::Line;
use crate::web::extract::body::Body;
use crate::web::faces::Audience;
use crate::web::faces::audience::Seat;
use crate::web::faces::slow::{self, Parts};
use crate::web::{Answer, Host, Problem};

/// How long an answer may take before it begins with white space: proxies often give up after a minute.
const PATIENCE: Duration = Duration::from_secs(50);
/// How often there is some then.
const BREATH: Duration = Duration::from_secs(10);
/// How often OpenAI's clients have sent this request before.
const RETRIES: HeaderName = HeaderName::from_static("x-stainless-retry-count");
/// Whom Open WebUI acts for, if it is told to say so.
const USER: HeaderName = HeaderName::from_static("x-openwebui-user-id");

/// Somebody who waits for a job, and how it is to be answered.
pub(super) struct Waiting {
    pub(super) host: Arc<Host>,
    pub(super) viewer: Viewer,
    pub(super) seat: Seat,
    pub(super) line: Line,
    pub(super) handing: Handing,
}

pub(in crate::web) async fn generate(
    host: Arc<Host>,
    actor: Actor,
    audience: Arc<Audience>,
    line: Line,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Ok(made(host, actor, audience, line, &headers, body).await.unwrap_or_else(failure::answer))
}

async fn made(
    host: Arc<Host>,
    actor: Actor,
    audience: Arc<Audience>,
    line: Line,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    let document = body?;
    let request: ImageRequest = document.read()?;
    host.takes_jobs()?;
    let said =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let user = said(&USER).map(str::to_owned);
    let again = said(&RETRIES).is_some_and(|count| count != "0");
    let before = if again {
        let party = request::party(&actor, &request, user.as_deref());
        let before = audience.made_before(&actor, &party, FACE, &document.digest()).await?;
        // One that was cancelled because nobody waited for it is made anew.
        before.filter(|job| job.status != Status::Cancelled)
    } else {
        None
    };
    let (seat, fresh) = match before {
        Some(job) => (audience.join(job.id), None),
        None => {
            let new = request::job(&host, &actor, &request, &document, user)?;
            (audience.join(new.id), Some(new))
        }
    };
    drop(document);
    let viewer = actor.viewer();
    if let Some(new) = fresh {
        match host.scheduler.ask(actor, Command::Submit(Box::new(new))).await? {
            Reply::Job(..) | Reply::Known(..) => {}
            other => return Err(Problem::internal(format!("a submission was answered with {other:?}"))),
        }
    }
    let origin = format!("http://{}", said(&HOST).unwrap_or("127.0.0.1"));
    let handing = Handing { format: request.response_format.unwrap_or_default(), origin };
    let waiting = Waiting { host, viewer, seat, line, handing };
    if request.stream.unwrap_or_default() {
        return Ok(events::answer(waiting, request.partial_images.unwrap_or_default()));
    }
    answered(waiting).await
}

/// The answer, when the job has ended; or the beginning of one, if that takes long.
async fn answered(waiting: Waiting) -> Answer {
    let line = waiting.line.clone();
    let mut text = Box::pin(async move {
        let Waiting { host, viewer, seat, handing, .. } = waiting;
        let job = ended(&host, &viewer, seat.job).await?;
        answer::images(&host, &job, &handing).await
    });
    tokio::select! {
        images = &mut text => return images.map(|images| reply::json(&images)),
        () = line.hung_up() => return Err(Problem::closed()),
        () = sleep(PATIENCE) => {}
    }
    Ok(slow::answer("application/json", |parts| async move {
        loop {
            let part = tokio::select! {
                images = &mut text => {
                    let images = images.map(|images| Bytes::from(crate::show::text(&images)));
                    // Nothing but the end of the connection says now that it failed.
                    let last = images.map_err(|problem| io::Error::other(problem.told().detail));
                    return pass(&parts, last).await;
                }
                () = line.hung_up() => return,
                () = parts.closed() => return,
                () = sleep(BREATH) => Bytes::from_static(b" "),
            };
            pass(&parts, Ok(part)).await;
        }
    }))
}

async fn pass(parts: &Parts, part: io::Result<Bytes>) {
    if parts.send(part).await.is_err() {
        tracing::debug!("whoever waited for pictures has gone");
    }
}

/// The job, once it has ended.
async fn ended(host: &Host, viewer: &Viewer, id: JobId) -> Result<Arc<Job>, Problem> {
    let mut head = host.scheduler.hub().watch_head();
    loop {
        head.borrow_and_update();
        let job = host.scheduler.job(viewer, id).await?;
        let job = job.ok_or_else(|| Problem::gone("the job was deleted while its pictures were waited for"))?;
        if job.status.ended() {
            return Ok(job);
        }
        if head.changed().await.is_err() {
            return Err(Problem::closing());
        }
    }
}
