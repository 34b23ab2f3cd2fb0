//! How the page is served: whole, under a strict policy, kept as long as it may be.

use super::host;
use reqwest::Method;

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy_and_its_files_are_kept_for_ever() {
    let host = host().await;
    let api = host.api();

    let page = api.get("/").await;
    let html = String::from_utf8(page.body.clone()).unwrap();
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers["cache-control"], "no-cache");
    assert!(!html.contains("{{") && !html.contains("<!--"), "{html}");

    let names: Vec<&str> = html.split(['"']).filter(|part| part.starts_with("ui/")).collect();
    assert!(names.len() > 15, "{names:?}");
    let mut size = html.len();
    for name in &names {
        let file = api.get(&format!("/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        assert_eq!(file.headers["cache-control"], "public, max-age=31536000, immutable", "{name}");
        assert_eq!(file.headers["x-content-type-options"], "nosniff", "{name}");
        size += file.body.len();
    }
    println!("the page has {size} bytes in {} files", names.len());

    let known = page.headers["etag"].clone();
    let again = api.send(api.request(Method::GET, "/").header("If-None-Match", known)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    for (path, status) in [("/ui/0/page.js", 404), ("/client.js", 200)] {
        assert_eq!(api.get(path).await.status, status, "{path}");
    }
    let (version, _) = names[0].trim_start_matches("ui/").split_once('/').unwrap();
    for name in ["nothing.js", "../Cargo.toml", "%2e%2e/Cargo.toml", ""] {
        assert_eq!(api.get(&format!("/ui/{version}/{name}")).await.status, 404, "{name}");
    }
}
