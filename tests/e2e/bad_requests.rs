//! Requests that lead nowhere: wrong methods, types and paths; and requests that a browser was tricked into.

use crate::bad_input::Calm;
use crate::harness::api::text;
use crate::harness::raw::raw;
use crate::harness::{Api, Config, Home, Host, Reply, Socket};
use reqwest::Method;
use serde_json::json;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The headers that make a request a handshake.
const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Asks for a WebSocket with these headers.
async fn shake(api: &Api, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = api.request(Method::GET, path);
    api.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_is_refused_with_405() {
    let calm = Calm::start().await;
    let job = format!("/v1/jobs/{}", text(&calm.job["id"]));

    for (method, path) in [
        ("PUT", "/v1/jobs"),
        ("DELETE", "/v1/jobs"),
        ("POST", job.as_str()),
        ("GET", &format!("{job}/cancel")),
        ("DELETE", &format!("{job}/artifacts/0.txt")),
        ("POST", "/v1/queue"),
        ("DELETE", "/v1/devices"),
        ("PUT", "/v1/messages"),
        ("GET", "/v1/uploads"),
        ("POST", "/healthz"),
    ] {
        let reply = raw(&calm.api, method, path, &[JSON], b"{}").await;
        reply.problem(&[405]);
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_content_type_is_refused_with_415() {
    let calm = Calm::start().await;

    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
    {
        for path in ["/v1/jobs", "/v1/messages"] {
            raw(&calm.api, "POST", path, &[("Content-Type", kind)], b"{\"params\": {}}").await.problem(&[415]);
        }
    }

    calm.is_unharmed().await;
    let fine = [("Content-Type", "application/json; charset=utf-8")];
    assert_eq!(raw(&calm.api, "POST", "/v1/jobs", &fine, b"{\"params\": {}}").await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_a_problem_document_too() {
    let calm = Calm::start().await;
    let nobody = uuid::Uuid::now_v7();

    for path in [
        "/nowhere".to_owned(),
        "/v1".to_owned(),
        "/v1/nowhere".to_owned(),
        "/sdapi/v1/options".to_owned(),
        format!("/v1/jobs/{nobody}"),
        format!("/v1/jobs/{nobody}/log"),
        format!("/v1/jobs/{nobody}/preview"),
        format!("/v1/jobs/{nobody}/artifacts/0.png"),
        format!("/v1/messages/{nobody}"),
        format!("/v1/jobs/{}/nowhere", text(&calm.job["id"])),
    ] {
        calm.api.get(&path).await.problem(&[404]);
    }
    calm.api.post(&format!("/v1/jobs/{nobody}/cancel"), &json!({})).await.problem(&[404]);
    calm.api.post(&format!("/v1/jobs/{nobody}/retry"), &json!({})).await.problem(&[404]);
    calm.api.patch(&format!("/v1/messages/{nobody}"), &json!({"content": "x"})).await.problem(&[404]);
    calm.api.delete(&format!("/v1/jobs/{nobody}")).await.problem(&[404]);

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_are_no_uuids_are_not_found() {
    let calm = Calm::start().await;

    for id in ["7", "no-uuid", "%00", "%27%3B%20DROP%20TABLE%20job", "job:1", "%F0%9F%A6%8A", "%ff", &"a".repeat(5000)]
    {
        for (method, path) in [
            ("GET", format!("/v1/jobs/{id}")),
            ("DELETE", format!("/v1/jobs/{id}")),
            ("POST", format!("/v1/jobs/{id}/cancel")),
            ("GET", format!("/v1/jobs/{id}/log")),
            ("GET", format!("/v1/messages/{id}")),
        ] {
            raw(&calm.api, method, &path, &[JSON], b"").await.problem(&[400, 404, 414, 422]);
        }
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_id_is_told_as_an_id_of_nothing_and_not_as_a_wrong_path() {
    let calm = Calm::start().await;

    for (method, path, told) in [
        ("GET", "/v1/jobs/seven", "no job with id seven: an id is a UUID"),
        ("DELETE", "/v1/jobs/seven", "no job with id seven: an id is a UUID"),
        ("PATCH", "/v1/jobs/seven", "no job with id seven: an id is a UUID"),
        ("POST", "/v1/jobs/seven/cancel", "no job with id seven: an id is a UUID"),
        ("POST", "/v1/jobs/seven/retry", "no job with id seven: an id is a UUID"),
        ("POST", "/v1/jobs/seven/move", "no job with id seven: an id is a UUID"),
        ("GET", "/v1/jobs/seven/log", "no job with id seven: an id is a UUID"),
        ("GET", "/v1/jobs/seven/preview", "no job with id seven: an id is a UUID"),
        ("GET", "/v1/jobs/a%20fox/artifacts/0.png", "no job with id a fox: an id is a UUID"),
        ("GET", "/v1/messages/7", "no message with id 7: an id is a UUID"),
        ("PATCH", "/v1/messages/7", "no message with id 7: an id is a UUID"),
        ("DELETE", "/v1/messages/7", "no message with id 7: an id is a UUID"),
        ("GET", "/v1/batches/7", "no batch with id 7: an id is a UUID"),
        ("POST", "/v1/batches/7/cancel", "no batch with id 7: an id is a UUID"),
        ("GET", "/v1/backends/nobody", "unknown backend \"nobody\"; use one of fakes, flux-stub"),
        ("POST", "/v1/devices/gpu9/pause", "unknown device \"gpu9\"; use gpu0"),
        ("POST", "/v1/devices/gpu9/resume", "unknown device \"gpu9\"; use gpu0"),
        ("POST", "/v1/devices/gpu9/unload", "unknown device \"gpu9\"; use gpu0"),
    ] {
        let problem = raw(&calm.api, method, path, &[JSON], b"{}").await.problem(&[404]);
        assert!(text(&problem["detail"]).contains(told), "{method} {path}: {problem}");
    }
    // What is a path of its own is no id.
    raw(&calm.api, "GET", "/v1/jobs/cancel", &[], b"").await.problem(&[405]);

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_a_websocket_says_what_a_request_lacks() {
    let calm = Calm::start().await;

    for (lacking, told) in [
        (0, "it lacks the header `Connection: Upgrade`"),
        (1, "it lacks the header `Upgrade: websocket`"),
        (2, "it lacks the header `Sec-WebSocket-Version: 13`"),
        (3, "it lacks the header `Sec-WebSocket-Key`"),
    ] {
        let headers: Vec<_> =
            HANDSHAKE.iter().enumerate().filter(|(at, _)| *at != lacking).map(|(_, header)| *header).collect();
        for path in ["/v1/ws", "/v1/devices/gpu0/lease?command=x"] {
            let problem = shake(&calm.api, path, &headers).await.problem(&[426]);
            assert!(text(&problem["detail"]).contains(told), "{problem}");
        }
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_query_of_a_websocket_is_told_by_its_name() {
    let calm = Calm::start().await;

    for (query, field) in [
        ("job_id=seven", "job_id"),
        ("conversation_id=c1&batch_id=seven", "batch_id"),
        ("colour=red", "colour"),
        ("since=a&since=b", "since"),
    ] {
        let problem = shake(&calm.api, &format!("/v1/ws?{query}"), &HANDSHAKE).await.problem(&[422]);
        assert_eq!(problem["field"], field, "{problem}");
    }
    let id = text(&calm.job["id"]);
    let problem = calm.api.get(&format!("/v1/jobs?id={id}&limit=1")).await.problem(&[422]);
    assert_eq!(problem["field"], "limit", "{problem}");

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_with_dots_lead_nowhere() {
    let calm = Calm::start().await;
    let job = format!("/v1/jobs/{}", text(&calm.job["id"]));
    std::fs::write(calm.host.home().path().join("secret"), "the operator's own").unwrap();

    for tail in [
        "../../../../secret",
        "..%2f..%2f..%2f..%2fsecret",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret",
        "..",
        ".",
        "%2e%2e",
        "....//....//secret",
        "..%5c..%5csecret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "0.txt%00.png",
        "0.txt/../0.txt",
        "",
    ] {
        let reply = raw(&calm.api, "GET", &format!("{job}/artifacts/{tail}"), &[], b"").await;
        reply.problem(&[400, 404]);
    }
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/../../etc/passwd",
        "/v1/backends/..%2f..%2fsecret",
    ] {
        raw(&calm.api, "GET", path, &[], b"").await.problem(&[400, 404]);
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_another_host_is_refused_and_told_the_cure() {
    let calm = Calm::start().await;
    let port = calm.api.base().rsplit(':').next().unwrap().to_owned();

    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
    ] {
        for (method, body) in [("GET", &b""[..]), ("POST", b"{\"params\": {}}")] {
            let problem = raw(&calm.api, method, "/v1/jobs", &[("Host", host), JSON], body).await.problem(&[403]);
            assert!(text(&problem["detail"]).contains("web.hosts"), "{problem}");
        }
    }
    for host in ["localhost", &format!("localhost:{port}"), &format!("127.0.0.1:{port}"), "[::1]"] {
        assert_eq!(raw(&calm.api, "GET", "/v1/jobs", &[("Host", host)], b"").await.status, 200, "{host} is loopback");
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_from_another_sites_page_is_refused_on_the_websocket_too() {
    let calm = Calm::start().await;

    for origin in ["http://evil.example", "https://localhost.evil.example", "http://127.0.0.1:1", "null"] {
        let headers = [("Origin", origin), JSON];
        let problem = raw(&calm.api, "POST", "/v1/jobs", &headers, b"{\"params\": {}}").await.problem(&[403]);
        assert!(text(&problem["detail"]).contains("web.origins"), "{problem}");
        assert_eq!(Socket::with_headers(&calm.api, &[("Origin", origin)]).await.err(), Some(403), "{origin}");
    }

    let same = [("Origin", calm.api.base())];
    assert_eq!(raw(&calm.api, "GET", "/v1/jobs", &same, b"").await.status, 200);
    assert!(Socket::with_headers(&calm.api, &same).await.is_ok(), "the host's own page may connect");
    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_that_does_not_name_itself_may_follow_links_and_change_nothing() {
    let calm = Calm::start().await;
    let job = format!("/v1/jobs/{}/cancel", text(&calm.job["id"]));

    for site in ["cross-site", "same-site", "nonsense"] {
        let headers = [("Sec-Fetch-Site", site), JSON];
        for (method, path) in
            [("POST", "/v1/jobs"), ("POST", job.as_str()), ("DELETE", "/v1/jobs"), ("PATCH", "/v1/jobs")]
        {
            raw(&calm.api, method, path, &headers, b"{\"params\": {}}").await.problem(&[403]);
        }
        assert_eq!(raw(&calm.api, "GET", "/v1/jobs", &headers, b"").await.status, 200, "{site}: a link");
        assert_eq!(Socket::with_headers(&calm.api, &[("Sec-Fetch-Site", site)]).await.err(), Some(403), "{site}");
    }

    calm.is_unharmed().await;
    for site in ["same-origin", "none"] {
        let headers = [("Sec-Fetch-Site", site), JSON];
        assert_eq!(raw(&calm.api, "POST", "/v1/jobs", &headers, b"{\"params\": {}}").await.status, 201, "{site}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_shown_on_pages_of_ones_own_and_of_listed_origins() {
    let tables = "[web]\norigins = [\"http://ui.example\"]".into();
    let host: Host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();
    let shown = async |headers: &[(&str, &str)]| {
        raw(&api, "GET", "/v1/jobs", headers, b"").await.header("cross-origin-resource-policy").to_owned()
    };

    for ours in [&[][..], &[("Referer", "http://other.example/page")], &[("Referer", "nonsense")]] {
        assert_eq!(shown(ours).await, "same-origin", "{ours:?}");
    }
    assert_eq!(shown(&[("Origin", api.base())]).await, "same-origin");
    for listed in [("Origin", "http://ui.example"), ("Referer", "http://ui.example/gallery?x")] {
        assert_eq!(shown(&[listed]).await, "cross-origin", "{listed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_came_through_a_proxy_is_refused_without_tokens() {
    let calm = Calm::start().await;

    for header in [
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Host", "easel.example"),
        ("X-Forwarded-Proto", "https"),
        ("Via", "1.1 proxy"),
    ] {
        raw(&calm.api, "POST", "/v1/jobs", &[header, JSON], b"{\"params\": {}}").await.problem(&[403]);
        raw(&calm.api, "GET", "/v1/jobs", &[header], b"").await.problem(&[403]);
        assert_eq!(Socket::with_headers(&calm.api, &[header]).await.err(), Some(403), "{header:?}");
    }

    calm.is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_and_origins_that_the_operator_lists_are_served() {
    let tables = "[web]\nhosts = [\"easel.example\"]\norigins = [\"http://ui.example\"]".into();
    let host: Host = Home::with(Config { tables, ..Config::default() }).start().await;
    let api = host.api();

    let listed = [("Host", "easel.example"), ("Origin", "http://ui.example"), JSON];
    assert_eq!(raw(&api, "POST", "/v1/jobs", &listed, b"{\"params\": {}}").await.status, 201);
    raw(&api, "GET", "/v1/jobs", &[("Host", "other.example")], b"").await.problem(&[403]);
    raw(&api, "GET", "/v1/jobs", &[("Origin", "http://other.example")], b"").await.problem(&[403]);
    assert!(Socket::with_headers(&api, &[("Origin", "http://ui.example")]).await.is_ok());
}
