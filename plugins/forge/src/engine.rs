//! What is asked of the engine besides a job: what it has, whether it is idle, to let go of its memory.

use crate::catalog::{self, LISTS};
use crate::http::Api;
use crate::problem::{Kind, Problem};
use crate::progress;
use futures_lite::future::zip;
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use wstd::task::sleep;

/// How long an engine may take to come to rest. The host gives a minute.
const SETTLE: Duration = Duration::from_secs(50);

/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// How long unloading may take: gigabytes go back to the system.
const UNLOAD: Duration = Duration::from_secs(60);

/// What the engine has.
pub async fn catalog(api: &Api) -> Result<Map<String, Value>, Problem> {
    let [models, samplers, schedulers, upscalers, modules] = LISTS.map(|(_, route)| list(api, route));
    // At once: an engine that searches its disk for models takes its time.
    let (models, (samplers, (schedulers, (upscalers, modules)))) =
        zip(models, zip(samplers, zip(schedulers, zip(upscalers, modules)))).await;
    let lists = [models?, samplers?, schedulers?, upscalers?, modules?];
    if lists.iter().all(Value::is_null) {
        return Err(Problem::new(
            Kind::Unavailable,
            format!("what answers at {} has no such API: start the engine with --api", api.host()),
        ));
    }
    Ok(catalog::catalog(lists))
}

async fn list(api: &Api, route: &str) -> Result<Value, Problem> {
    let answer = api.get(route).await?;
    if matches!(answer.status, 401 | 403 | 500..) {
        return Err(answer.problem());
    }
    Ok(catalog::list(answer.status, &answer.body))
}

/// Waits until the engine is idle; interrupts what runs there if it is ours to interrupt.
pub async fn settle(api: &Api, interrupt: bool) -> Result<(), Problem> {
    let end = Instant::now() + SETTLE;
    let mut interrupts = interrupt;
    let mut seen_idle = false;
    let mut looks = 0u32;
    while Instant::now() < end {
        let answer = api.get("progress?skip_current_image=true").await?;
        if answer.missing() {
            return answers(api).await;
        }
        if !answer.ok() {
            return Err(answer.problem());
        }
        let answer: progress::Answer = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.state.idle() {
            // Twice: what we lost may have stood in line behind somebody else's and begin only now.
            if seen_idle {
                return Ok(());
            }
            seen_idle = true;
        } else {
            seen_idle = false;
            if interrupts && looks.is_multiple_of(2) {
                interrupts = !interrupt_once(api).await?;
            }
        }
        looks += 1;
        sleep(LOOK.into()).await;
    }
    Err(Problem::new(Kind::Unavailable, "the engine is still busy"))
}

/// Interrupts what runs. True: this engine cannot.
pub async fn interrupt_once(api: &Api) -> Result<bool, Problem> {
    let answer = api.order("interrupt", Duration::from_secs(5)).await?;
    Ok(answer.missing())
}

/// An engine without progress cannot say that it is idle; that it answers has to do.
async fn answers(api: &Api) -> Result<(), Problem> {
    for route in ["options", "sd-models"] {
        let answer = api.get(route).await?;
        if answer.ok() {
            return Ok(());
        }
        if !answer.missing() {
            return Err(answer.problem());
        }
    }
    Ok(())
}

/// Lets go of the model; an engine that cannot has nothing to be asked for.
pub async fn unload(api: &Api) -> Result<(), Problem> {
    let answer = api.order("unload-checkpoint", UNLOAD).await?;
    if answer.ok() || answer.missing() {
        return Ok(());
    }
    Err(answer.problem())
}
