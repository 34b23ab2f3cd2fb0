//! A job, and what goes on beside it: the engine answers only when it is done, so in the meantime it is asked how far it
//! is, and told to stop if somebody cancels.
//!
//! Three things run side by side until the answer is there: the request, the look at the progress, the eye on the
//! cancellation. A cancellation does not end the request: it makes the engine end it. Only its answer proves that
//! nothing runs any more.

use crate::component::{Attempt, Level, log};
use crate::engine::interrupt_once;
use crate::http::{Answer, Api};
use crate::image::Format;
use crate::params::Params;
use crate::problem::Problem;
use crate::progress::{self, News, State, Watch};
use crate::{reply, request};
use futures_lite::future::{or, zip};
use std::cell::Cell;
use std::future::pending;
use std::time::{Duration, Instant};
use wstd::task::sleep;

/// How often to look at the cancellation.
const GLANCE: Duration = Duration::from_millis(200);

/// How often to ask for the progress.
const POLL: Duration = Duration::from_millis(700);

/// How often to ask for the picture so far, which costs the engine a decoding.
const PREVIEW: Duration = Duration::from_secs(2);

/// How often to interrupt, until the answer is there.
const INTERRUPT: Duration = Duration::from_secs(1);

/// The largest preview that the host takes.
const MAX_PREVIEW: usize = 1024 * 1024;

/// The engine's answer to a job.
pub async fn txt2img(api: &Api, attempt: &Attempt, params: &Params, seed: u32) -> Result<Answer, Problem> {
    attempt.report(Some(0.0), Some("waiting for the engine"));
    // A look before the request. It may fail: what is wrong shows in the request's own answer.
    let before = look(api, false).await;
    if attempt.cancelled() {
        return Err(Problem::cancelled());
    }
    let body = request::txt2img(params, seed).to_string();
    // The host ends the attempt in time; the engine's answer is worth waiting for until then.
    let patience = Duration::from_millis(attempt.remaining_ms().max(1000));
    let cancelled = Cell::new(false);
    let beside = async {
        zip(follow(api, attempt, before, &cancelled), stop_when_told(api, attempt, &cancelled)).await;
        pending().await
    };
    let answer = or(api.post("txt2img", &body, patience), beside).await;
    // Whatever came of it, nobody wants it any more.
    if cancelled.get() {
        return Err(Problem::cancelled());
    }
    let answer = answer?;
    if !answer.ok() {
        return Err(answer.problem());
    }
    Ok(answer)
}

/// What the engine says about its progress.
enum Look {
    /// It has no such route.
    Never,
    /// It did not answer this time.
    NotNow,
    /// It says this.
    Seen(progress::Answer),
}

async fn look(api: &Api, with_image: bool) -> Look {
    let route = format!("progress?skip_current_image={}", !with_image);
    match api.get(&route).await {
        Ok(answer) => read(&answer),
        Err(_) => Look::NotNow,
    }
}

fn read(answer: &Answer) -> Look {
    if answer.missing() {
        return Look::Never;
    }
    if !answer.ok() {
        return Look::NotNow;
    }
    serde_json::from_slice(&answer.body).map_or(Look::NotNow, Look::Seen)
}

/// Tells how far the engine is, until dropped.
async fn follow(api: &Api, attempt: &Attempt, before: Look, cancelled: &Cell<bool>) {
    let first: Option<State> = match before {
        Look::Never => return work_unseen(attempt, cancelled).await,
        Look::NotNow => None,
        Look::Seen(answer) => Some(answer.state),
    };
    let mut watch = Watch::new(first.as_ref());
    let mut last_image = (Instant::now(), String::new());
    loop {
        sleep(POLL.into()).await;
        let with_image = watch.is_ours() && last_image.0.elapsed() >= PREVIEW && !cancelled.get();
        let answer = match look(api, with_image).await {
            Look::Never => return work_unseen(attempt, cancelled).await,
            Look::NotNow => continue,
            Look::Seen(answer) => answer,
        };
        let news = watch.see(&answer.state);
        if cancelled.get() {
            // Still there, and stopping; nothing else matters now.
            attempt.report(None, None);
            continue;
        }
        match news {
            News::Waiting => attempt.report(None, Some("waiting for the engine")),
            News::Loading => attempt.report(None, Some("loading model")),
            News::Sampling { percent, stage } => attempt.report(Some(percent), Some(&stage)),
            News::Fetching => attempt.report(None, Some("fetching the images")),
            News::Nothing => {}
        }
        if with_image {
            last_image.0 = Instant::now();
            if let Some(image) = answer.current_image
                && image != last_image.1
                && watch.is_ours()
            {
                show(attempt, &image);
                last_image.1 = image;
            }
        }
    }
}

/// An engine without progress: that the request stands is all there is to tell.
async fn work_unseen(attempt: &Attempt, cancelled: &Cell<bool>) {
    loop {
        attempt.report(None, (!cancelled.get()).then_some("working"));
        sleep(Duration::from_secs(5).into()).await;
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

/// Interrupts the engine when somebody cancels, again and again: the first may come before the engine has begun.
async fn stop_when_told(api: &Api, attempt: &Attempt, cancelled: &Cell<bool>) {
    while !attempt.cancelled() {
        sleep(GLANCE.into()).await;
    }
    cancelled.set(true);
    attempt.report(None, Some("stopping"));
    loop {
        match interrupt_once(api).await {
            Ok(true) => {
                log(Level::Warn, "this engine cannot be interrupted: waiting until it is done");
                return;
            }
            Ok(false) => {}
            Err(problem) => log(Level::Warn, &format!("interrupt: {}", problem.message)),
        }
        sleep(INTERRUPT.into()).await;
    }
}
