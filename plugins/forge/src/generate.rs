//! A job, from the check of what it asks for to the engine's answer.
//!
//! Whatever way it ends, nothing of it may still run when this returns: that is why an answer that is lost on the way is
//! not the end yet. What ran out of patience meanwhile is the host's affair: it kills this, and settles the device.

use crate::bindings::easel::backend::host::{Attempt, Level, log};
use crate::http::{Answer, Api};
use crate::inputs::Inputs;
use crate::look::{Look, look};
use crate::params::Params;
use crate::problem::{Kind, Problem, Wire};
use crate::rest::{now_ms, rest};
use crate::trace::Trace;
use crate::turn::{self, Found};
use crate::{engine, follow, preflight, request};
use futures_lite::future::or;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

/// What a job asks for.
pub struct Wanted {
    /// Its params.
    pub params: Params,
    /// Its pictures.
    pub inputs: Inputs,
    /// The seed of the first image.
    pub seed: u32,
}

/// What came of it.
pub struct Made {
    /// The engine's answer: one of the good ones.
    pub answer: Answer,
    /// The model that was to make it, if the job named one.
    pub model: Option<Value>,
}

/// Does the job.
pub async fn generate(api: &Api, attempt: &Attempt, wanted: Wanted) -> Result<Made, Problem> {
    let Wanted { mut params, inputs, seed } = wanted;
    attempt.report(Some(0.0), Some("waiting for the engine"));
    clear_away(api, attempt).await?;
    let model = check(api, &mut params).await?;
    let found = turn::wait(api, attempt).await?;
    if attempt.cancelled() {
        return Err(Problem::cancelled());
    }

    let time = attempt.remaining_ms().max(1000);
    // The engines name the tasks of their pages like this.
    let task = format!("task(easel-{}-{})", attempt.job_id(), attempt.number());
    let (idle, mute) = match &found {
        Found::Idle(state) => (Some(state), false),
        Found::Busy | Found::Unseen => (None, false),
        Found::Mute => (None, true),
    };
    let trace = Trace::begin(task, idle, now_ms(), time);
    // Before it is sent: whoever comes after a crash has to know of it.
    attempt.remember(&trace.note());
    let route = request::route(&inputs);
    let body = request::body(&params, inputs, seed, &trace.task).to_string();
    let trace = RefCell::new(trace);
    let beside = async {
        follow::follow(api, attempt, &trace, mute).await;
        pending().await
    };
    // The host ends the attempt in time; the engine's answer is worth waiting for until then.
    let answer =
        or(api.submit(route, &body, Duration::from_millis(time), || trace.borrow_mut().arrive()), beside).await;
    drop(body);

    let answer = judge(api, attempt, answer, trace, mute).await;
    // Whatever came of it, nobody wants it any more.
    if attempt.cancelled() {
        return Err(Problem::cancelled());
    }
    Ok(Made { answer: answer?, model })
}

/// An earlier attempt of this job may have been lost with its request still at the engine.
async fn clear_away(api: &Api, attempt: &Attempt) -> Result<(), Problem> {
    let Some(mut trace) = attempt.recall().and_then(|note| Trace::recall(&note, now_ms())) else { return Ok(()) };
    let seen = match look(api, Some(&trace.task), false).await {
        Look::Seen(seen) => seen,
        // The device was settled since; this is for what that could not see.
        Look::Never | Look::NotNow(_) => return Ok(()),
    };
    if !trace.is_there(&seen.state, seen.task) {
        return Ok(());
    }
    log(Level::Warn, "the engine is still at an earlier attempt of this job: stopping that first");
    let tell = || attempt.report(None, Some("stopping an earlier attempt"));
    rest(api, Some(&mut trace), None, tell).await.map_err(|wire| api.problem(&wire))?;
    Ok(())
}

/// Looks up what the job names in what the engine has. The model that the job names.
async fn check(api: &Api, params: &mut Params) -> Result<Option<Value>, Problem> {
    let mut lists = Map::new();
    for (name, route) in preflight::needed(params) {
        lists.insert(name.to_owned(), engine::list(api, route).await?);
    }
    preflight::fit(params, &lists)
}

/// What the end of the request means. When this returns, the engine is not at it any more.
async fn judge(
    api: &Api,
    attempt: &Attempt,
    answer: Result<Answer, Wire>,
    trace: RefCell<Trace>,
    mute: bool,
) -> Result<Answer, Problem> {
    let mut trace = trace.into_inner();
    match answer {
        Ok(answer) if answer.ok() => {
            if !mute && !attempt.cancelled() {
                interrupted_by_others(api, attempt, &trace).await?;
            }
            Ok(answer)
        }
        // Of a gateway: the engine behind it may be at it.
        Ok(answer) if matches!(answer.status, 502 | 504) => {
            put_to_rest(api, attempt, &mut trace).await;
            let problem = answer.problem();
            Err(if trace.has_begun() { Problem { kind: Kind::Failed, ..problem } } else { problem })
        }
        Ok(answer) if answer.missing() && engine::has_api(api).await => {
            let problem = answer.problem();
            let lacking = "the engine cannot do this kind of job: it has no such route";
            Err(if problem.kind == Kind::Unavailable { Problem::new(Kind::Invalid, lacking) } else { problem })
        }
        Ok(answer) => Err(answer.problem()),
        Err(wire) if wire.may_have_begun() => {
            put_to_rest(api, attempt, &mut trace).await;
            let (Wire::Broken(how) | Wire::Silent(how)) = &wire else { return Err(api.problem(&wire)) };
            Err(Problem::of_lost_answer(how, api.host()))
        }
        Err(wire) => Err(api.problem(&wire)),
    }
}

/// Somebody may have pressed a button at the engine: what comes back then looks like a success, and is half a picture.
async fn interrupted_by_others(api: &Api, attempt: &Attempt, trace: &Trace) -> Result<(), Problem> {
    if let Some(seen) = follow::patiently(attempt, look(api, None, false)).await
        && trace.was_interrupted(&seen.state)
    {
        return Err(Problem::new(Kind::Failed, "somebody interrupted this job at the engine itself"));
    }
    Ok(())
}

/// The answer is lost; the work may not be.
async fn put_to_rest(api: &Api, attempt: &Attempt, trace: &mut Trace) {
    let tell = || attempt.report(None, Some("the connection broke off: waiting until the engine is at rest"));
    if let Err(wire) = rest(api, Some(trace), None, tell).await {
        // Nobody is there any more, so nothing runs there either.
        log(Level::Warn, &api.problem(&wire).message);
    }
}
