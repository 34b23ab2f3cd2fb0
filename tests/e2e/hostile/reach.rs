//! Backends that reach for more of the network than they were granted, and servers that mean harm.

mod server;
#[path = "../../../plugins/fakes-online/src/hostile.rs"]
mod ways;

use crate::harness::{Config, Home, Host, cli, eventually};
use serde_json::{Value, json};
use server::{Authority, Server};
use ways::Reach;

/// Never called. Whoever adds a way to reach for hosts adds a test here.
fn _test_of(reach: Reach) -> fn() {
    match reach {
        Reach::Ask => a_host_that_is_not_allowed_hears_nothing_and_the_logs_say_what_would_allow_it,
        Reach::Follow => a_redirect_past_the_list_is_denied,
        Reach::Patient => a_guest_that_waits_for_ages_is_stopped_with_its_attempt,
        Reach::Swarm => no_more_than_sixteen_requests_are_under_way,
        Reach::Insist => a_guest_that_insists_fills_no_log,
        Reach::Hoard => an_answer_without_an_end_fills_the_guests_memory_and_nobody_elses,
        Reach::Pour => a_body_without_an_end_is_cut,
        Reach::Disguise => a_guest_cannot_say_that_it_asks_for_another_host,
    }
}

/// For those that never end by themselves.
const BRIEF: &str = "timeout = \"3s\"\nstall = \"2s\"";

/// A home with a backend that may reach these hosts and nothing else.
fn home(hosts: &[String], times: &str) -> Home {
    let component = cli::fakes_online();
    let tables = format!(
        "[backend.online]\ncomponent = {component:?}\ndevice = \"gpu0\"\nallow_hosts = {hosts:?}\n\
         {times}\nmemory = \"64MiB\"\n"
    );
    Home::with(Config { tables, ..Config::default() })
}

async fn allowed(server: &Server) -> Host {
    home(&[server.address()], BRIEF).start().await
}

/// The job that reaches for `url`, when it has ended; the next job has run by then.
async fn reached(host: &Host, reach: Reach, url: &str) -> Value {
    let api = host.api();
    let body = json!({"backend": "online", "params": {"reach": reach, "url": url}, "max_attempts": 1});
    let job = api.submit_job(&body).await;
    let job = eventually("the job to end", async || {
        api.get("/healthz").await.expect(200);
        Some(api.job(&job["id"]).await).filter(crate::harness::api::ended)
    })
    .await;
    let next = api.submit(json!({})).await;
    api.until(&next["id"], "complete").await;
    api.until_idle().await;
    assert_eq!(host.errors_logged(), Vec::<String>::new());
    job
}

#[track_caller]
fn failed(job: &Value, kind: &str, word: &str) {
    assert_eq!((&job["status"], &job["error"]["kind"]), (&json!("error"), &json!(kind)), "{job:#}");
    assert!(job["error"]["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{job:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_not_allowed_hears_nothing_and_the_logs_say_what_would_allow_it() {
    let (server, secret) = (Server::start().await, Server::start().await);
    let host = allowed(&server).await;

    let fine = reached(&host, Reach::Ask, &server.url("/ok")).await;
    let denied = reached(&host, Reach::Ask, &secret.url("/ok")).await;

    assert_eq!(fine["result"], json!({"status": 200, "bytes": 2}), "{fine:#}");
    failed(&denied, "failed", "HttpRequestDenied");
    assert_eq!((server.heard(), secret.heard()), (1, 0));
    let line = format!("allow_hosts = [\"{}\",\"{}\"]", server.address(), secret.address());
    let log = host.api().get(&format!("/v1/jobs/{}/log", denied["id"].as_str().unwrap())).await;
    let quoted = String::from_utf8_lossy(&log.body).replace("\\\"", "\"");
    assert!(quoted.contains(&line), "{quoted}");
    eventually("the host's own log to say so", async || {
        host.log().iter().any(|said| said.contains(&line)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_past_the_list_is_denied() {
    let (server, secret) = (Server::start().await, Server::start().await);
    let host = allowed(&server).await;

    let within = reached(&host, Reach::Follow, &server.url(&format!("/to/{}", server.url("/ok")))).await;
    let past = reached(&host, Reach::Follow, &server.url(&format!("/to/{}", secret.url("/ok")))).await;

    assert_eq!(within["result"]["status"], 200, "{within:#}");
    failed(&past, "failed", "HttpRequestDenied");
    assert_eq!(secret.heard(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_for_ages_is_stopped_with_its_attempt() {
    let server = Server::start().await;
    let host = allowed(&server).await;

    let job = reached(&host, Reach::Patient, &server.url("/silence")).await;

    failed(&job, "stalled", "reported nothing for");
    eventually("the connection to be closed", async || (server.open() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_sixteen_requests_are_under_way() {
    let server = Server::start().await;
    let host = allowed(&server).await;

    let job = reached(&host, Reach::Swarm, &server.url("/endless")).await;

    failed(&job, "stalled", "reported nothing for");
    assert_eq!(server.most_open(), 16);
    eventually("the connections to be closed", async || (server.open() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_insists_fills_no_log() {
    let (server, secret) = (Server::start().await, Server::start().await);
    let host = allowed(&server).await;

    let job = reached(&host, Reach::Insist, &secret.url("/ok")).await;

    failed(&job, "stalled", "reported nothing for");
    let denials = host.log().iter().filter(|line| line.contains("is not allowed for backend")).count();
    assert_eq!((denials, secret.heard()), (20, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_fills_the_guests_memory_and_nobody_elses() {
    let server = Server::start().await;
    let host = allowed(&server).await;
    reached(&host, Reach::Ask, &server.url("/ok")).await;
    let before = host.resident_kib();

    let job = reached(&host, Reach::Hoard, &server.url("/endless")).await;

    failed(&job, "trapped", "more memory than the 64 MiB");
    assert!(host.peak_kib() < before + (64 + 64) * 1024, "{} KiB after {before}", host.peak_kib());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_an_end_is_cut() {
    let server = Server::start().await;
    let times = "timeout = \"50s\"\nstall = \"50s\"";
    let host = home(&[server.address()], times).start().await;
    reached(&host, Reach::Ask, &server.url("/ok")).await;
    let before = host.resident_kib();

    let job = reached(&host, Reach::Pour, &server.url("/sink")).await;

    failed(&job, "failed", "sent 25");
    assert!(server.swallowed() <= 257 * 1024 * 1024, "{}", server.swallowed());
    assert!(host.peak_kib() < before + 64 * 1024, "{} KiB after {before}", host.peak_kib());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_cannot_say_that_it_asks_for_another_host() {
    let server = Server::start().await;
    let host = allowed(&server).await;

    let job = reached(&host, Reach::Disguise, &server.url("/ok")).await;

    failed(&job, "failed", "Forbidden");
    assert_eq!(server.heard(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_whom_the_machine_trusts_and_with_nobody_else() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let good = Server::secure(&trusted, "localhost").await;
    let misnamed = Server::secure(&trusted, "elsewhere.example").await;
    let unknown = Server::secure(&stranger, "localhost").await;
    let hosts = [&good, &misnamed, &unknown].map(|server| server.address().replace("127.0.0.1", "localhost"));
    let home = home(&hosts, BRIEF);
    let path = home.path().join("authority.pem");
    std::fs::write(&path, trusted.pem()).unwrap();
    let host = home.environment("SSL_CERT_FILE", path.to_str().unwrap()).start().await;
    let ask = async |address: &String| reached(&host, Reach::Ask, &format!("https://{address}/ok")).await;

    let [fine, other_name, other_authority] = [ask(&hosts[0]).await, ask(&hosts[1]).await, ask(&hosts[2]).await];

    assert_eq!(fine["result"], json!({"status": 200, "bytes": 2}), "{fine:#}");
    assert_eq!(good.names(), ["localhost"]);
    failed(&other_name, "failed", "TlsCertificateError");
    failed(&other_authority, "failed", "TlsCertificateError");
    let log = host.api().get(&format!("/v1/jobs/{}/log", other_name["id"].as_str().unwrap())).await;
    assert!(String::from_utf8_lossy(&log.body).contains("elsewhere.example"), "the job's log says why");
    assert_eq!((misnamed.heard(), unknown.heard()), (0, 0));
}
