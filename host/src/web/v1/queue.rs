//! The queue and its devices: read, paused, resumed.

use std::sync::Arc;
use std::time::Duration;

use easel_core::{Actor, Command, Device, Viewer};
use easel_wire::{Devices, Pausing};
use tokio::time::timeout;

use crate::choice::one_of;
use crate::devices::UnloadError;
use crate::show::Show;
use crate::web::answer::reply;
use crate::web::extract::body::Body;
use crate::web::extract::path::Segment;
use crate::web::{Answer, Host, Problem};

/// The longest reason, in characters.
const REASON: usize = 500;

/// How long a request waits for memory to be freed.
const UNLOAD: Duration = Duration::from_secs(90);

pub(in crate::web) async fn queue(host: Arc<Host>, actor: Actor) -> Answer {
    Ok(reply::json(&host.show(&host.scheduler.state()).queue(&actor.viewer(), Show::job)))
}

pub(in crate::web) async fn devices(host: Arc<Host>, actor: Actor) -> Answer {
    let state = host.scheduler.state();
    let viewer = actor.viewer();
    let devices = state.devices().map(|device| host.show(&state).device(&viewer, device)).collect();
    Ok(reply::json(&Devices { devices }))
}

pub(in crate::web) async fn pause(host: Arc<Host>, actor: Actor, body: Body) -> Answer {
    let (reason, unload) = wish(body)?;
    host.scheduler.ask(actor.clone(), Command::PauseQueue { reason, unload }).await?;
    queue(host, actor).await
}

pub(in crate::web) async fn resume(host: Arc<Host>, actor: Actor) -> Answer {
    host.scheduler.ask(actor.clone(), Command::ResumeQueue).await?;
    queue(host, actor).await
}

pub(in crate::web) async fn pause_device(host: Arc<Host>, actor: Actor, name: Segment, body: Body) -> Answer {
    let (reason, unload) = wish(body)?;
    let viewer = actor.viewer();
    known(&host, &name.0)?;
    host.scheduler.ask(actor, Command::PauseDevice { device: name.0.clone(), reason, unload }).await?;
    device(&host, &viewer, &name.0)
}

pub(in crate::web) async fn resume_device(host: Arc<Host>, actor: Actor, name: Segment) -> Answer {
    let viewer = actor.viewer();
    known(&host, &name.0)?;
    host.scheduler.ask(actor, Command::ResumeDevice { device: name.0.clone() }).await?;
    device(&host, &viewer, &name.0)
}

/// Answers when the memory is free. While a job runs, that would be too long for a request: it is told to pause first.
pub(in crate::web) async fn unload(host: Arc<Host>, actor: Actor, name: Segment) -> Answer {
    actor.operates("free a device's memory")?;
    let free = host.scheduler.state().device(&name.0).is_none_or(Device::free);
    if !free {
        let detail = format!(
            "a job runs on {}, or the device is not settled after one: pause the device, wait until it is idle, then unload",
            name.0
        );
        return Err(Problem::conflict(detail));
    }
    match timeout(UNLOAD, host.devices.unload(&name.0)).await {
        Ok(Ok(())) => device(&host, &actor.viewer(), &name.0),
        Ok(Err(UnloadError::NoDevice(name))) => Err(Problem::not_found(no_device(&host, &name))),
        Ok(Err(error)) => Err(Problem::conflict(error.to_string())),
        Err(_) => Err(Problem::conflict(format!(
            "{} was busy for {} s: pause it, wait until it is idle, then unload",
            name.0,
            UNLOAD.as_secs()
        ))),
    }
}

/// A device that there is not, and those that there are.
pub(in crate::web) fn no_device(host: &Host, name: &str) -> String {
    let state = host.scheduler.state();
    format!("unknown device {name:?}; use {}", one_of(state.devices().map(|device| device.name.as_str())))
}

fn known(host: &Host, name: &str) -> Result<(), Problem> {
    let device = host.scheduler.state().device(name).map(drop);
    device.ok_or_else(|| Problem::not_found(no_device(host, name)))
}

fn device(host: &Host, viewer: &Viewer, name: &str) -> Answer {
    let state = host.scheduler.state();
    let device = state.device(name).ok_or_else(|| Problem::not_found(no_device(host, name)))?;
    Ok(reply::json(&host.show(&state).device(viewer, device)))
}

/// Why to pause, and whether to free the memory.
fn wish(body: Body) -> Result<(Option<String>, bool), Problem> {
    let Pausing { reason, unload } = body?.read()?;
    match reason {
        Some(reason) if reason.chars().count() > REASON => {
            Err(Problem::invalid("reason", format!("reason may have at most {REASON} characters")))
        }
        reason => Ok((reason, unload.unwrap_or_default())),
    }
}
