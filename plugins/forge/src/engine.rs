//! What is asked of the engine besides a job: what it has, and to let go of its memory.

use crate::catalog::{self, LISTS};
use crate::http::Api;
use crate::look::{Look, look};
use crate::problem::{Kind, Problem};
use futures_lite::future::zip;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long unloading may take: gigabytes go back to the system. The host gives a minute.
const UNLOAD: Duration = Duration::from_secs(55);

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
            format!("the server at {} has no such API: start the engine with --api", api.host()),
        ));
    }
    Ok(catalog::catalog(lists))
}

/// One of the engine's lists; null: it has no such list.
pub async fn list(api: &Api, route: &str) -> Result<Value, Problem> {
    let answer = api.get(route).await.map_err(|wire| api.problem(&wire))?;
    if matches!(answer.status, 401 | 403 | 429 | 500 | 502..) {
        return Err(answer.problem());
    }
    Ok(catalog::list(answer.status, &answer.body))
}

/// Whether the engine has the API at all, whatever it lacks of it.
pub async fn has_api(api: &Api) -> bool {
    matches!(api.get("sd-models").await, Ok(answer) if answer.ok())
}

/// Lets go of the model; an engine that cannot has nothing to be asked for. Not while somebody else uses it.
pub async fn unload(api: &Api) -> Result<(), Problem> {
    if let Look::Seen(seen) = look(api, None, false).await
        && !seen.state.idle()
    {
        return Err(Problem::of_foreign("somebody is using the engine itself: its model stays loaded"));
    }
    let answer = api.post("unload-checkpoint", "{}", UNLOAD).await.map_err(|wire| api.problem(&wire))?;
    if answer.ok() || answer.missing() {
        return Ok(());
    }
    Err(answer.problem())
}
