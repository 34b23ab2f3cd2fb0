//! The page at `/`, as people see it: in a real browser, driven by clicks and keys, against the real host.

mod client;
mod create;
mod files;
mod queue;
mod reconnect;
mod views;

use crate::harness::{Browser, Config, Home, Host};
use serde_json::{Value, json};

/// A host at an address that stays, since a page that is open comes back to it.
async fn host() -> Host {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Home::with(Config { devices: 2, ..Config::default() }).flag("--listen", format!("127.0.0.1:{port}")).start().await
}

/// A browser that shows a view, and is live.
async fn open(host: &Host, view: &str) -> Browser {
    let browser = Browser::open().await;
    browser.go(&format!("{}/#/{view}", host.url())).await;
    browser.until("the page to be live", "document.querySelector('#connection.live')").await;
    browser
}

/// A job for the painter, that takes as long as it takes.
fn painted(prompt: &str) -> Value {
    json!({"backend": "flux-stub", "params": {"prompt": prompt, "width": 64, "height": 48, "steps": 2, "step_ms": 0}})
}

/// One that runs until somebody ends it.
fn endless(prompt: &str) -> Value {
    json!({"backend": "flux-stub", "params": {"prompt": prompt, "width": 64, "height": 64, "steps": 1000, "step_ms": 60000}})
}
