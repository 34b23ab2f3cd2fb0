//! What the engine has: its own lists, passed on as they are.

use serde_json::{Map, Value};

/// The lists, by the name in the catalog and the route. The modules are Forge's alone.
pub const LISTS: [(&str, &str); 5] = [
    ("models", "sd-models"),
    ("samplers", "samplers"),
    ("schedulers", "schedulers"),
    ("upscalers", "upscalers"),
    ("modules", "sd-modules"),
];

/// A list out of an answer: null when the engine has no such route, or says something else.
pub fn list(status: u16, body: &[u8]) -> Value {
    if !(200..300).contains(&status) {
        return Value::Null;
    }
    match serde_json::from_slice(body) {
        Ok(Value::Array(entries)) => Value::Array(entries),
        _ => Value::Null,
    }
}

/// The catalog of some lists, in the order of [`LISTS`].
pub fn catalog(lists: impl IntoIterator<Item = Value>) -> Map<String, Value> {
    LISTS.iter().map(|(name, _)| (*name).to_owned()).zip(lists).collect()
}

/// One line on what answers.
pub fn summary(host: &str, catalog: &Map<String, Value>) -> String {
    match catalog.get("models").and_then(Value::as_array).map(Vec::len) {
        Some(1) => format!("engine at {host}, 1 model"),
        Some(count) => format!("engine at {host}, {count} models"),
        None => format!("engine at {host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_passed_on_and_missing_ones_are_null() {
        let models = list(200, br#"[{"title": "tiny", "hash": null}]"#);
        let catalog = catalog([models, list(404, b"{}"), list(200, b"{}"), list(200, b"[]"), Value::Null]);
        let expected = json!({
            "models": [{ "title": "tiny", "hash": null }], "samplers": null, "schedulers": null, "upscalers": [],
            "modules": null
        });
        assert_eq!(summary("h:1", &catalog), "engine at h:1, 1 model");
        assert_eq!(Value::Object(catalog), expected);
    }
}
