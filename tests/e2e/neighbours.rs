//! Processes of other users on this machine, proxies among them: what reaches them reaches nobody else's queue.
//!
//! Only root can be two users, and a proxy has to be there: where either is missing, these tests fail and say so, for nothing was
//! checked.

use crate::harness::api::text;
use crate::harness::{Api, Config, Exit, Home, Host, cli, eventually};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `nobody`, on most systems.
const NOBODY: u32 = 65_534;

/// Makes sure that this process can be somebody else.
fn must_be_root() {
    assert!(rustix::process::geteuid().is_root(), "only root can be two users: run these tests as root, as CI does");
}

/// What a process of another user gets: the status and the body.
async fn as_another(url: &str, user: u32) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "30", "-w", "\n%{http_code}", "-H", "Content-Type: application/json"]);
    curl.args(["-d", r#"{"params": {}}"#, url]).uid(user).gid(user).current_dir("/");
    let Exit { stdout, stderr, .. } = cli::run(curl).await;
    let (body, status) = stdout.rsplit_once('\n').unwrap_or_else(|| panic!("{stdout} {stderr}"));
    (status.parse().expect("a status"), body.to_owned())
}

async fn count(api: &Api) -> usize {
    api.jobs("").await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_another_user_is_refused_and_told_how_it_would_be_let_in() {
    must_be_root();
    let host = Host::start().await;
    let api = host.api();
    let port = host.url().rsplit(':').next().unwrap().to_owned();

    for name in ["127.0.0.1", "localhost"] {
        let (status, body) = as_another(&format!("http://{name}:{port}/v1/jobs"), NOBODY).await;
        assert_eq!(status, 403, "{name}: {body}");
        assert!(body.contains("web.local_users") && body.contains("nobody"), "{body}");
    }
    assert_eq!(count(&api).await, 0);
    assert_eq!(as_another(&format!("{}/v1/jobs", host.url()), 0).await.0, 201, "root's own");
    assert_eq!(host.errors_logged(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_the_operator_lists_are_served_and_no_others() {
    must_be_root();
    for (listed, nobody, other) in [("nobody", 201, 403), ("65534", 201, 403), ("*", 201, 201)] {
        let tables = format!("[web]\nlocal_users = [{listed:?}]");
        let host = Home::with(Config { tables, ..Config::default() }).start().await;
        let url = format!("{}/v1/jobs", host.url());

        assert_eq!((as_another(&url, NOBODY).await.0, as_another(&url, 12_345).await.0), (nobody, other), "{listed}");
    }
    let tables = "[web]\nlocal_users = [\"no-such-user\"]".to_owned();
    let exit = Home::with(Config { tables, ..Config::default() }).fails_to_start().await;
    exit.says(2, &["web.local_users", "no-such-user"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_says_nothing_of_itself_is_refused() {
    must_be_root();
    Command::new("nginx")
        .arg("-v")
        .output()
        .expect("nginx has to be installed (apt-get install nginx), as it is in CI");
    let host = Host::start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = host.home().path().join("nginx.conf");
    let place = host.home().path().display();
    let upstream = host.url();
    let conf = format!(
        "daemon off; user www-data; pid {place}/nginx.pid; error_log {place}/nginx.log; events {{}}\n\
         http {{ access_log off; client_body_temp_path /tmp; server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {upstream}; }} }} }}\n"
    );
    std::fs::write(&site, conf).unwrap();
    let mut nginx = Command::new("nginx").arg("-c").arg(&site).spawn().unwrap();

    let proxied = Api::new(&format!("http://127.0.0.1:{port}"));
    let reply = eventually("nginx to answer", async || {
        proxied.attempt(proxied.request(reqwest::Method::GET, "/v1/jobs").header("Host", "localhost")).await.ok()
    })
    .await;
    let _ = Command::new("kill").arg(nginx.id().to_string()).status();
    let _ = nginx.wait();

    let problem = reply.problem(&[403]);
    assert!(text(&problem["detail"]).contains("www-data"), "{problem}");
}
