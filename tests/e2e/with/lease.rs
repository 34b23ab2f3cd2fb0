//! The lease by itself: what is said on it, and what becomes of a place in line whose holder is gone.

use super::holder::{command_that_is, commands};
use crate::harness::{Api, BOUND, Config, Home, Host, eventually};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

struct Lease(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Lease {
    /// A lease of `gpu0`, or the status of the refusal.
    async fn ask(api: &Api, query: &str, key: Option<&str>) -> Result<Self, u16> {
        let url = format!("{}/v1/devices/gpu0/lease?{query}", api.base().replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        }
        match tokio::time::timeout(BOUND, connect_async(request)).await.expect("in time") {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn next(&mut self, kind: &str) -> Value {
        loop {
            let message = tokio::time::timeout(BOUND, self.0.next()).await.expect("in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == kind {
                        return frame;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => panic!("closed before {kind}"),
                Some(Ok(_)) => {}
            }
        }
    }

    async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_with_the_key_goes_on_where_it_was_and_who_holds_nothing_gives_nothing_back() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let query = "command=train&name=a%20LoRA&priority=3";

    let mut first = Lease::ask(&api, query, Some("mine")).await.ok().unwrap();
    let id = first.next("hello").await["job_id"].clone();
    let waiting = first.next("waiting").await;
    assert_eq!((&waiting["job"]["id"], &waiting["job"]["queue_position"]), (&id, &json!(1)));
    first.say(json!({"type": "done", "attempt": 1, "exit_code": 0})).await;
    first.next("error").await;
    drop(first);

    let mut again = Lease::ask(&api, query, Some("mine")).await.ok().unwrap();
    assert_eq!(again.next("hello").await["job_id"], id);
    assert_eq!(Lease::ask(&api, "command=other", Some("mine")).await.err(), Some(409));
    let named = format!("{query}&job_id={}", id.as_str().unwrap());
    assert_eq!(Lease::ask(&api, &named, Some("yours")).await.err(), Some(410), "it is not theirs");
    let mut again = Lease::ask(&api, &named, Some("mine")).await.ok().unwrap();
    assert_eq!(again.next("hello").await["job_id"], id);
    let mut other = Lease::ask(&api, query, Some("yours")).await.ok().unwrap();
    assert_ne!(other.next("hello").await["job_id"], id);

    api.release(&holder).await;
    assert_eq!(again.next("granted").await["attempt"], 1);
    again.say(json!({"type": "ping", "ref": 7})).await;
    assert_eq!(again.next("pong").await["ref"], 7);
    other.say(json!({"type": "done", "attempt": 1, "exit_code": 0})).await;
    other.next("error").await;
    again.say(json!({"type": "done", "attempt": 2, "exit_code": 0})).await;
    again.next("error").await;
    again.say(json!({"type": "done", "attempt": 1, "exit_code": 0})).await;
    assert_eq!(again.next("ended").await["job"]["status"], "complete");
    other.next("granted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_line_whose_holder_does_not_come_back_is_given_up() {
    let mut host = super::brief().start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({})).await.expect(200);

    let lease = Lease::ask(&api, "command=train", Some("mine")).await.ok().unwrap();
    let job = command_that_is(&host, "queued").await;
    drop(lease);
    api.until(&job["id"], "cancelled").await;

    // Silence is as good as that.
    let lease = Lease::ask(&api, "command=train", Some("silent")).await.ok().unwrap();
    let job = command_that_is(&host, "queued").await;
    api.until(&job["id"], "cancelled").await;
    drop(lease);

    // So is not to come back to a host that was away itself.
    let lease = Lease::ask(&api, "command=train", Some("restart")).await.ok().unwrap();
    let job = command_that_is(&host, "queued").await;
    host.kill().await;
    drop(lease);
    host.start_again().await;
    host.api().until(&job["id"], "cancelled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_for_a_command_that_is_over_is_not_put_in_line_again_though_its_key_is_free() {
    let keeps_no_key = Config { tables: "[retention]\nkeys = \"0s\"".into(), ..Config::default() };
    let host = Home::with(keeps_no_key).start().await;
    let api = host.api();
    api.post("/v1/queue/pause", &json!({})).await.expect(200);
    let mut lease = Lease::ask(&api, "command=train", Some("mine")).await.ok().unwrap();
    let id = lease.next("hello").await["job_id"].as_str().unwrap().to_owned();
    api.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await.expect(200);
    lease.next("ended").await;

    let body = json!({"backend": "fakes", "params": {}});
    let job = api.submit_keyed("mine-too", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let named = format!("command=train&job_id={job}");
    assert_eq!(Lease::ask(&api, &named, Some("mine-too")).await.err(), Some(410), "that is no command");

    let named = format!("command=train&job_id={id}");
    let mut lease = Lease::ask(&api, &named, Some("mine")).await.ok().unwrap();
    assert_eq!(lease.next("ended").await["job"]["id"], id);
    assert_eq!(api.delete(&format!("/v1/jobs/{id}")).await.status, 204);
    assert_eq!(Lease::ask(&api, &named, Some("mine")).await.err(), Some(410));
    assert_eq!(commands(&host).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_taken_out_of_the_configuration_under_a_command_works_again_when_it_is_back() {
    let mut home = Home::with(Config { top: "command_grace = \"1s\"".into(), ..Config::default() });
    let with_it = std::fs::read_to_string(home.path().join("easel.toml")).unwrap();
    let elsewhere = with_it.replace("gpu0", "gpu1");
    let mut host = home.start().await;
    let mut lease = Lease::ask(&host.api(), "command=train", Some("mine")).await.ok().unwrap();
    let id = lease.next("granted").await["job_id"].clone();
    host.kill().await;

    home = host.home().clone();
    std::fs::write(home.path().join("easel.toml"), elsewhere).unwrap();
    host.start_again().await;
    host.api().until(&id, "error").await;
    host.kill().await;

    std::fs::write(home.path().join("easel.toml"), with_it).unwrap();
    host.start_again().await;
    let api = host.api();
    let job = api.submit(json!({})).await;
    // Nobody knows of the command but its holder, who has promised to end it.
    let waits = api.job(&job["id"]).await;
    assert_eq!((&waits["status"], &waits["waiting_for"]), (&json!("queued"), &json!("device")));
    api.until(&job["id"], "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_makes_no_sense_is_refused_and_takes_no_place() {
    let host = Host::start().await;
    let api = host.api();
    let long = format!("command={}", "x".repeat(201));
    for query in [
        "",
        "command=",
        &long,
        "command=a&priority=101",
        "command=a&unload=maybe",
        "command=a&timeout_s=0",
        "colour=red",
    ] {
        assert_eq!(Lease::ask(&api, query, Some("mine")).await.err(), Some(422), "{query}");
    }
    assert_eq!(Lease::ask(&api, "command=a", None).await.err(), Some(422));
    assert_eq!(commands(&host).await.len(), 0);

    let mut lease = Lease::ask(&api, "command=a", Some("mine")).await.ok().unwrap();
    lease.next("granted").await;
    for junk in ["", "[]", "{\"type\":\"dance\"}", "{\"type\":\"done\"}"] {
        lease.0.send(Message::text(junk)).await.unwrap();
        lease.next("error").await;
    }
    lease.say(json!({"type": "done", "attempt": 1, "signal": 9})).await;
    lease.next("ended").await;
    eventually("the device to be free", async || (api.device().await["busy"] == false).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wanted_the_memory_free_is_warned_after_a_restart_since_nobody_knows_whether_it_is() {
    let mut host = Host::start().await;
    for (unload, warned) in [(true, true), (false, false)] {
        let query = format!("command=train&unload={unload}");
        let mut lease = Lease::ask(&host.api(), &query, Some(&query)).await.ok().unwrap();
        assert_eq!(lease.next("granted").await["warning"], Value::Null);

        host.kill().await;
        host.start_again().await;

        let mut lease = Lease::ask(&host.api(), &query, Some(&query)).await.ok().unwrap();
        let granted = lease.next("granted").await;
        let words = granted["warning"].as_str().unwrap_or_default();
        assert_eq!(words.contains("may not be free"), warned, "{granted}");
        lease.say(json!({"type": "done", "attempt": 1, "exit_code": 0})).await;
        lease.next("ended").await;
    }
}
