//! What the references in a schema unfold to.
//!
//! A value is checked against a schema as if each `$ref` were replaced by what it refers to. A few lines in which each
//! definition refers twice to the next unfold to more than any machine can check, and the one who waits would be the
//! host. So the unfolded size is counted before a schema is used, and what refers to itself has none.

use std::collections::HashMap;

use serde_json::Value;

use crate::sandbox::limits;

/// Whether a schema stays small when it is unfolded. The error continues a sentence about it.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    Unfolding { root: schema, path: Vec::new(), known: HashMap::new() }.size(schema).map(drop)
}

struct Unfolding<'a> {
    root: &'a Value,
    /// The references that led here.
    path: Vec<&'a str>,
    known: HashMap<&'a str, usize>,
}

impl<'a> Unfolding<'a> {
    fn size(&mut self, node: &'a Value) -> Result<usize, String> {
        let mut size = 1_usize;
        match node {
            Value::Array(items) => {
                for item in items {
                    size = size.saturating_add(self.size(item)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    size = size.saturating_add(match (name.as_str(), member) {
                        ("$ref", Value::String(place)) => self.referred(place)?,
                        ("pattern", Value::String(_)) => limits::PATTERN_PARTS,
                        ("patternProperties", Value::Object(patterns)) => {
                            self.size(member)?.saturating_add(patterns.len().saturating_mul(limits::PATTERN_PARTS))
                        }
                        ("$dynamicRef" | "$recursiveRef", _) => return Err(format!("has a {name}: use $ref")),
                        // It would be another document, in which a reference means something else.
                        ("$id", Value::String(_)) if !std::ptr::eq(node, self.root) => {
                            return Err("has an $id below its root: remove it".into());
                        }
                        // Values and not schemas.
                        ("default" | "const" | "enum" | "examples", _) => 1,
                        _ => self.size(member)?,
                    });
                }
            }
            _ => {}
        }
        if size > limits::SCHEMA_UNFOLDED {
            return Err(format!(
                "has more than {} parts when its references are unfolded, which is the most",
                limits::SCHEMA_UNFOLDED
            ));
        }
        Ok(size)
    }

    fn referred(&mut self, place: &'a str) -> Result<usize, String> {
        if let Some(size) = self.known.get(place) {
            return Ok(*size);
        }
        let shown: String = place.chars().take(100).collect();
        if self.path.contains(&place) {
            return Err(format!("refers to itself at {shown:?}"));
        }
        if self.path.len() >= limits::SCHEMA_REFERENCES {
            return Err(format!(
                "has more than {} references that lead to one another, which is the most",
                limits::SCHEMA_REFERENCES
            ));
        }
        let target = place.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let target = target
            .ok_or_else(|| format!("refers to {shown:?}, which is not in it: use a reference such as #/$defs/name"))?;
        self.path.push(place);
        let size = self.size(target)?;
        self.path.pop();
        self.known.insert(place, size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Definitions of which each refers `times` to the next.
    fn chain(length: usize, times: usize) -> Value {
        let mut definitions = serde_json::Map::new();
        for number in 0..length {
            let next = json!({ "$ref": format!("#/$defs/d{}", number + 1) });
            definitions.insert(format!("d{number}"), json!({ "allOf": vec![next; times] }));
        }
        definitions.insert(format!("d{length}"), json!({ "type": "object" }));
        json!({ "type": "object", "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[test]
    fn references_within_reason_are_fine() {
        assert_eq!(check(&chain(20, 1)), Ok(()));
        assert_eq!(check(&chain(8, 2)), Ok(()));
        assert_eq!(check(&json!({ "allOf": vec![json!({ "pattern": "a" }); 50] })), Ok(()));
        assert_eq!(check(&json!({ "properties": { "pattern": { "type": "string" } } })), Ok(()));
        let data =
            json!({ "$id": "https://example.org/s", "properties": { "a": { "default": { "$ref": "elsewhere" } } } });
        assert_eq!(check(&data), Ok(()));
    }

    #[test]
    fn what_would_take_for_ever_to_check_is_refused() {
        for (schema, word) in [
            (chain(25, 2), "has more than 50000 parts"),
            (chain(5000, 1), "lead to one another"),
            (json!({ "$ref": "#" }), "itself"),
            (json!({ "properties": { "a": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } } }), "itself"),
            (
                json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }),
                "itself",
            ),
            (json!({ "allOf": vec![json!({ "pattern": "a" }); 61] }), "has more than 50000 parts"),
            (
                json!({ "patternProperties": (0..61).map(|n| (n.to_string(), json!({}))).collect::<serde_json::Map<_, _>>() }),
                "has more than 50000 parts",
            ),
            (json!({ "$dynamicRef": "#x" }), "$dynamicRef"),
            (json!({ "$ref": "#x", "$anchor": "x" }), "is not in it"),
            (json!({ "$ref": "https://example.org/s" }), "is not in it"),
            (json!({ "allOf": [{ "$id": "https://example.org/s" }] }), "$id"),
        ] {
            let reason = check(&schema).unwrap_err();
            assert!(reason.contains(word), "{word}: {reason}");
        }
    }
}
