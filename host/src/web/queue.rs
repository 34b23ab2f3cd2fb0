//! The queue and its devices, read.

use std::sync::Arc;

use serde_json::json;

use super::{Answer, Host, reply};
use crate::view;

pub(super) async fn queue(host: Arc<Host>) -> Answer {
    Ok(reply::json(&view::queue(&host.scheduler.state(), host.scheduler.hub())))
}

pub(super) async fn devices(host: Arc<Host>) -> Answer {
    let state = host.scheduler.state();
    let devices: Vec<_> = state.devices().map(|device| view::device(device, &state)).collect();
    Ok(reply::json(&json!({"devices": devices})))
}
