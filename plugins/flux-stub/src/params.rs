//! What a job can ask for.
//!
//! The schema is the truth for everybody outside; the type repeats its defaults, so that the component also works for a
//! host that fills in none. A test holds the two together.

use serde::Deserialize;

/// The schema of a job's params.
pub const PARAMS_SCHEMA: &str = include_str!("params.schema.json");

/// The schema of the operator's config: there is nothing to configure.
pub const CONFIG_SCHEMA: &str = include_str!("config.schema.json");

/// The largest seed, that of the engines this one stands in for.
pub const MAX_SEED: u32 = i32::MAX as u32;

/// A job's params.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What to paint.
    pub prompt: String,
    /// What to leave out.
    #[serde(default)]
    pub negative_prompt: String,
    /// In pixels.
    #[serde(default = "side")]
    pub width: u32,
    /// In pixels.
    #[serde(default = "side")]
    pub height: u32,
    /// How many sampling steps an image takes.
    #[serde(default = "steps")]
    pub steps: u32,
    /// The first image's seed; absent: to be drawn.
    #[serde(default)]
    pub seed: Option<u32>,
    /// How many images to make.
    #[serde(default = "count")]
    pub count: u32,
    /// How long a step takes.
    #[serde(default = "step_ms")]
    pub step_ms: u64,
}

impl Params {
    /// The seed of image `index`, when the first has `first`: one more for each, and round at the end of the range.
    pub fn seed_of(first: u32, index: u32) -> u32 {
        first.wrapping_add(index) & MAX_SEED
    }
}

fn side() -> u32 {
    512
}

fn steps() -> u32 {
    20
}

fn count() -> u32 {
    1
}

fn step_ms() -> u64 {
    50
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_type_and_the_schema_have_the_same_defaults() {
        let schema: Value = serde_json::from_str(PARAMS_SCHEMA).expect("a schema is JSON");
        let mut filled = json!({ "prompt": "x" });
        for (name, property) in schema["properties"].as_object().expect("properties") {
            for told in ["title", "description"] {
                assert!(property[told].is_string(), "{name} has no {told}");
            }
            if let Some(default) = property.get("default") {
                filled[name] = default.clone();
            }
        }
        let bare: Params = serde_json::from_value(json!({ "prompt": "x" })).expect("params");
        assert_eq!(bare, serde_json::from_value::<Params>(filled).expect("params"));
    }

    #[test]
    fn seeds_count_up_and_stay_in_range() {
        assert_eq!(Params::seed_of(7, 2), 9);
        assert_eq!(Params::seed_of(MAX_SEED, 1), 0);
    }
}
