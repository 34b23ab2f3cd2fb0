//! What a job says.
//!
//! The schema is the truth for everybody outside; the type repeats its defaults, so that the component also works for a
//! host that fills in none. A test holds the two together. What has no default is left to the engine.

use serde::Deserialize;

/// The schema of a job's params.
pub const PARAMS_SCHEMA: &str = include_str!("params.schema.json");

/// The largest seed that every engine takes.
pub const MAX_SEED: u32 = i32::MAX as u32;

/// A job's params; the schema says what each means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the schema has it")]
pub struct Params {
    pub prompt: String,
    #[serde(default)]
    pub negative_prompt: String,
    #[serde(default)]
    pub styles: Vec<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    #[serde(default = "steps")]
    pub steps: u32,
    pub cfg_scale: Option<f64>,
    pub distilled_cfg_scale: Option<f64>,
    pub sampler_name: Option<String>,
    pub scheduler: Option<String>,
    pub seed: Option<u32>,
    #[serde(default = "one")]
    pub batch_size: u32,
    #[serde(default = "one")]
    pub n_iter: u32,
    pub checkpoint: Option<String>,
    pub modules: Option<Vec<String>>,
    #[serde(default)]
    pub enable_hr: bool,
    pub hr_scale: Option<f64>,
    pub hr_upscaler: Option<String>,
    pub hr_second_pass_steps: Option<u32>,
    pub denoising_strength: Option<f64>,
    pub resize_mode: Option<u32>,
    pub mask_blur: Option<u32>,
    pub inpainting_fill: Option<u32>,
    pub inpaint_full_res: Option<bool>,
    pub inpaint_full_res_padding: Option<u32>,
    pub inpainting_mask_invert: Option<bool>,
}

impl Params {
    /// How many images are to be made.
    pub fn images(&self) -> usize {
        self.batch_size.saturating_mul(self.n_iter) as usize
    }
}

fn steps() -> u32 {
    20
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_type_and_the_schema_have_the_same_properties_and_defaults() {
        let schema: Value = serde_json::from_str(PARAMS_SCHEMA).expect("a schema is JSON");
        let mut filled = json!({ "prompt": "x" });
        for (name, property) in schema["properties"].as_object().expect("properties") {
            for told in ["title", "description"] {
                assert!(property[told].is_string(), "{name} has no {told}");
            }
            if let Some(default) = property.get("default") {
                filled[name] = default.clone();
            }
            let sample = match property["type"].as_str() {
                Some("integer" | "number") => json!(1),
                Some("boolean") => json!(true),
                Some("array") => json!([]),
                _ => json!("text"),
            };
            let mut params = json!({ "prompt": "x" });
            params[name] = sample;
            serde_json::from_value::<Params>(params).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let bare: Params = serde_json::from_value(json!({ "prompt": "x" })).expect("params");
        let filled: Params = serde_json::from_value(filled).expect("params");
        assert_eq!(bare, filled);
    }
}
