//! The form: made of the backend's schema, kept while it is typed, and true to what it sent.

use super::{host, open};
use serde_json::json;

const PROMPT: &str = "#field-prompt";

#[tokio::test]
async fn a_picture_is_made_from_the_form_and_its_card_is_true_to_the_end() {
    let host = host().await;
    let browser = open(&host, "create").await;
    choose(&browser, "flux-stub").await;

    browser.type_into(PROMPT, "a red fox").await;
    browser.click("#send").await;
    browser
        .until("its card with the picture", "document.querySelector('.card.complete img.picture')?.naturalWidth > 0")
        .await;
    let jobs = host.api().jobs("status=complete").await;
    assert_eq!((jobs.len(), &jobs[0]["params"]["prompt"]), (1, &json!("a red fox")));

    browser.reload().await;
    browser.until("the card after a reload", "document.querySelector('.card.complete img.picture')").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn what_is_typed_survives_a_reload_and_a_seed_is_never_rounded() {
    let host = host().await;
    let browser = open(&host, "create").await;
    choose(&browser, "flux-stub").await;
    browser.type_into(PROMPT, "half a thou").await;
    browser.type_into("#field-seed", "9007199254740993").await;

    browser.reload().await;
    browser.until("the prompt", "document.querySelector('#field-prompt')?.value === 'half a thou'").await;
    browser.until("the seed", "document.querySelector('#field-seed').value === '9007199254740993'").await;

    // It is too large for this backend, which is said beside it.
    browser.click("#send").await;
    browser.shows("Seed must be from 0 to 2147483647.").await;
    assert_eq!(host.api().jobs("").await.len(), 0);
}

#[tokio::test]
async fn several_are_made_of_it_each_with_another_seed() {
    let host = host().await;
    let browser = open(&host, "create").await;
    choose(&browser, "flux-stub").await;
    browser.type_into(PROMPT, "foxes").await;
    browser.type_into("#field-seed", "2147483647").await;
    browser.press(".copies", "×2").await;
    browser.click("#send").await;

    browser.until("both cards", "document.querySelectorAll('.card.complete').length === 2").await;
    let mut seeds: Vec<u64> =
        host.api().jobs("").await.iter().map(|job| job["params"]["seed"].as_u64().unwrap()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [0, 2_147_483_647]);
}

async fn choose(browser: &crate::harness::Browser, backend: &str) {
    browser.until("the backends", "document.querySelector('#backend option')").await;
    let choose = "const select = document.querySelector('#backend'); select.value = arguments[0]; select.dispatchEvent(new Event('change'))";
    browser.run(choose, json!([backend])).await;
    browser.until("its form", "document.querySelector('#field-prompt')").await;
}
