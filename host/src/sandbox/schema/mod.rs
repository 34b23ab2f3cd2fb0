//! JSON Schemas of components: what they accept, said in words that a user or an operator can act on.
//!
//! Defaults are filled in before the check, so that what a component gets is what was checked. They are filled in where
//! the schema's `properties` say so: at the top, and in objects that are present. An object that is absent stays so,
//! since whether it is there may mean something. Numbers are kept to the letter, except integers: see `integers`.

pub(super) mod complaint;
pub(super) mod inputs;
mod integers;
mod references;

use easel_core::json::{self, letters};
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

use super::{limits, text};
use complaint::{ParamsError, Quote};

/// A longer reason is cut: it may quote the schema.
const LONGEST: usize = 300;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) value: Value,
    validator: Validator,
}

impl Schema {
    /// Compiles a schema of type `object`. The error says why it is none, for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value = json::read(text.as_bytes()).map_err(|error| format!("is not JSON: {error}"))?;
        // What it says of numbers is calculated with.
        let value = letters::approximate(&value);
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

    /// The value with all defaults and with its integers written as such, if that is valid. `root` is what the fields' names
    /// begin with.
    pub(crate) fn complete(&self, mut value: Value, root: &str, quote: Quote) -> Result<Value, ParamsError> {
        if let Some(object) = value.as_object_mut() {
            fill(object, &self.value);
        }
        let near = letters::approximate(&value);
        if let Some(error) = self.validator.iter_errors(&near).next() {
            return Err(complaint::of(&error, &self.value, &value, root, quote));
        }
        if integers::may_be_meant(&value) {
            let evaluation = self.validator.evaluate(&near);
            if let Err(place) = integers::write_as_meant(&mut value, &self.value, &evaluation) {
                let found = complaint::found(&value, &place, quote);
                let message = format!("{found}must be a whole number, of at most 1000 digits");
                return Err(ParamsError { field: complaint::dotted(root, &place), message });
            }
        }
        Ok(value)
    }
}

fn fill(object: &mut Map<String, Value>, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        match (object.get_mut(name), property.get("default")) {
            (Some(Value::Object(inner)), _) if !letters::is_number(inner) => fill(inner, property),
            (None, Some(default)) => {
                object.insert(name.clone(), default.clone());
            }
            _ => {}
        }
    }
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
        schema().complete(value, "params", Quote::Values)
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
        assert!(error.to_string().contains("is 1000 and must be at most 100"), "{error}");

        let error = complete(json!({ "prompt": vec!["x"; 100_000] })).unwrap_err();
        assert!(error.to_string().len() < 700, "{}", error.to_string().len());
    }

    #[test]
    fn a_secret_is_not_quoted() {
        let value = json!({ "prompt": "a", "steps": "hunter2" });
        let error = schema().complete(value, "backend.forge.config", Quote::Nothing).unwrap_err();
        assert_eq!(error.field, "backend.forge.config.steps");
        assert!(
            !error.to_string().contains("hunter2") && error.to_string().contains("must be a whole number"),
            "{error}"
        );
    }

    /// What becomes of params in which `a` is written like this, for a schema that says this of `a`.
    fn as_meant(rule: &Value, written: &str) -> Result<String, ParamsError> {
        let schema = json!({
            "type": "object", "properties": {"a": rule},
            "$defs": {"whole/number": {"type": "integer"}, "box": {"properties": {"type": {"type": "integer"}}}}
        });
        let params = json::read(format!("{{\"a\":{written}}}").as_bytes()).unwrap();
        let meant = Schema::parse(&schema.to_string()).unwrap().complete(params, "params", Quote::Values)?;
        Ok(json::text(&meant).trim_start_matches("{\"a\":").strip_suffix('}').unwrap().to_owned())
    }

    #[test]
    fn what_the_schema_calls_an_integer_is_written_as_one() {
        let tagged =
            |kind: &str, rule: Value| json!({"type": "object", "properties": {"kind": {"const": kind}, "x": rule}});
        for (rule, written, meant) in [
            (json!({"type": "integer"}), "2.0", "2"),
            (json!({"type": "integer"}), "2e0", "2"),
            (json!({"type": "integer"}), "20e-1", "2"),
            (json!({"type": "integer"}), "-0", "0"),
            (json!({"type": "integer"}), "12345678901234567890123.0", "12345678901234567890123"),
            (json!({"type": "integer"}), "1E3", "1000"),
            (json!({"type": ["integer", "null"]}), "2.0", "2"),
            (json!({"type": ["integer", "string"], "minimum": 1}), "2.0", "2"),
            (
                json!({"type": "object", "properties": {"b": {"type": "array", "items": {"type": "integer"}}}}),
                r#"{"b":[1.0,2,3e0]}"#,
                r#"{"b":[1,2,3]}"#,
            ),
            (json!({"prefixItems": [{"type": "integer"}, {"type": "number"}]}), "[1.0,2.0]", "[1,2.0]"),
            (
                json!({"additionalProperties": {"type": "integer"}}),
                r#"{"x/y":1.0,"type":2.0}"#,
                r#"{"type":2,"x/y":1}"#,
            ),
            (json!({"patternProperties": {"^n": {"type": "integer"}}}), r#"{"m":1.0,"n":1.0}"#, r#"{"m":1.0,"n":1}"#),
            (json!({"$ref": "#/$defs/whole~1number"}), "2.0", "2"),
            (json!({"$ref": "#/$defs/box"}), r#"{"type":2.0}"#, r#"{"type":2}"#),
            (json!({"allOf": [{"minimum": 0}, {"type": "integer"}]}), "2.0", "2"),
            (json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}), "2.0", "2"),
            (
                json!({"oneOf": [tagged("i", json!({"type": "integer"})), tagged("n", json!({"type": "number"}))]}),
                r#"{"kind":"i","x":2.0}"#,
                r#"{"kind":"i","x":2}"#,
            ),
            (
                json!({"oneOf": [tagged("i", json!({"type": "integer"})), tagged("n", json!({"type": "number"}))]}),
                r#"{"kind":"n","x":2.0}"#,
                r#"{"kind":"n","x":2.0}"#,
            ),
            (
                json!({"if": {"properties": {"k": {"const": 1}}}, "then": {"properties": {"x": {"type": "integer"}}}}),
                r#"{"k":1,"x":2.0}"#,
                r#"{"k":1,"x":2}"#,
            ),
            (json!({"enum": [1, 2, "x"]}), "2.0", "2"),
            (json!({"const": 512}), "5.12e2", "512"),
        ] {
            assert_eq!(as_meant(&rule, written).as_deref(), Ok(meant), "{rule} {written}");
        }
        assert_eq!(as_meant(&json!({"type": "integer"}), "1e99999999").unwrap_err().field, "params.a");
    }

    #[test]
    fn every_other_number_stays_as_it_was_sent() {
        for rule in [
            json!({}),
            json!({"type": "number"}),
            json!({"type": ["integer", "number"]}),
            json!({"not": {"type": "string"}}),
        ] {
            for written in ["2.0", "1.10", "1E5", "-0", "1e400", "12345678901234567890123", "[1e400,{\"b\":0.10}]"] {
                if rule.get("type").is_none() || !written.starts_with('[') {
                    assert_eq!(as_meant(&rule, written).as_deref(), Ok(written), "{rule}");
                }
            }
        }
    }

    #[test]
    fn what_no_number_of_ours_can_hold_is_held_against_the_schema_all_the_same() {
        for (rule, written) in [
            (json!({"type": "number", "maximum": 30}), "1e400"),
            (json!({"type": "number", "minimum": 0}), "-1e400"),
            (json!({"type": "integer", "maximum": 2_147_483_647}), "12345678901234567890123"),
            (json!({"type": "integer"}), "1e-400"),
            (json!({"type": "integer"}), "2.00000000000000000000000000001"),
            (json!({"type": "object"}), "1e400"),
            (json!({"exclusiveMinimum": 0}), "0e400"),
        ] {
            assert_eq!(as_meant(&rule, written).unwrap_err().field, "params.a", "{rule} {written}");
        }
        let told = as_meant(&json!({"type": "integer"}), "2.00000000000000000000001").unwrap_err().to_string();
        assert_eq!(told, "params.a is 2.00000000000000000000001 and must be a whole number, of at most 1000 digits");
    }

    #[test]
    fn what_is_no_schema_of_an_object_is_refused() {
        for (text, word) in [
            ("{", "is not JSON"),
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
