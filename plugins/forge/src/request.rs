//! The body of a txt2img request.
//!
//! What a job leaves open is left out, not sent as null: stable-diffusion.cpp takes a null for a mistake, and the others
//! have their own defaults. The seed is always sent: the engines draw one themselves otherwise and not all say which.

use crate::params::Params;
use serde_json::{Map, Value, json};

/// The body for a job's params, with the seed of its first image.
pub fn txt2img(params: &Params, seed: u32) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.into(), value);
        }
    };
    put("prompt", json!(params.prompt));
    put("negative_prompt", json!(params.negative_prompt));
    put("styles", filled(&params.styles));
    put("width", json!(params.width));
    put("height", json!(params.height));
    put("steps", json!(params.steps));
    put("cfg_scale", json!(params.cfg_scale));
    put("distilled_cfg_scale", json!(params.distilled_cfg_scale));
    put("sampler_name", json!(params.sampler_name));
    put("scheduler", json!(params.scheduler));
    put("seed", json!(seed));
    put("batch_size", json!(params.batch_size));
    put("n_iter", json!(params.n_iter));
    if params.enable_hr {
        put("enable_hr", json!(true));
        put("hr_scale", json!(params.hr_scale));
        put("hr_upscaler", json!(params.hr_upscaler));
        put("hr_second_pass_steps", json!(params.hr_second_pass_steps));
        put("denoising_strength", json!(params.denoising_strength));
        // Without it Forge fails in the second pass.
        put("hr_additional_modules", json!(["Use same choices"]));
    }
    put("override_settings", override_settings(params));
    // Saving would put a grid in front of the images and fill the engine's disk.
    put("save_images", json!(false));
    put("send_images", json!(true));
    Value::Object(body)
}

/// The engine's settings that a job may set for itself: these and no others.
fn override_settings(params: &Params) -> Value {
    let mut settings = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            settings.insert(name.into(), value);
        }
    };
    put("sd_model_checkpoint", json!(params.checkpoint));
    // An empty list means something here: none of the modules that were loaded last.
    put("forge_additional_modules", json!(params.modules));
    put("CLIP_stop_at_last_layers", json!(params.clip_skip));
    if settings.is_empty() {
        return Value::Null;
    }
    Value::Object(settings)
}

fn filled(list: &[String]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(params: Value) -> Value {
        txt2img(&serde_json::from_value(params).expect("params"), 7)
    }

    #[test]
    fn a_bare_prompt_sends_no_nulls_and_a_seed() {
        let expected = json!({
            "prompt": "a red fox", "negative_prompt": "", "width": 512, "height": 512, "steps": 20, "seed": 7,
            "batch_size": 1, "n_iter": 1, "save_images": false, "send_images": true
        });
        assert_eq!(body(json!({ "prompt": "a red fox" })), expected);
    }

    #[test]
    fn flux_on_forge_gets_its_checkpoint_and_modules() {
        let body = body(json!({
            "prompt": "x", "cfg_scale": 1, "distilled_cfg_scale": 3.5, "scheduler": "Simple",
            "checkpoint": "flux1-dev", "modules": ["ae", "clip_l", "t5xxl"]
        }));
        assert_eq!(
            body["override_settings"],
            json!({ "sd_model_checkpoint": "flux1-dev", "forge_additional_modules": ["ae", "clip_l", "t5xxl"] })
        );
        assert_eq!(body["scheduler"], "Simple");
    }

    #[test]
    fn hires_fields_are_sent_only_with_hires() {
        let without = body(json!({ "prompt": "x", "hr_scale": 2 }));
        assert!(without.get("hr_scale").is_none() && without.get("enable_hr").is_none());
        let with = body(json!({ "prompt": "x", "enable_hr": true, "hr_scale": 1.5, "denoising_strength": 0.4 }));
        assert_eq!(with["hr_scale"], 1.5);
        assert_eq!(with["denoising_strength"], 0.4);
        assert_eq!(with["hr_additional_modules"], json!(["Use same choices"]));
        assert!(with.get("hr_upscaler").is_none());
    }
}
