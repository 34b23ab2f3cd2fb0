//! What the engine says went wrong, in each of its dialects, and what Easel makes of it.

use super::{first_attempt, host_where, host_with, paint, paint_twice_if_need_be};
use crate::harness::api::text;
use crate::harness::{Api, Forge};
use serde_json::{Value, json};

async fn fails_with(forge: &Forge, api: &Api, status: u16, body: Value) -> Value {
    forge.change(|habits| habits.failure = Some((status, body)));
    let job = paint(api, "a red fox").await;
    api.until(&job, "error").await["error"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_error_of_the_engine_has_its_kind_and_its_words() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();
    let steps = json!([{"type": "int_parsing", "loc": ["body", "steps"], "msg": "Input should be a valid integer", "input": "x",
                        "url": "https://errors.pydantic.dev/int_parsing"}]);

    for (status, body, kind, told) in [
        (422, json!({ "detail": steps }), "invalid", "steps: Input should be a valid integer"),
        (422, json!({"detail": "Script 'x' not found"}), "invalid", "Script 'x' not found"),
        (404, json!({"detail": "Init image not found"}), "invalid", "Init image not found"),
        (404, json!({"detail": "Sampler not found"}), "invalid", "Sampler not found"),
        (404, json!({"detail": "Not Found"}), "invalid", "cannot do this kind of job"),
        (500, json!({"detail": "Invalid encoded image"}), "invalid", "Invalid encoded image"),
        (400, json!({"error": "prompt required"}), "invalid", "prompt required"),
        (
            500,
            json!({"error": "OutOfMemoryError", "detail": "", "body": "", "message": "CUDA out of memory. Tried 2 GiB"}),
            "out-of-memory",
            "Tried 2 GiB",
        ),
        (
            500,
            json!({"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory"}),
            "out-of-memory",
            "CUDA out of memory",
        ),
        (
            500,
            json!({"error": "RuntimeError", "detail": "", "body": "", "message": "the model file is broken"}),
            "failed",
            "the model file is broken",
        ),
        (500, json!({"error": "ValueError", "detail": "", "body": "", "errors": "bad tensor"}), "failed", "bad tensor"),
        (200, json!({"images": ["PGh0bWw+"], "info": ""}), "failed", "not an image"),
        (200, json!({"images": [], "info": ""}), "failed", "no image"),
    ] {
        let error = fails_with(&forge, &api, status, body).await;
        assert_eq!(error["kind"], kind, "{status}: {error:#}");
        assert!(text(&error["message"]).contains(told), "{status}: {error:#}");
    }

    forge.change(|habits| habits.failure = None);
    let next = paint(&api, "a blue fox").await;
    api.until(&next, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_wants_a_login_costs_no_attempt_and_names_the_setting() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.login = Some("Basic dXNlcjpwYXNzd29yZA=="));
    let host = host_with(&forge).await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;

    assert_eq!((&attempt["outcome"], &attempt["charged"]), (&json!("unavailable"), &json!(false)), "{attempt:#}");
    assert!(attempt["error"].to_string().contains("api_auth"), "{attempt:#}");
    assert_eq!(forge.requests(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_login_it_works() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.login = Some("Basic dXNlcjpwYXNzd29yZA=="));
    let host = super::host_where(&forge, "", ", api_auth = \"user:password\"").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;

    api.until(&job, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_inside_the_engine_is_tried_again_although_forge_calls_it_active() {
    let forge = Forge::start().await;
    let memory = json!({"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory"});
    forge.change(|habits| habits.failure = Some((500, memory)));
    let host = host_where(&forge, "retry = { base = \"100ms\" }", "").await;
    let api = host.api();

    let job = paint_twice_if_need_be(&api, "a red fox").await;
    let first = first_attempt(&api, &job).await;
    forge.change(|habits| habits.failure = None);
    let done = api.until(&job, "complete").await;

    assert_eq!((&first["error"]["kind"], &done["attempts_used"]), (&json!("out-of-memory"), &json!(2)));
    assert_eq!(forge.calls("POST /sdapi/v1/interrupt"), 0);
}
