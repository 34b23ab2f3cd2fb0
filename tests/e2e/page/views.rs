//! Each view: that it shows what it should, that nothing in it is markup, and that everybody can use it, light and dark.

use super::{endless, host, open, painted};
use crate::harness::{Browser, Host};
use serde_json::{Value, json};

/// Something of everything. The ids of a picture's job, of one that runs, and of one that failed.
async fn busy(host: &Host) -> [Value; 3] {
    let api = host.api();
    let done = api.submit_job(&painted("a picture that is done")).await;
    api.until(&done["id"], "complete").await;
    let failed = api.submit_job(&json!({"params": {"behaviour": "fail", "kind": "invalid", "message": "no such colour", "log": ["looked for it"]}})).await;
    api.until(&failed["id"], "error").await;
    let runs = api.submit_job(&endless("it runs")).await;
    api.until(&runs["id"], "processing").await;
    api.submit_job(&endless("it waits")).await;
    [done, runs, failed].map(|job| job["id"].clone())
}

fn text(id: &Value) -> &str {
    id.as_str().unwrap()
}

#[tokio::test]
async fn a_job_shows_its_life_its_log_and_why_it_failed() {
    let host = host().await;
    let [done, _, failed] = busy(&host).await;
    let browser = open(&host, &format!("jobs/{}", text(&failed))).await;

    browser.shows("no such colour").await;
    browser.shows("looked for it").await;
    browser.until("its attempt", "document.querySelector('.waterfall .span.error')").await;
    browser.press(".job-head", "Retry").await;
    browser.until("a second attempt", "document.querySelectorAll('.waterfall .span.error').length === 2").await;

    browser.go(&format!("{}/#/jobs/{}", host.url(), text(&done))).await;
    browser.until("its picture", "document.querySelector('.shots img')?.naturalWidth === 64").await;
    browser.press(".job-head", "Delete").await;
    browser.shows("with 1 file. It cannot be brought back.").await;
    browser.press("dialog", "Delete").await;
    browser.until("the gallery", "location.hash === '#/gallery'").await;
    assert_eq!(host.api().get(&format!("/v1/jobs/{}", text(&done))).await.status, 404);
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_gallery_opens_a_picture_and_fills_the_form_with_it() {
    let host = host().await;
    busy(&host).await;
    let browser = open(&host, "gallery").await;

    browser.click(".tile a").await;
    browser.until("the picture", "document.querySelector('dialog.lightbox[open] img')?.naturalWidth === 64").await;
    browser.back().await;
    browser.until("the wall", "!document.querySelector('dialog') && document.querySelector('.tile')").await;
    browser.click(".tile a").await;
    browser.press("dialog", "Again with…").await;
    browser.until("the form", "document.querySelector('#field-prompt')?.value === 'a picture that is done'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_conversation_is_restored_by_a_reload_and_goes_on() {
    let host = host().await;
    let api = host.api();
    let said = json!({"conversation_id": "c1", "role": "user", "content": "a fox, please", "extra_metadata": {}});
    api.post("/v1/messages", &said).await.expect(201);
    let browser = open(&host, "conversations").await;

    browser.click(".talks a").await;
    browser.shows("a fox, please").await;
    browser.type_into(".composer textarea", "and a green one\u{e007}").await;
    let answered = "[...document.querySelectorAll('.said')].map((one) => one.className).join() === 'said user,said user,said assistant'\
                    && document.querySelector('.said .result img.picture')?.naturalWidth > 0";
    browser.until("the picture", answered).await;
    browser.reload().await;
    browser.until("the same again", answered).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_log_is_live_and_reads_further_back() {
    let host = host().await;
    let api = host.api();
    for index in 0..70 {
        let message = json!({"conversation_id": "c1", "role": "user", "content": format!("number {index}."), "extra_metadata": {}});
        api.post("/v1/messages", &message).await.expect(201);
    }
    busy(&host).await;
    let browser = open(&host, "log").await;
    browser.shows("number 69.").await;
    browser.run("for (const one of document.querySelectorAll('.trail-row')) one.dataset.old = 'yes'", json!([])).await;

    api.post("/v1/queue/pause", &json!({"reason": "dust"})).await.expect(200);
    browser
        .until(
            "the pause above all",
            "document.querySelector('.trail-row:not([data-old])')?.innerText.includes('dust')",
        )
        .await;
    let all = "document.querySelectorAll('.trail-row').length";
    let before = browser.run(&format!("return {all}"), json!([])).await;
    assert!(before.as_u64().unwrap() >= 80, "{before}");

    browser.click(".trail-row:last-child a").await;
    browser
        .until(
            "a link to that place",
            "location.hash.includes('at=') && document.querySelectorAll('.trail-row.here').length === 1",
        )
        .await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_timeline_draws_each_attempt_on_its_device_and_leads_to_its_job() {
    let host = host().await;
    let [done, ..] = busy(&host).await;
    let browser = open(&host, "timeline?span=10m").await;

    browser.until("three attempts", "document.querySelectorAll('.lane a.span').length === 3").await;
    browser.click(".lane a.span.complete").await;
    browser.until("its job", &format!("location.hash === '#/jobs/{}'", text(&done))).await;
    browser.back().await;
    browser.until("the timeline", "document.querySelector('.lane a.span.error')").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn backends_and_settings_say_what_there_is() {
    let host = host().await;
    let browser = open(&host, "backends").await;
    browser.shows("Paints a picture of the prompt without a model").await;
    browser.press(".backend:last-child", "Make something with it").await;
    browser.until("the form of that one", "document.querySelector('#backend')?.value === 'flux-stub'").await;

    browser.go(&format!("{}/#/settings", host.url())).await;
    browser.shows("Ready").await;
    browser.press("main", "Dark").await;
    browser.reload().await;
    browser.until("the theme after a reload", "document.documentElement.dataset.theme === 'dark'").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_hostile_prompt_is_text_wherever_it_is_shown() {
    let host = host().await;
    let api = host.api();
    let hostile = format!(
        "<img src=x onerror=alert(1)><script>alert(2)</script>\u{202e}gnp.exe\u{2066}{{{{ui}}}} {}",
        "x".repeat(60_000)
    );
    api.submit_job(&endless("it runs")).await;
    let params = json!({"prompt": hostile, "steps": 1000, "step_ms": 60000});
    let waits =
        api.submit_job(&json!({"backend": "flux-stub", "params": params, "conversation_id": "<b>c</b>\u{202e}"})).await;
    let browser = open(&host, "queue").await;

    for view in ["conversations/%3Cb%3Ec%3C%2Fb%3E%E2%80%AE", "log", "queue", &format!("jobs/{}", text(&waits["id"]))] {
        browser.go(&format!("{}/#/{view}", host.url())).await;
        let shown = "document.querySelector('main').textContent.includes('<img src=x onerror') || [...document.querySelectorAll('[title]')].some((one) => one.title.includes('<img src=x onerror'))";
        browser.until("the prompt as text", shown).await;
        let made =
            browser.run("return document.querySelectorAll('img[src=\"x\"], body script').length", json!([])).await;
        assert_eq!(made, 0, "{view}");
        let wide = browser.run("return document.documentElement.scrollWidth - innerWidth", json!([])).await;
        assert!(wide.as_i64().unwrap() <= 0, "{view} is {wide} px too wide");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn every_view_is_for_everybody_light_and_dark() {
    let axe = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../node_modules/axe-core/axe.min.js"))
        .expect("axe-core: run `npm ci` at the root of the repository");
    let host = host().await;
    let [done, runs, failed] = busy(&host).await.map(|id| text(&id).to_owned());
    let browser = open(&host, "queue").await;
    let views = [
        "create".to_owned(),
        "queue".to_owned(),
        "gallery".to_owned(),
        format!("gallery/{done}/0.png"),
        "timeline?span=10m".to_owned(),
        "conversations".to_owned(),
        "conversations/c1".to_owned(),
        "backends".to_owned(),
        "log".to_owned(),
        "settings".to_owned(),
        format!("jobs/{done}"),
        format!("jobs/{runs}"),
        format!("jobs/{failed}"),
        "nowhere".to_owned(),
    ];
    let mut found = Vec::new();
    for theme in ["light", "dark"] {
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        browser.chromium("Emulation.setEmulatedMedia", scheme).await;
        for view in &views {
            browser.go(&format!("{}/?{theme}#/{view}", host.url())).await;
            settled(&browser).await;
            browser.run(&axe, json!([])).await;
            let check = "const done = arguments[0]; axe.run().then(({ violations }) => done(violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html} ${node.failureSummary}`))), (error) => done([String(error)]))";
            let violations = browser.run_async(check, json!([])).await;
            found.extend(
                violations.as_array().unwrap().iter().map(|one| format!("{view} ({theme}): {}", one.as_str().unwrap())),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Waits until the page is live and nothing is being read for the first time.
async fn settled(browser: &Browser) {
    browser
        .until(
            "the view",
            "document.querySelector('#connection.live') && !document.body.innerText.includes('Reading…')",
        )
        .await;
}
