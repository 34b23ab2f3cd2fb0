//! The embedded Forge backend against a simulated Forge.
//!
//! What must hold whatever happens: Easel never has two jobs at the engine at once, and what somebody else does there is
//! never interrupted.

mod cancelling; // interrupts, again and again, but never somebody else's work
mod errors; // what the engine says went wrong
mod foreign; // somebody uses the engine itself
mod lost; // crashes, timeouts and broken connections: the device is at rest before anything else runs
mod names; // what the engine does not have is refused, not replaced
mod pictures; // what is asked and what comes back
mod progress; // how far it is, and whether it hangs
mod relatives; // engines that speak most of the same API

use crate::harness::{Api, Config, Forge, Home, Host, eventually};
use serde_json::{Value, json};

pub async fn host_with(forge: &Forge) -> Host {
    host_where(forge, "", "").await
}

/// A host with further `keys` of the backend and further fields of its `config`.
async fn host_where(forge: &Forge, keys: &str, config: &str) -> Host {
    Home::with(home_where(forge, keys, config)).start().await
}

fn home_where(forge: &Forge, keys: &str, config: &str) -> Config {
    let url = forge.url();
    let address = url.trim_start_matches("http://");
    let tables = format!(
        "[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\nallow_hosts = [\"{address}\"]\n\
         config = {{ url = \"{url}\"{config} }}\n{keys}\n"
    );
    Config { tables, ..Config::default() }
}

/// A small job: its id.
async fn paint(api: &Api, prompt: &str) -> Value {
    order(api, json!({"prompt": prompt})).await
}

/// A small job of one attempt with these params: its id.
async fn order(api: &Api, params: Value) -> Value {
    let mut all = json!({"prompt": "a red fox", "steps": 4, "width": 64, "height": 64});
    all.as_object_mut().expect("an object").extend(params.as_object().expect("params").clone());
    api.submit_job(&json!({"backend": "forge", "params": all, "max_attempts": 1})).await["id"].clone()
}

/// A small job that may be tried again: its id.
async fn paint_twice_if_need_be(api: &Api, prompt: &str) -> Value {
    let params = json!({"prompt": prompt, "steps": 4, "width": 64, "height": 64});
    api.submit_job(&json!({"backend": "forge", "params": params, "max_attempts": 2})).await["id"].clone()
}

/// Waits until a job says this of itself.
async fn until_stage(api: &Api, job: &Value, stage: &str) {
    api.until_job(job, stage, |job| job["stage"].as_str().is_some_and(|told| told.contains(stage))).await;
}

/// Waits until a job's first attempt is over: what came of it.
async fn first_attempt(api: &Api, job: &Value) -> Value {
    api.until_job(job, "the end of an attempt", |job| !job["attempts"][0]["outcome"].is_null()).await["attempts"][0]
        .clone()
}

/// Waits until the engine was asked `more` times what it is doing.
async fn until_looked(forge: &Forge, more: usize) {
    let route = "GET /sdapi/v1/progress";
    let before = forge.calls(route);
    eventually("further looks at the engine", async || (forge.calls(route) >= before + more).then_some(())).await;
}
