//! The host goes away under an open page, and comes back: the page says so meanwhile, and is exact afterwards without a reload.

use super::{endless, host, open, painted};

#[tokio::test]
async fn a_page_that_was_open_while_the_host_was_killed_shows_what_a_fresh_one_shows() {
    let mut host = host().await;
    let api = host.api();
    for prompt in ["runs", "stays", "goes"] {
        api.submit_job(&endless(prompt)).await;
    }
    let browser = open(&host, "queue").await;
    let shown =
        |prompt: &str| format!("[...document.querySelectorAll('.prompt')].some((one) => one.innerText === '{prompt}')");
    browser.until("the line", &shown("goes")).await;

    host.kill().await;
    browser
        .until(
            "the page to notice",
            "document.querySelector('#connection.away') && document.querySelector('main.stale')",
        )
        .await;
    browser.shows("The host does not answer").await;
    browser.until("what it had", &shown("goes")).await;

    host.start_again().await;
    let api = host.api();
    let goes = api.jobs("q=goes").await[0]["id"].clone();
    api.cancel(&goes).await.expect(200);
    api.submit_job(&endless("new")).await;
    browser
        .until(
            "the page to be live again",
            "document.querySelector('#connection.live') && !document.querySelector('main.stale')",
        )
        .await;
    browser
        .until("what is there now", &format!("{} && {} && !({})", shown("new"), shown("stays"), shown("goes")))
        .await;

    let text = "document.querySelector('.devices').innerText + [...document.querySelectorAll('.line-row .prompt')].map((one) => one.innerText).sort().join()";
    let open_page = browser.run(&format!("return {text}"), serde_json::json!([])).await;
    browser.reload().await;
    browser.until("the fresh page", &shown("new")).await;
    let digits = |text: &serde_json::Value| text.as_str().unwrap().replace(|letter: char| letter.is_ascii_digit(), "");
    browser
        .until(
            "the fresh page to have it all",
            &format!("({text}).replace(/\\d/g, '') === {}", serde_json::json!(digits(&open_page))),
        )
        .await;
}

#[tokio::test]
async fn a_picture_that_was_made_while_the_page_was_away_hangs_in_the_gallery() {
    let mut host = host().await;
    let browser = open(&host, "gallery").await;
    browser.shows("Nothing has been made yet").await;

    host.kill().await;
    browser.until("the page to notice", "document.querySelector('#connection.away')").await;
    host.start_again().await;
    let job = host.api().submit_job(&painted("made meanwhile")).await;
    host.api().until(&job["id"], "complete").await;
    browser.until("the picture", "document.querySelector('.tile img')?.naturalWidth === 64").await;
}
