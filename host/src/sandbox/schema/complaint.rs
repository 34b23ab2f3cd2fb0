//! What is wrong with a value that breaks a schema, in our own words: what it is, and what it must be.

use easel_core::json::{self, quoted};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::sandbox::text;

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
pub(crate) enum Quote {
    Values,
    /// The values may be secrets.
    Nothing,
}

/// What is wrong with `value`, by the first error that was found in it. `root` is what the fields' names begin with.
pub(crate) fn of(error: &ValidationError<'_>, schema: &Value, value: &Value, root: &str, quote: Quote) -> ParamsError {
    let place = error.instance_path().as_str();
    let mut field = dotted(root, place);
    let (below, message) = match error.kind() {
        // These two are about a field below the one that they were found at.
        Kind::Required { property } => (property.as_str().map(str::to_owned), "is required".to_owned()),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = names_beside(schema, error.schema_path().as_str());
            let known = known.map(|known| format!("; use one of {known}")).unwrap_or_default();
            (unexpected.first().cloned(), format!("is unknown to this backend{known}"))
        }
        kind => (None, format!("{}{}", found(value, place, quote), rule(kind))),
    };
    if let Some(name) = below {
        field = format!("{field}.{name}");
    }
    ParamsError { field: text::line(&field, LONGEST), message: text::line(&message, LONGEST) }
}

/// What stands at a JSON pointer, as the beginning of a complaint about it, if that may be said.
pub(crate) fn found(value: &Value, place: &str, quote: Quote) -> String {
    match value.pointer(place).filter(|_| quote == Quote::Values) {
        Some(found) => format!("is {} and ", quoted(found)),
        None => String::new(),
    }
}

/// The name of the field at a JSON pointer, which escapes `~` and `/`; dots are what people write.
pub(crate) fn dotted(root: &str, pointer: &str) -> String {
    let parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    parts.fold(root.to_owned(), |field, part| format!("{field}.{part}"))
}

/// The names that a schema gives the fields of an object, beside the rule about others at `place`.
fn names_beside(schema: &Value, place: &str) -> Option<String> {
    let object = schema.pointer(place.rsplit_once('/')?.0)?;
    let names: Vec<_> = object.get("properties")?.as_object()?.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The rule that is broken: what the value must be.
fn rule(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(one) } => format!("must be {}", type_name(*one)),
        Kind::Type { kind: TypeKind::Multiple(several) } => {
            format!("must be {}", either(several.iter().map(|one| type_name(one).to_owned())))
        }
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must have at least {}", many(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have at most {}", many(*limit, "character")),
        Kind::MinItems { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinItems { limit } => format!("must have at least {}", many(*limit, "item")),
        Kind::MaxItems { limit } => format!("must have at most {}", many(*limit, "item")),
        Kind::AdditionalItems { limit } => format!("must have at most {}", many(*limit as u64, "item")),
        Kind::UnevaluatedItems { .. } => "has more items than are allowed".to_owned(),
        Kind::UniqueItems => "must not have the same item twice".to_owned(),
        Kind::Contains => "lacks an item that it must have".to_owned(),
        Kind::MinProperties { limit } => format!("must have at least {}", many(*limit, "field")),
        Kind::MaxProperties { limit } => format!("must have at most {}", many(*limit, "field")),
        Kind::PropertyNames { error } => format!("has a field whose name {}", rule(error.kind())),
        Kind::Enum { options } => {
            let options = options.as_array().into_iter().flatten();
            format!("must be one of {}", options.map(json::text).collect::<Vec<_>>().join(", "))
        }
        Kind::Constant { expected_value } => format!("must be {}", json::text(expected_value)),
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::Format { format } => format!("must be written as {format}"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => forms(context),
        Kind::OneOfMultipleValid { .. } => "matches more than one of the forms that are allowed".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("must be written in {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("must be {content_media_type}"),
        // What else there is has no words of its own (`not`, `false`), or is a failure of the check, which must let nothing pass.
        _ => "is not allowed".to_owned(),
    }
}

/// What a value must be that may have one of several forms, and has none.
fn forms(context: &[Vec<ValidationError<'_>>]) -> String {
    let first = |errors: &Vec<ValidationError<'_>>| errors.first().map(|error| rule(error.kind()));
    let rules: Vec<String> = context.iter().filter_map(first).collect();
    let wanted: Option<Vec<&str>> = rules.iter().map(|rule| rule.strip_prefix("must be ")).collect();
    match wanted {
        Some(wanted) if !wanted.is_empty() => format!("must be {}", either(wanted.into_iter().map(str::to_owned))),
        _ => "matches none of the forms that are allowed".to_owned(),
    }
}

fn many(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn either(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(" or ")
}

fn type_name(one: JsonType) -> &'static str {
    match one {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a text in quotes",
        JsonType::Array => "a list",
        JsonType::Object => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Schema;
    use super::*;

    /// What is said of `a` where the schema has this rule for it.
    fn said(rule: &Value, sent: &str) -> String {
        let schema = Schema::parse(&json!({"type": "object", "properties": {"a": rule}}).to_string()).unwrap();
        let params = json::read(format!("{{\"a\":{sent}}}").as_bytes()).unwrap();
        schema.complete(params, "params", Quote::Values).unwrap_err().to_string()
    }

    #[test]
    fn each_rule_says_what_the_value_is_and_what_it_must_be() {
        for (rule, sent, told) in [
            (json!({"type": "integer"}), "1.50", "is 1.50 and must be a whole number"),
            (json!({"type": "integer"}), "\"7\"", "is \"7\" and must be a whole number"),
            (json!({"type": ["string", "null"]}), "7", "is 7 and must be null or a text in quotes"),
            (json!({"minimum": 1}), "-1", "is -1 and must be at least 1"),
            (json!({"maximum": 100}), "1000", "is 1000 and must be at most 100"),
            (json!({"maximum": 100}), "1e400", "is 1e400 and must be at most 100"),
            (json!({"exclusiveMinimum": 0}), "0", "is 0 and must be more than 0"),
            (json!({"exclusiveMaximum": 1}), "1", "is 1 and must be less than 1"),
            (json!({"multipleOf": 8}), "9", "is 9 and must be a multiple of 8"),
            (json!({"minLength": 1}), "\"\"", "is \"\" and must not be empty"),
            (json!({"minLength": 2}), "\"a\"", "is \"a\" and must have at least 2 characters"),
            (json!({"maxLength": 1}), "\"ab\"", "is \"ab\" and must have at most 1 character"),
            (json!({"minItems": 1}), "[]", "is a list and must not be empty"),
            (json!({"maxItems": 1}), "[1,2]", "is a list and must have at most 1 item"),
            (json!({"uniqueItems": true}), "[1,1]", "is a list and must not have the same item twice"),
            (json!({"minProperties": 1}), "{}", "is an object and must have at least 1 field"),
            (json!({"enum": ["a", 7, null]}), "\"b\"", "is \"b\" and must be one of \"a\", 7, null"),
            (json!({"const": "x"}), "\"y\"", "is \"y\" and must be \"x\""),
            (json!({"pattern": "^a+$"}), "\"b\"", "is \"b\" and must match the pattern ^a+$"),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
                "[]",
                "is a list and must be a text in quotes or a whole number",
            ),
            (
                json!({"oneOf": [{"enum": ["ok"]}, {"minLength": 9}]}),
                "\"x\"",
                "is \"x\" and matches none of the forms that are allowed",
            ),
            (
                json!({"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
                "3",
                "is 3 and matches more than one of the forms that are allowed",
            ),
            (json!({"not": {"const": 1}}), "1", "is 1 and is not allowed"),
            (json!(false), "1", "is 1 and is not allowed"),
            (json!({"contains": {"const": 1}}), "[2]", "is a list and lacks an item that it must have"),
            (
                json!({"propertyNames": {"maxLength": 1}}),
                "{\"ab\":1}",
                "is an object and has a field whose name must have at most 1 character",
            ),
        ] {
            assert_eq!(said(&rule, sent), format!("params.a {told}"), "{rule} {sent}");
        }
    }

    #[test]
    fn a_name_that_is_unknown_is_told_with_those_that_are_known() {
        let rule = json!({"properties": {"scale": {}, "model": {}}, "additionalProperties": false});
        assert_eq!(said(&rule, "{\"zoom\":1}"), "params.a.zoom is unknown to this backend; use one of model, scale");
    }
}
