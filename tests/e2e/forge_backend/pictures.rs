//! What is asked of the engine, and what becomes of its answer.

use super::{host_with, order, paint};
use crate::harness::api::text;
use crate::harness::{Api, Forge, Home};
use serde_json::{Value, json};

/// 96 × 128 pixels, as far as anybody looks.
fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x60\0\0\0\x80\x08\x02\0\0\0".to_vec();
    bytes.extend([7; 2_000]);
    bytes
}

async fn order_with(api: &Api, params: Value, inputs: &[(&str, Vec<u8>)]) -> Value {
    let mut named = Vec::new();
    for (name, bytes) in inputs {
        let upload = api.upload("image/png", bytes.clone()).await;
        named.push(json!({"name": name, "upload": upload["id"]}));
    }
    let body = json!({"backend": "forge", "params": params, "inputs": named, "max_attempts": 1});
    api.submit_job(&body).await["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_goes_to_forge_and_its_picture_comes_back() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let done = api.until(&job, "complete").await;

    let asked = &forge.requests()[0];
    assert_eq!((&asked["prompt"], &asked["steps"], &asked["width"]), (&json!("a red fox"), &json!(4), &json!(64)));
    assert!(asked["seed"].as_i64().is_some_and(|seed| seed >= 0), "an explicit seed: {asked}");
    assert_eq!(asked["save_images"], false);
    let artifact = &done["artifacts"][0];
    assert_eq!((&artifact["mime"], &artifact["width"]), (&json!("image/png"), &json!(16)), "what its bytes say");
    assert!(api.get(text(&artifact["url"])).await.body.starts_with(b"\x89PNG"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_image_of_each_batch_is_an_artifact_with_its_own_seed_and_size() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.grid = true);
    let host = host_with(&forge).await;
    let api = host.api();

    let job = order(&api, json!({"batch_size": 2, "n_iter": 2, "seed": 40})).await;
    let done = api.until(&job, "complete").await;

    let image = |number: u64| json!({"name": format!("{number}.png"), "seed": 40 + number, "width": 16, "height": 16});
    assert_eq!(done["result"]["images"], json!((0..4).map(image).collect::<Vec<_>>()), "and the grid is none of them");
    assert_eq!(done["artifacts"].as_array().map(Vec::len), Some(4));
    assert_eq!((&done["result"]["seed"], &done["result"]["model"]), (&json!(40), &json!("painter")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_named_init_makes_it_image_to_image() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    let params =
        json!({"prompt": "a red fox", "denoising_strength": 0.5, "mask_blur": 4, "inpainting_mask_invert": true});
    let plain = order_with(&api, params.clone(), &[("init", png())]).await;
    api.until(&plain, "complete").await;
    let masked = order_with(&api, params, &[("mask", png()), ("init", png())]).await;
    api.until(&masked, "complete").await;

    assert_eq!(forge.routes(), ["img2img", "img2img"]);
    let [plain, masked] = &forge.requests()[..] else { panic!("two requests") };
    let sent = text(&plain["init_images"][0]);
    assert!(sent.starts_with("iVBORw0KGgo") && sent.len() == png().len().div_ceil(3) * 4, "the bytes as base64");
    assert_eq!((&plain["width"], &plain["height"]), (&json!(96), &json!(128)), "as large as the picture");
    assert_eq!((&plain["denoising_strength"], plain.get("mask")), (&json!(0.5), None));
    assert_eq!((&masked["mask"], &masked["mask_blur"]), (&plain["init_images"][0], &json!(4)));
    assert_eq!(masked["inpainting_mask_invert"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inputs_that_make_no_sense_are_refused_and_nothing_is_sent() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    for (params, name, bytes, told) in [
        (json!({"prompt": "x"}), "mask", png(), "init"),
        (json!({"prompt": "x"}), "init", b"http://169.254.169.254/".to_vec(), "init is no"),
        (json!({"prompt": "x", "enable_hr": true}), "init", png(), "enable_hr"),
    ] {
        let job = order_with(&api, params, &[(name, bytes)]).await;
        let failed = api.until(&job, "error").await;
        assert_eq!(failed["error"]["kind"], "invalid", "{failed:#}");
        assert!(text(&failed["error"]["message"]).contains(told), "{failed:#}");
    }
    let upload = api.upload("image/png", png()).await["id"].clone();
    let inputs = json!([{"name": "init", "upload": upload}, {"name": "photo", "upload": upload}]);
    let body = json!({"backend": "forge", "params": {"prompt": "x"}, "inputs": inputs});
    let refused = api.post("/v1/jobs", &body).await.problem(&[422]);
    assert_eq!(refused["field"], "inputs.1.name", "{refused}");
    assert_eq!(
        refused["detail"],
        "inputs.1.name is \"photo\" and must be one of init, mask: backend forge takes no other"
    );
    assert_eq!(forge.requests(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_can_wait_for_another_jobs_picture() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    let first = paint(&api, "a red fox").await;
    let body = json!({"backend": "forge", "params": {"prompt": "a blue fox", "steps": 4}, "depends_on": [first]});
    let second = api.submit_job(&body).await["id"].clone();

    api.until(&second, "complete").await;
    assert_eq!(forge.routes(), ["txt2img", "txt2img"], "what it waited for is not what it begins with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_and_settings_of_the_engine_are_no_params() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    for field in ["init_images", "mask", "override_settings", "alwayson_scripts", "script_name", "save_images"] {
        let mut params = json!({"prompt": "x"});
        params[field] = json!("http://169.254.169.254/");
        let refused = api.post("/v1/jobs", &json!({"backend": "forge", "params": params})).await.problem(&[422]);
        assert!(refused.to_string().contains(field), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_picture_is_told_as_one() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.black = true);
    let host = host_with(&forge).await;
    let api = host.api();

    let black = paint(&api, "a red fox").await;
    let black = api.until(&black, "complete").await;
    forge.change(|habits| habits.black = false);
    let bright = paint(&api, "a red fox").await;
    let bright = api.until(&bright, "complete").await;

    assert_eq!(black["result"]["images"][0]["black"], true);
    assert!(text(&black["result"]["warnings"][0]).contains("black"), "{black:#}");
    assert!(bright["result"].get("warnings").is_none() && bright["result"]["images"][0].get("black").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forge_never_has_two_requests_of_ours_at_once() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.step = std::time::Duration::from_millis(5));
    let host = host_with(&forge).await;
    let api = host.api();

    let (a, b, c) = tokio::join!(paint(&api, "a"), paint(&api, "b"), paint(&api, "c"));
    for job in [&a, &b, &c] {
        api.until(job, "complete").await;
    }

    assert_eq!(forge.max_concurrent(), 1);
    assert_eq!(forge.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flag_alone_makes_the_embedded_backend_the_default_one() {
    let forge = Forge::start().await;
    let host = Home::with_text("").flag("--forge", forge.url()).start().await;
    let api = host.api();

    let job = api.submit(json!({"prompt": "a red fox", "steps": 2})).await;

    assert_eq!(api.until(&job["id"], "complete").await["backend"], "forge");
    assert_eq!((&forge.requests()[0]["width"], forge.requests().len()), (&json!(512), 1));
}
