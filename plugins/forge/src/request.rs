//! The body of a job's request.
//!
//! What a job leaves open is left out, not sent as null: stable-diffusion.cpp takes a null for a mistake, and the others
//! have their own defaults. The seed is always sent: the engines draw one themselves otherwise and not all say which.

use crate::inputs::Inputs;
use crate::params::Params;
use serde_json::{Map, Value, json};

/// Width and height of a picture of which nothing is known.
const SIDE: u32 = 512;

/// The route, which is the engines' word for the kind of job.
pub fn route(inputs: &Inputs) -> &'static str {
    if inputs.init.is_some() { "img2img" } else { "txt2img" }
}

/// The body for a job's params and pictures, with the seed of its first image and the id under which the engine is to
/// know it.
pub fn body(params: &Params, inputs: Inputs, seed: u32, task: &str) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.into(), value);
        }
    };
    let (width, height) = size(params, &inputs);
    put("prompt", json!(params.prompt));
    put("negative_prompt", json!(params.negative_prompt));
    put("styles", filled(&params.styles));
    put("width", json!(width));
    put("height", json!(height));
    put("steps", json!(params.steps));
    put("cfg_scale", json!(params.cfg_scale));
    put("distilled_cfg_scale", json!(params.distilled_cfg_scale));
    put("sampler_name", json!(params.sampler_name));
    put("scheduler", json!(params.scheduler));
    put("seed", json!(seed));
    put("batch_size", json!(params.batch_size));
    put("n_iter", json!(params.n_iter));
    if let Some(init) = inputs.init {
        put("init_images", Value::Array(vec![Value::String(init.base64)]));
        put("denoising_strength", json!(params.denoising_strength));
        put("resize_mode", json!(params.resize_mode));
        if let Some(mask) = inputs.mask {
            put("mask", Value::String(mask.base64));
            put("mask_blur", json!(params.mask_blur));
            put("inpainting_fill", json!(params.inpainting_fill));
            put("inpaint_full_res", json!(params.inpaint_full_res));
            put("inpaint_full_res_padding", json!(params.inpaint_full_res_padding));
            put("inpainting_mask_invert", json!(params.inpainting_mask_invert.map(u8::from)));
        }
    } else if params.enable_hr {
        put("enable_hr", json!(true));
        put("hr_scale", json!(params.hr_scale));
        put("hr_upscaler", json!(params.hr_upscaler));
        put("hr_second_pass_steps", json!(params.hr_second_pass_steps));
        put("denoising_strength", json!(params.denoising_strength));
        // Without it Forge fails in the second pass.
        put("hr_additional_modules", json!(["Use same choices"]));
    }
    put("override_settings", override_settings(params));
    put("force_task_id", json!(task));
    // Saving would put a grid in front of the images and fill the engine's disk.
    put("save_images", json!(false));
    put("send_images", json!(true));
    Value::Object(body)
}

/// What the job says, else its picture's own size in the steps that the engines can do, else the usual.
fn size(params: &Params, inputs: &Inputs) -> (u32, u32) {
    let own = |side: u32| (side.clamp(64, 2048) / 8) * 8;
    let (width, height) = match inputs.init.as_ref().and_then(|init| init.size) {
        Some((width, height)) => (own(width), own(height)),
        None => (SIDE, SIDE),
    };
    (params.width.unwrap_or(width), params.height.unwrap_or(height))
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
    use crate::inputs::Picture;

    fn text_to_image(params: Value) -> Value {
        body(&serde_json::from_value(params).expect("params"), Inputs::default(), 7, "task(easel)")
    }

    fn picture(base64: &str, size: (u32, u32)) -> Option<Picture> {
        Some(Picture { base64: base64.into(), size: Some(size) })
    }

    #[test]
    fn a_bare_prompt_sends_no_nulls_and_a_seed() {
        let expected = json!({
            "prompt": "a red fox", "negative_prompt": "", "width": 512, "height": 512, "steps": 20, "seed": 7,
            "batch_size": 1, "n_iter": 1, "force_task_id": "task(easel)", "save_images": false, "send_images": true
        });
        assert_eq!(text_to_image(json!({ "prompt": "a red fox" })), expected);
        assert_eq!(route(&Inputs::default()), "txt2img");
    }

    #[test]
    fn flux_on_forge_gets_its_checkpoint_and_modules() {
        let body = text_to_image(json!({
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
        let without = text_to_image(json!({ "prompt": "x", "hr_scale": 2, "denoising_strength": 0.4 }));
        for name in ["hr_scale", "enable_hr", "denoising_strength"] {
            assert!(without.get(name).is_none(), "{name}");
        }
        let with =
            text_to_image(json!({ "prompt": "x", "enable_hr": true, "hr_scale": 1.5, "denoising_strength": 0.4 }));
        assert_eq!(with["hr_scale"], 1.5);
        assert_eq!(with["denoising_strength"], 0.4);
        assert_eq!(with["hr_additional_modules"], json!(["Use same choices"]));
        assert!(with.get("hr_upscaler").is_none());
    }

    #[test]
    fn an_init_makes_it_image_to_image_in_its_own_size() {
        let inputs = Inputs { init: picture("SU5JVA==", (770, 3000)), mask: None };
        assert_eq!(route(&inputs), "img2img");
        let params = json!({ "prompt": "x", "denoising_strength": 0.5, "mask_blur": 4, "hr_scale": 2 });
        let body = body(&serde_json::from_value(params).expect("params"), inputs, 7, "t");
        assert_eq!(body["init_images"], json!(["SU5JVA=="]));
        assert_eq!((&body["width"], &body["height"]), (&json!(768), &json!(2048)));
        assert_eq!(body["denoising_strength"], 0.5);
        for name in ["mask", "mask_blur", "hr_scale"] {
            assert!(body.get(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_mask_goes_with_what_is_to_be_done_with_it() {
        let inputs = Inputs { init: picture("SU5JVA==", (64, 64)), mask: picture("TUFTSw==", (64, 64)) };
        let params = json!({
            "prompt": "x", "width": 512, "height": 256, "mask_blur": 4, "inpainting_fill": 1, "inpaint_full_res": false,
            "inpaint_full_res_padding": 32, "inpainting_mask_invert": true
        });
        let body = body(&serde_json::from_value(params).expect("params"), inputs, 7, "t");
        assert_eq!((&body["width"], &body["height"]), (&json!(512), &json!(256)), "what the job says wins");
        assert_eq!(body["mask"], "TUFTSw==");
        assert_eq!((&body["mask_blur"], &body["inpainting_fill"]), (&json!(4), &json!(1)));
        assert_eq!((&body["inpaint_full_res"], &body["inpaint_full_res_padding"]), (&json!(false), &json!(32)));
        assert_eq!(body["inpainting_mask_invert"], 1, "the engines want a number");
    }
}
