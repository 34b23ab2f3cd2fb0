//! Forge quietly replaces a name that it does not know by another. Here nothing is replaced.

use super::{host_with, order};
use crate::harness::Forge;
use crate::harness::api::text;
use crate::harness::forge::MODELS;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_engine_does_not_list_is_refused_with_the_field_and_what_is_near() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    for (params, field, near) in [
        (json!({"sampler_name": "Euler b"}), "sampler_name", "Euler a"),
        (json!({"scheduler": "Karas"}), "scheduler", "karras"),
        (json!({"checkpoint": "flux1"}), "checkpoint", MODELS[1]),
        (json!({"modules": ["ae.safetensors", "clip_g"]}), "modules", "clip_l.safetensors"),
        (json!({"enable_hr": true, "hr_upscaler": "Lanczoz"}), "hr_upscaler", "Lanczos"),
    ] {
        let job = order(&api, params).await;
        let failed = api.until(&job, "error").await;
        let message = text(&failed["error"]["message"]);
        assert_eq!(failed["error"]["kind"], "invalid", "{failed:#}");
        assert!(message.starts_with(field) && message.contains(near), "{message}");
    }
    assert_eq!(forge.requests(), Vec::<Value>::new(), "nothing was painted with something else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_names_for_what_it_has_are_sent_as_its_own() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();

    let names =
        json!({"sampler_name": "k_euler_a", "scheduler": "Karras", "checkpoint": "flux1-dev", "modules": ["ae"]});
    let named = order(&api, names).await;
    let done = api.until(&named, "complete").await;
    let old = order(&api, json!({"sampler_name": "DPM++ 2M Karras"})).await;
    api.until(&old, "complete").await;

    let [named, old] = &forge.requests()[..] else { panic!("two requests") };
    assert_eq!((&named["sampler_name"], &named["scheduler"]), (&json!("Euler a"), &json!("karras")));
    let expected = json!({"sd_model_checkpoint": MODELS[1], "forge_additional_modules": ["ae.safetensors"]});
    assert_eq!(named["override_settings"], expected);
    assert_eq!((&done["result"]["model"], &done["result"]["sampler_name"]), (&json!("flux1-dev"), &json!("Euler a")));
    assert_eq!((&old["sampler_name"], &old["scheduler"]), (&json!("DPM++ 2M"), &json!("karras")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_by_another_model_than_the_one_that_was_named_is_a_failure() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.stubborn = true);
    let host = host_with(&forge).await;
    let api = host.api();

    let job = order(&api, json!({"checkpoint": "flux1-dev"})).await;
    let failed = api.until(&job, "error").await;
    let any = order(&api, json!({})).await;

    assert_eq!((&failed["error"]["kind"], &failed["artifacts"]), (&json!("failed"), &json!([])));
    assert!(text(&failed["error"]["message"]).contains("painter"), "{failed:#}");
    api.until(&any, "complete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_engine_has_is_in_the_catalog() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;

    let backend = host.api().get("/v1/backends/forge").await.expect(200);

    let catalog = &backend["catalog"];
    assert_eq!(catalog["models"][1]["title"], MODELS[1]);
    assert_eq!(
        (&catalog["samplers"][0]["name"], &catalog["schedulers"][1]["name"]),
        (&json!("Euler"), &json!("karras"))
    );
    assert_eq!(catalog["modules"][0]["model_name"], "ae.safetensors");
    assert_eq!(catalog["upscalers"][1]["name"], "Lanczos");
}
