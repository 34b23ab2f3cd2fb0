//! What a job and an operator can ask of the fake.
//!
//! The schemas are the truth for everybody outside; the types here repeat their defaults, so that the component also
//! works for a host that fills in none. A test holds the two together.

use crate::hostile::Hostile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The schema of a job's params.
pub const PARAMS_SCHEMA: &str = include_str!("params.schema.json");

/// The schema of the operator's config.
pub const CONFIG_SCHEMA: &str = include_str!("config.schema.json");

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// With a result; a cancellation is honoured within 10 ms.
    #[default]
    Succeed,
    /// With the failure that `kind`, `message` and `retry_after_ms` describe.
    Fail,
    /// With a panic.
    Trap,
    /// With a result, after all its steps, whatever is cancelled meanwhile.
    IgnoreCancel,
    /// Not at all: it sleeps for ever.
    Hang,
    /// With a result that is not JSON.
    BadJson,
}

/// The kind of the failure that is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Not retried.
    Invalid,
    /// Retried uncharged.
    Unavailable,
    /// Retried after an unload.
    OutOfMemory,
    /// Cancelled, whether or not somebody did.
    Cancelled,
    /// Retried.
    #[default]
    Failed,
    /// A kind that the contract does not name.
    Other,
}

/// A job's params.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How the attempt ends.
    pub behaviour: Behaviour,
    /// An attack, in place of everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostile: Option<Hostile>,
    /// How many steps it takes.
    pub steps: u32,
    /// How long one step sleeps.
    pub step_ms: u64,
    /// The kind of the failure.
    pub kind: Kind,
    /// Its message.
    pub message: String,
    /// Its hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How many files are made.
    pub artifacts: u32,
    /// The size of each text file.
    pub artifact_bytes: u64,
    /// Pictures instead of text.
    pub png: bool,
    /// The name of the first file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_name: Option<String>,
    /// A preview at each step.
    pub preview: bool,
    /// Lines to log.
    pub log: Vec<String>,
    /// Lines for standard output.
    pub print: Vec<String>,
    /// Lines for standard error.
    pub complain: Vec<String>,
    /// A note to remember.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember: Option<String>,
    /// Attempts with a lower number fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_until_attempt: Option<u32>,
    /// Comes back in the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo: Option<Value>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::default(),
            hostile: None,
            steps: 1,
            step_ms: 0,
            kind: Kind::default(),
            message: "failed as told".into(),
            retry_after_ms: None,
            artifacts: 0,
            artifact_bytes: 16,
            png: false,
            artifact_name: None,
            preview: false,
            log: Vec::new(),
            print: Vec::new(),
            complain: Vec::new(),
            remember: None,
            fail_until_attempt: None,
            echo: None,
        }
    }
}

impl Params {
    /// Whether a cancellation ends the steps.
    pub fn heeds_cancel(&self) -> bool {
        !matches!(self.behaviour, Behaviour::IgnoreCancel | Behaviour::Hang)
    }

    /// How the attempt with this number ends.
    pub fn ending(&self, attempt: u32) -> Behaviour {
        match self.fail_until_attempt {
            Some(first_good) if attempt < first_good => Behaviour::Fail,
            _ => self.behaviour,
        }
    }
}

/// The operator's config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What `settle` does.
    pub settle: Answer,
    /// What `probe` does.
    pub probe: Answer,
    /// What `unload` does.
    pub unload: Answer,
}

/// What an export other than `run` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// It answers.
    Honest(Honest),
    /// It attacks: with what needs no attempt.
    Hostile(Hostile),
}

impl Default for Answer {
    fn default() -> Self {
        Self::Honest(Honest::Ok)
    }
}

/// An honest answer, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Honest {
    /// All is well.
    Ok,
    /// It failed.
    Fail,
    /// The engine is away.
    Unavailable,
    /// It never answers.
    Hang,
}

/// What stands in the component where it looks for what `describe` is to do: there is no configuration at that time, so a
/// test puts it there. `ok`, or the name of an attack, then spaces.
pub static DESCRIBE: [u8; 32] = *b"fakes.describe=ok               ";

/// What `describe` does.
pub fn describe() -> Option<Hostile> {
    // Not what it was when this was compiled.
    let told = std::hint::black_box(&DESCRIBE);
    let name = std::str::from_utf8(told).ok()?.split_once('=')?.1.trim_end();
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn defaults_of(schema: &str) -> Value {
        let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
        let properties = schema["properties"].as_object().expect("properties");
        properties
            .iter()
            .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
            .collect()
    }

    #[test]
    fn the_types_and_the_schemas_have_the_same_defaults() {
        let params = serde_json::to_value(Params::default()).expect("serialises");
        assert_eq!(params, defaults_of(PARAMS_SCHEMA));
        let config = serde_json::to_value(Config::default()).expect("serialises");
        assert_eq!(config, defaults_of(CONFIG_SCHEMA));
    }

    #[test]
    fn each_property_of_the_schema_is_understood() {
        let schema: Value = serde_json::from_str(PARAMS_SCHEMA).expect("JSON");
        for (name, property) in schema["properties"].as_object().expect("properties") {
            let sample = match property["type"].as_str() {
                Some("integer") => json!(1),
                Some("boolean") => json!(true),
                Some("array") => json!([]),
                _ => property["enum"].get(0).cloned().unwrap_or(json!("text")),
            };
            serde_json::from_value::<Params>(json!({ name: sample })).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn an_export_answers_or_attacks() {
        let config: Config = serde_json::from_value(json!({ "settle": "spin", "probe": "unavailable" })).expect("JSON");
        assert_eq!(config.settle, Answer::Hostile(Hostile::Spin));
        assert_eq!(config.probe, Answer::Honest(Honest::Unavailable));
        assert_eq!(describe(), None);

        let schema: Value = serde_json::from_str(CONFIG_SCHEMA).expect("JSON");
        let attacks = serde_json::to_value(Hostile::ANYWHERE).expect("serialises");
        assert_eq!(schema["$defs"]["hostile"]["enum"], attacks);
    }

    #[test]
    fn early_attempts_fail_and_later_ones_behave() {
        let params = Params { fail_until_attempt: Some(3), ..Params::default() };
        assert_eq!(params.ending(2), Behaviour::Fail);
        assert_eq!(params.ending(3), Behaviour::Succeed);
    }
}
