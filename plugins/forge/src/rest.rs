//! Until the engine works for us no more: after an answer was lost, or an attempt, or the whole host.
//!
//! A caller that hangs up is nothing to an engine: it goes on. So what was ours is interrupted until it has ended, and
//! what is somebody else's is not. An engine that does not tell what it is doing is asked for a picture of next to
//! nothing: engines work on one thing at a time, so it answers that only when it is free.

use crate::bindings::easel::backend::host::{Level, log};
use crate::http::Api;
use crate::look::{Look, Unseen, interrupt, look};
use crate::problem::{Kind, Problem, Wire};
use crate::trace::{Doing, Trace};
use serde_json::json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wstd::task::sleep;

/// How long an engine may take in one `settle`: the host gives a minute, and tries again. Each time that an engine which does
/// not tell what it is doing is asked, one more picture stands in its line: so rather long than often.
const SETTLE: Duration = Duration::from_secs(50);

/// How often to look.
const LOOK: Duration = Duration::from_millis(500);

/// How long an engine may go without telling what it is doing before it is taken for one that does not.
const UNSEEN: Duration = Duration::from_secs(10);

/// How often to interrupt.
pub const INTERRUPT: Duration = Duration::from_secs(1);

/// The device is to be settled.
pub async fn settle(api: &Api, note: Option<&str>) -> Result<(), Problem> {
    let mut trace = note.and_then(|note| Trace::recall(note, now_ms()));
    // The host gives no more than an attempt had.
    let most = trace.as_ref().map_or(SETTLE, |trace| SETTLE.min(trace.limit() * 4 / 5));
    let end = Instant::now() + most;
    match rest(api, trace.as_mut(), Some(end), || {}).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Problem::new(Kind::Unavailable, "the engine is still busy")),
        // Nobody listening may be an engine that restarts, or a way to it that is cut: better to see it idle.
        Err(wire) => Err(api.problem(&wire)),
    }
}

/// Waits until the engine certainly does not work for us any more, and interrupts what is ours; without a trace nothing
/// is. False: at `end` it still may. An error: nobody listens there, or with an `end`, it cannot be reached.
pub async fn rest(
    api: &Api,
    mut trace: Option<&mut Trace>,
    end: Option<Instant>,
    mut tell: impl FnMut(),
) -> Result<bool, Wire> {
    let mut interrupted: Option<Instant> = None;
    let mut seen_idle = false;
    let mut unseen: Option<Instant> = None;
    while end.is_none_or(|end| Instant::now() < end) {
        tell();
        let task = trace.as_ref().map(|trace| trace.task.clone());
        let mut idle = false;
        match look(api, task.as_deref(), false).await {
            Look::Never => return free(api, trace.as_deref(), end, &mut tell).await,
            Look::NotNow(Unseen::Wire(wire)) if unreachable(&wire, end) => return Err(wire),
            Look::NotNow(why) if why.away() => {}
            Look::NotNow(_) => {
                if unseen.get_or_insert_with(Instant::now).elapsed() >= UNSEEN {
                    return free(api, trace.as_deref(), end, &mut tell).await;
                }
            }
            Look::Seen(seen) => {
                unseen = None;
                let doing = match &mut trace {
                    Some(trace) => trace.see(&seen.state, seen.task),
                    None if seen.state.idle() => Doing::Nothing,
                    None => Doing::Unknown,
                };
                match doing {
                    Doing::Over => return Ok(true),
                    Doing::Nothing => idle = true,
                    Doing::Ours if interrupted.is_none_or(|then| then.elapsed() >= INTERRUPT) => {
                        // Failed or not: the next look shows.
                        if let Err(wire) = interrupt(api).await {
                            log(Level::Warn, &format!("interrupt: {}", api.problem(&wire).message));
                        }
                        interrupted = Some(Instant::now());
                    }
                    Doing::Ours | Doing::OthersFirst | Doing::Unknown => {}
                }
            }
        }
        // Twice: a request that was on its way may begin only now.
        if idle && seen_idle {
            let blind = trace.as_ref().is_some_and(|trace| trace.is_blind());
            return if blind { free(api, trace.as_deref(), end, &mut tell).await } else { Ok(true) };
        }
        seen_idle = idle;
        sleep(LOOK.into()).await;
    }
    Ok(false)
}

/// Whether to stop trying. Who has no end to keep waits until a way to the engine is there again.
fn unreachable(wire: &Wire, end: Option<Instant>) -> bool {
    matches!(wire, Wire::Refused) || (end.is_some() && !wire.may_have_begun())
}

/// Waits until an engine that does not tell what it is doing is free.
async fn free(api: &Api, trace: Option<&Trace>, end: Option<Instant>, tell: &mut impl FnMut()) -> Result<bool, Wire> {
    let next_to_nothing = json!({
        "prompt": ".", "negative_prompt": "", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1, "seed": 1,
        "batch_size": 1, "n_iter": 1, "save_images": false, "send_images": true
    })
    .to_string();
    loop {
        tell();
        let patience = end.map_or(SETTLE, |end| end.saturating_duration_since(Instant::now()));
        if patience.is_zero() {
            return Ok(false);
        }
        match api.post("txt2img", &next_to_nothing, patience).await {
            Err(wire) if unreachable(&wire, end) => return Err(wire),
            Err(_) => {}
            // It had its turn, however it ended.
            Ok(answer) if answer.ok() || answer.status == 500 => return Ok(true),
            // koboldcpp does not let anybody wait.
            Ok(answer) if matches!(answer.status, 429 | 502..=504) => {}
            Ok(answer) => {
                // Refused unseen, which says nothing; and it will never say anything. So time has to do.
                if trace.is_none_or(|trace| trace.long_over(now_ms())) {
                    log(
                        Level::Warn,
                        &format!("assuming after so long that the engine is idle: {}", answer.problem().message),
                    );
                    return Ok(true);
                }
            }
        }
        sleep(INTERRUPT.into()).await;
    }
}

/// The time by our clock, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
