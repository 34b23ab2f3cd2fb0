//! A picture as a stream of events: where its job stands, previews, and the pictures at the end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use easel_core::{Job, Status};
use easel_wire::openai::{Image, ImageEvent, ResponseFormat};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;
use warp::reply::Response;

use super::answer::{self, Handing};
use super::failure;
use super::images::Waiting;
use crate::web::Problem;
use crate::web::faces::slow::{self, Parts};
use crate::web::v1::artifacts::picture;

/// A comment goes out when nothing else has for so long.
const BREATH: Duration = Duration::from_secs(10);
/// Progress is told no more often than this.
const PACE: Duration = Duration::from_millis(250);
/// The most previews, as OpenAI has it.
const PREVIEWS: u8 = 3;

struct Following {
    waiting: Waiting,
    head: watch::Receiver<u64>,
    telemetry: watch::Receiver<u64>,
    /// What was told of how far it is.
    told: Option<(u64, u8, Option<String>)>,
    /// How many previews it may still be shown, how many it was, and the number of the last.
    previews: (u8, u8, u64),
    ready: Vec<Bytes>,
    over: bool,
}

/// The stream, from now on until the job has ended.
pub(super) fn answer(waiting: Waiting, previews: u8) -> Response {
    let hub = waiting.host.scheduler.hub();
    let (head, telemetry) = (hub.watch_head(), hub.watch_telemetry());
    let previews = (previews.min(PREVIEWS), 0, 0);
    let following = Following { waiting, head, telemetry, told: None, previews, ready: Vec::new(), over: false };
    slow::answer("text/event-stream", |parts| following.run(parts))
}

impl Following {
    async fn run(mut self, parts: Parts) {
        let line = self.waiting.line.clone();
        loop {
            self.head.borrow_and_update();
            self.telemetry.borrow_and_update();
            if let Err(problem) = self.look().await {
                self.over = true;
                self.ready.push(event("error", &failure::document(problem)));
            }
            for part in std::mem::take(&mut self.ready) {
                if parts.send(Ok(part)).await.is_err() {
                    return;
                }
            }
            if self.over {
                return;
            }
            tokio::select! {
                changed = self.head.changed() => self.over = changed.is_err(),
                changed = self.telemetry.changed() => {
                    self.over = changed.is_err();
                    // What comes in the meantime is told with it.
                    sleep(PACE).await;
                }
                () = line.hung_up() => return,
                () = parts.closed() => return,
                () = sleep(BREATH) => self.ready.push(Bytes::from_static(b": waiting\n\n")),
            }
        }
    }

    /// Tells what is new.
    async fn look(&mut self) -> Result<(), Problem> {
        let Waiting { host, viewer, seat, .. } = &self.waiting;
        let job = host.scheduler.job(viewer, seat.job).await?;
        let job = job.ok_or_else(|| Problem::gone("the job was deleted while its pictures were waited for"))?;
        if job.status.ended() {
            self.over = true;
            return self.end(&job).await;
        }
        let state = host.scheduler.state();
        let telemetry = host.scheduler.hub().telemetry(job.id).filter(|telemetry| job.runs(telemetry.attempt));
        let (progress, stage) = telemetry.as_ref().map_or((0, None), |news| (news.percent, news.stage.clone()));
        let place = if job.status == Status::Processing { 0 } else { state.position(&job) };
        let now = (place, progress, stage);
        if self.told.as_ref() != Some(&now) {
            let (queue_position, progress, stage) = now.clone();
            self.told = Some(now);
            let event_of = ImageEvent::Progress { job_id: job.id.0, queue_position, progress, stage };
            self.ready.push(event("easel.progress", &event_of));
        }
        let (most, shown, last) = self.previews;
        if shown < most
            && let Some(preview) =
                telemetry.and_then(|telemetry| telemetry.preview).filter(|preview| preview.number > last)
            && let Some(format) = picture(&preview.image).and_then(|mime| mime.strip_prefix("image/"))
        {
            self.previews = (most, shown + 1, preview.number);
            let partial = ImageEvent::Partial {
                b64_json: BASE64.encode(&preview.image),
                partial_image_index: shown,
                created_at: crate::time::now().div_euclid(1_000_000),
                output_format: format.to_owned(),
            };
            self.ready.push(event("image_generation.partial_image", &partial));
        }
        Ok(())
    }

    async fn end(&mut self, job: &Job) -> Result<(), Problem> {
        let handing = Handing { format: ResponseFormat::B64Json, origin: String::new() };
        let images = answer::images(&self.waiting.host, job, &handing).await?;
        for image in images.data {
            let Image::B64Json(b64_json) = image else { continue };
            let output_format = images.output_format.clone().unwrap_or_else(|| "png".to_owned());
            let completed = ImageEvent::Completed { b64_json, created_at: images.created, output_format };
            self.ready.push(event("image_generation.completed", &completed));
        }
        Ok(())
    }
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {}\n\n", crate::show::text(data)))
}
