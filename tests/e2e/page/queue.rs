//! The queue as it is seen: devices, the line, and everything that one can do with it, by mouse and by keys.

use super::{endless, host, open};
use crate::harness::Host;
use serde_json::{Value, json};

/// Both devices busy, and a line of these.
async fn line(host: &Host, prompts: &[&str]) -> Vec<Value> {
    let api = host.api();
    api.submit_job(&endless("it runs")).await;
    let mut ids = Vec::new();
    for prompt in prompts {
        ids.push(api.submit_job(&endless(prompt)).await["id"].clone());
    }
    ids
}

/// What the rows say, in the order in which they stand.
const ROWS: &str = "[...document.querySelectorAll('.line-row')].sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))\
                    .map((row) => row.querySelector('.c-place').innerText + ' ' + row.querySelector('.prompt').innerText).join(', ')";

fn rows(expected: &str) -> String {
    format!("{ROWS} === {}", json!(expected))
}

#[tokio::test]
async fn the_queue_shows_what_runs_and_the_line_in_its_order_and_follows_it() {
    let host = host().await;
    line(&host, &["first", "second"]).await;
    let browser = open(&host, "queue").await;

    browser.until("the line", &rows("1 first, 2 second")).await;
    browser.until("what runs", "document.querySelector('.device .prompt').innerText === 'it runs'").await;

    host.api().submit_job(&endless("third")).await;
    browser.until("the newcomer", &rows("1 first, 2 second, 3 third")).await;
    let running = host.api().get("/v1/queue").await.expect(200)["processing"][0]["id"].clone();
    host.api().cancel(&running).await.expect(200);
    browser.until("the next one to run", &rows("1 second, 2 third")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_job_is_moved_by_keys_and_the_move_is_taken_back() {
    let host = host().await;
    line(&host, &["first", "second", "third"]).await;
    let browser = open(&host, "queue").await;
    browser.until("the line", &rows("1 first, 2 second, 3 third")).await;

    browser.run("document.querySelector('.line-row[aria-rowindex=\"3\"]').focus()", json!([])).await;
    browser.keys(&["\u{e00a}", "\u{e013}"]).await;
    browser.until("the third to be second", &rows("1 first, 2 third, 3 second")).await;

    browser.press("easel-notices", "Undo").await;
    browser.until("the order as it was", &rows("1 first, 2 second, 3 third")).await;
}

#[tokio::test]
async fn a_job_is_dragged_to_another_place() {
    let host = host().await;
    line(&host, &["first", "second", "third"]).await;
    let browser = open(&host, "queue").await;
    browser.until("the line", &rows("1 first, 2 second, 3 third")).await;

    browser.drag(".line-row[aria-rowindex=\"3\"] .c-grip", ".line-row[aria-rowindex=\"1\"] .c-grip", -20).await;
    browser.until("the third to be first", &rows("1 third, 2 first, 3 second")).await;
}

#[tokio::test]
async fn ten_thousand_wait_and_any_of_them_is_a_scroll_away() {
    let host = host().await;
    let api = host.api();
    for batch in 0..10 {
        let jobs: Vec<Value> = (0..1000).map(|index| endless(&format!("job {}", batch * 1000 + index))).collect();
        api.post("/v1/batches", &json!({ "jobs": jobs })).await.expect(201);
    }
    let browser = open(&host, "queue").await;
    let last = "[...document.querySelectorAll('.line-row .prompt')].some((one) => one.innerText === 'job 9999')";

    browser.until("the first of them", "document.querySelector('.line-row .prompt')?.innerText === 'job 1'").await;
    browser.run("const main = document.querySelector('main'); main.scrollTop = main.scrollHeight", json!([])).await;
    browser.until("the last one", last).await;
    let there = browser.run("return document.querySelectorAll('.line-row').length", json!([])).await;
    assert!(there.as_u64().unwrap() < 60, "{there} rows are there at once");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn several_are_selected_and_cancelled_after_a_question_that_names_them() {
    let host = host().await;
    line(&host, &["first", "second", "third"]).await;
    let browser = open(&host, "queue").await;
    browser.until("the line", &rows("1 first, 2 second, 3 third")).await;

    for row in [1, 3] {
        browser.click(&format!(".line-row[aria-rowindex=\"{row}\"] input")).await;
    }
    browser.press(".chosen", "Cancel").await;
    browser.shows("Cancel 2 jobs?").await;
    browser.press("dialog", "Cancel 2").await;
    browser.until("the other one alone", &rows("1 second")).await;
}

#[tokio::test]
async fn the_queue_is_paused_with_a_reason_and_goes_on() {
    let host = host().await;
    let browser = open(&host, "queue").await;

    browser.press(".view > header", "Pause").await;
    browser.type_into("dialog input", "a new fan").await;
    browser.press("dialog", "Pause").await;
    browser.shows("The queue is paused by local").await;
    browser.shows("a new fan").await;
    assert_eq!(host.api().get("/v1/queue").await.expect(200)["paused"]["reason"], "a new fan");

    browser.press(".view > header", "Resume").await;
    browser.hides("The queue is paused").await;
}

#[tokio::test]
async fn two_windows_show_the_same() {
    let host = host().await;
    line(&host, &["first", "second"]).await;
    let browser = open(&host, "queue").await;
    let one = browser.window().await;
    let other = browser.new_window().await;
    browser.go(&format!("{}/#/queue", host.url())).await;
    browser.until("the line in the other window", &rows("1 first, 2 second")).await;

    browser.run("document.querySelector('.line-row[aria-rowindex=\"2\"]').focus()", json!([])).await;
    browser.keys(&["\u{e00a}", "\u{e013}"]).await;
    browser.until("the new order here", &rows("1 second, 2 first")).await;
    browser.switch_to(&one).await;
    browser.until("the new order there", &rows("1 second, 2 first")).await;
    browser.switch_to(&other).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
