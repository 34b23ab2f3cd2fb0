//! JSON Schemas of components: what they accept, said in words that a user or an operator can act on.
//!
//! Defaults are filled in before the check, so that what a component gets is what was checked. They are filled in where
//! the schema's `properties` say so: at the top, and in objects that are present. An object that is absent stays so,
//! since whether it is there may mean something.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::{limits, references, text};

/// A longer complaint is cut: it may quote what was sent.
const LONGEST: usize = 300;

/// What is wrong with some params.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct ParamsError {
    /// The field: `params.steps`.
    pub field: String,
    /// What is wrong with it, without its name.
    pub message: String,
}

/// Whether a complaint may say what was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    Values,
    /// The values may be secrets.
    Nothing,
}

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) value: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema of type `object`. The error says why it is none, for its author.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        if value.get("type").and_then(Value::as_str) != Some("object") {
            return Err("must have \"type\": \"object\"".into());
        }
        references::check(&value)?;
        // The engine without lookaround: what it takes for a text is linear, whatever the pattern.
        let patterns = PatternOptions::regex().size_limit(limits::PATTERN).dfa_size_limit(limits::PATTERN);
        let options = jsonschema::draft202012::options().with_pattern_options(patterns);
        let validator = options.build(&value).map_err(|error| {
            let place = error.instance_path().as_str().to_owned();
            text::cut(format!("is not a JSON Schema (draft 2020-12): {error} (at {place:?})"), LONGEST)
        })?;
        Ok(Self { value, validator })
    }

    /// The value with all defaults, if that is valid. `root` is what the fields' names begin with.
    pub(super) fn complete(&self, value: &Value, root: &str, quote: Quote) -> Result<Value, ParamsError> {
        let mut value = value.clone();
        if let Some(object) = value.as_object_mut() {
            fill(object, &self.value);
        }
        let first = self.validator.iter_errors(&value).next().map(|error| complaint(&error, root, quote));
        first.map_or(Ok(value), Err)
    }
}

fn fill(object: &mut Map<String, Value>, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        match (object.get_mut(name), property.get("default")) {
            (Some(Value::Object(inner)), _) => fill(inner, property),
            (None, Some(default)) => {
                object.insert(name.clone(), default.clone());
            }
            _ => {}
        }
    }
}

fn complaint(error: &ValidationError<'_>, root: &str, quote: Quote) -> ParamsError {
    let mut field = root.to_owned();
    // A JSON pointer escapes `~` and `/`; dots are what people write.
    for part in error.instance_path().as_str().split('/').skip(1) {
        field = format!("{field}.{}", part.replace("~1", "/").replace("~0", "~"));
    }
    let (below, message) = match error.kind() {
        // These two are about a field below the one that they were found at.
        ValidationErrorKind::Required { property } => (property.as_str().map(str::to_owned), "is required".to_owned()),
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            (unexpected.first().cloned(), "is not known here".to_owned())
        }
        _ if quote == Quote::Nothing => (None, format!("is wrong: {}", error.masked())),
        _ => (None, format!("is wrong: {error}")),
    };
    if let Some(name) = below {
        field = format!("{field}.{name}");
    }
    ParamsError { field: text::line(&field, LONGEST), message: text::line(&message, LONGEST) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::parse(
            &json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["prompt", "count"],
                "properties": {
                    "prompt": { "type": "string", "minLength": 1 },
                    "steps": { "type": "integer", "minimum": 1, "maximum": 100, "default": 20 },
                    "count": { "type": "integer", "default": 1 },
                    "seed": { "type": "integer" },
                    "hires": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "scale": { "type": "number", "default": 2.0 }, "model": { "type": "string" } }
                    },
                    "tags": { "type": "array", "items": { "type": "string" } }
                }
            })
            .to_string(),
        )
        .unwrap()
    }

    fn complete(value: Value) -> Result<Value, ParamsError> {
        schema().complete(&value, "params", Quote::Values)
    }

    #[test]
    fn defaults_are_filled_in_where_nothing_was_said() {
        let filled = complete(json!({ "prompt": "a fox" })).unwrap();
        assert_eq!(filled, json!({ "prompt": "a fox", "steps": 20, "count": 1 }));

        let kept = complete(json!({ "prompt": "a fox", "steps": 7, "count": 2, "seed": 1 })).unwrap();
        assert_eq!(kept, json!({ "prompt": "a fox", "steps": 7, "count": 2, "seed": 1 }));
    }

    #[test]
    fn a_nested_object_gets_its_defaults_only_if_it_is_there() {
        let filled = complete(json!({ "prompt": "a fox", "hires": {} })).unwrap();
        assert_eq!(filled["hires"], json!({ "scale": 2.0 }));
    }

    #[test]
    fn an_error_names_the_field() {
        for (value, field) in [
            (json!({}), "params.prompt"),
            (json!({ "prompt": "" }), "params.prompt"),
            (json!({ "prompt": "a", "steps": 0 }), "params.steps"),
            (json!({ "prompt": "a", "steps": "7" }), "params.steps"),
            (json!({ "prompt": "a", "stepz": 7 }), "params.stepz"),
            (json!({ "prompt": "a", "hires": { "scale": "x" } }), "params.hires.scale"),
            (json!({ "prompt": "a", "hires": { "zoom": 1 } }), "params.hires.zoom"),
            (json!({ "prompt": "a", "tags": ["x", 1] }), "params.tags.1"),
            (json!([]), "params"),
            (json!(null), "params"),
        ] {
            assert_eq!(complete(value.clone()).unwrap_err().field, field, "{value}");
        }
    }

    #[test]
    fn an_error_says_the_rule_and_stays_short() {
        let error = complete(json!({ "prompt": "a", "steps": 1000 })).unwrap_err();
        assert!(error.to_string().contains("maximum of 100"), "{error}");

        let error = complete(json!({ "prompt": vec!["x"; 100_000] })).unwrap_err();
        assert!(error.to_string().len() < 700, "{}", error.to_string().len());
    }

    #[test]
    fn a_secret_is_not_quoted() {
        let value = json!({ "prompt": "a", "steps": "hunter2" });
        let error = schema().complete(&value, "backend.forge.config", Quote::Nothing).unwrap_err();
        assert_eq!(error.field, "backend.forge.config.steps");
        assert!(!error.to_string().contains("hunter2") && error.to_string().contains("integer"), "{error}");
    }

    #[test]
    fn what_is_no_schema_of_an_object_is_refused() {
        for (text, word) in [
            ("{", "JSON"),
            ("true", "object"),
            ("{}", "object"),
            (r#"{"type": "string"}"#, "object"),
            (r#"{"type": "object", "properties": {"a": {"type": "txt"}}}"#, "properties"),
            (r#"{"type": "object", "properties": {"a": {"$ref": "https://example.org/s"}}}"#, "example.org"),
            (r#"{"type": "object", "properties": {"a": {"pattern": "(\\p{L}{200}|x)+yb"}}}"#, "pattern"),
            (r#"{"type": "object", "properties": {"a": {"pattern": "(?=a)b"}}}"#, "pattern"),
        ] {
            let reason = Schema::parse(text).map(|_| ()).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }
}
