//! While the engine works on a job: it answers only when it is done, so in the meantime it is asked how far it is, and
//! told to stop if somebody cancels.
//!
//! A cancellation does not end the request: it makes the engine end it, and only the answer proves that nothing runs any
//! more. An interrupt hits whatever runs. So each one is sent right after a look that shows our own work; while ours only
//! stands in the engine's line, none is. If the engine stops telling in the middle of our work, one is sent without a look:
//! our request is still open, so the work is still ours.
//!
//! While the engine does not tell, the open request is the sign of life.

use crate::bindings::easel::backend::host::{Attempt, Level, log};
use crate::http::Api;
use crate::image::Format;
use crate::look::{Look, Seen, interrupt, look};
use crate::progress::{News, Progress};
use crate::reply;
use crate::rest::INTERRUPT;
use crate::trace::{Doing, Trace};
use crate::turn::FOREIGN;
use futures_lite::future::or;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use wstd::task::sleep;

/// How often to look at the cancellation.
const GLANCE: Duration = Duration::from_millis(100);

/// How often to ask for the progress: at first soon, to know our own work early.
const POLL: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(700)];

/// How often to ask for the picture so far, which costs the engine a decoding.
const PREVIEW: Duration = Duration::from_secs(2);

/// How often to say that a request stands, where nothing else can be said; and how long a look may take once the job is
/// cancelled.
const ALIVE: Duration = Duration::from_secs(2);

/// The largest preview that the host takes.
const MAX_PREVIEW: usize = 1024 * 1024;

/// Follows the engine until dropped. `trace` is none for an engine that does not tell what it is doing.
pub async fn follow(api: &Api, attempt: &Attempt, trace: &RefCell<Trace>, mute: bool) {
    if mute {
        return work_unseen(attempt).await;
    }
    let task = trace.borrow().task.clone();
    let mut follower = Follower { attempt, progress: Progress::default(), preview: Preview::default() };
    let mut interrupted: Option<Instant> = None;
    let mut doing = Doing::Unknown;
    let [mut poll, slow] = POLL;
    loop {
        pause(attempt, poll).await;
        poll = (poll * 3 / 2).min(slow);
        let cancelled = attempt.cancelled();
        let with_image = !cancelled && follower.preview.is_due();
        let Some(seen) = patiently(attempt, look(api, Some(&task), with_image)).await else {
            attempt.report(None, cancelled.then_some("stopping"));
            // Once: without a look, a second one could hit who comes next.
            if cancelled && doing == Doing::Ours && interrupted.is_none() {
                stop(api).await;
                interrupted = Some(Instant::now());
            }
            continue;
        };
        doing = see(attempt, trace, &seen);
        if !cancelled {
            follower.tell(doing, seen);
            continue;
        }
        if doing == Doing::Ours && interrupted.is_none_or(|then| then.elapsed() >= INTERRUPT) {
            stop(api).await;
            interrupted = Some(Instant::now());
        }
        let waits = matches!(doing, Doing::OthersFirst | Doing::Unknown) && !seen.state.idle();
        attempt.report(None, Some(if waits { "stopping, as soon as the engine gets to it" } else { "stopping" }));
    }
}

async fn stop(api: &Api) {
    if let Err(wire) = interrupt(api).await {
        log(Level::Warn, &format!("interrupt: {}", api.problem(&wire).message));
    }
}

/// What a look shows; while it takes its time, it is said that the job is alive. A cancelled one does not wait for long.
pub async fn patiently(attempt: &Attempt, look: impl Future<Output = Look>) -> Option<Seen> {
    let seen = async { if let Look::Seen(seen) = look.await { Some(seen) } else { None } };
    let impatience = async {
        loop {
            pause(attempt, ALIVE).await;
            if attempt.cancelled() {
                return None;
            }
            attempt.report(None, None);
        }
    };
    or(seen, impatience).await
}

/// What the engine is doing; if that is news about our work, it is remembered.
fn see(attempt: &Attempt, trace: &RefCell<Trace>, seen: &Seen) -> Doing {
    let mut trace = trace.borrow_mut();
    let before = trace.note();
    let doing = trace.watch(&seen.state, seen.task);
    let note = trace.note();
    if note != before {
        attempt.remember(&note);
    }
    doing
}

/// Waits for the next look; once the job is cancelled, there is no time to lose.
async fn pause(attempt: &Attempt, time: Duration) {
    let end = Instant::now() + time;
    let was_cancelled = attempt.cancelled();
    while Instant::now() < end {
        sleep(GLANCE.into()).await;
        if !was_cancelled && attempt.cancelled() {
            attempt.report(None, Some("stopping"));
            return;
        }
    }
}

/// An engine that does not tell what it is doing: that the request stands is all there is to say.
async fn work_unseen(attempt: &Attempt) {
    loop {
        if attempt.cancelled() {
            log(Level::Warn, "this engine cannot be interrupted: waiting until it is done");
            attempt.report(None, Some("stopping, as soon as the engine is done"));
            return;
        }
        attempt.report(None, Some("working"));
        let end = Instant::now() + ALIVE;
        while Instant::now() < end && !attempt.cancelled() {
            sleep(GLANCE.into()).await;
        }
    }
}

/// What is told of a job on its way.
struct Follower<'a> {
    attempt: &'a Attempt,
    progress: Progress,
    preview: Preview,
}

/// The last picture that was shown.
#[derive(Default)]
struct Preview {
    ours: bool,
    asked: Option<Instant>,
    last: String,
}

impl Preview {
    fn is_due(&self) -> bool {
        self.ours && self.asked.is_none_or(|asked| asked.elapsed() >= PREVIEW)
    }
}

impl Follower<'_> {
    fn tell(&mut self, doing: Doing, seen: Seen) {
        match self.progress.news(doing, &seen.state) {
            News::Waiting => self.attempt.report(None, Some("waiting for the engine")),
            News::Foreign => self.attempt.report(None, Some(FOREIGN)),
            News::Loading => self.attempt.report(None, Some("loading model")),
            News::Sampling { percent, stage } => self.attempt.report(Some(percent), Some(&stage)),
            News::Fetching => self.attempt.report(None, Some("fetching the images")),
            News::Alive => self.attempt.report(None, None),
            News::Nothing => {}
        }
        let preview = &mut self.preview;
        let was_asked = preview.is_due();
        preview.ours = doing == Doing::Ours;
        if was_asked {
            preview.asked = Some(Instant::now());
            if let Some(image) = seen.image
                && preview.ours
                && image != preview.last
            {
                show(self.attempt, &image);
                preview.last = image;
            }
        }
    }
}

fn show(attempt: &Attempt, image: &str) {
    if let Ok(bytes) = reply::decode(image)
        && bytes.len() <= MAX_PREVIEW
        && let Some(format) = Format::of(&bytes)
    {
        attempt.preview(format.mime(), &bytes);
    }
}
