//! By which params a backend is told what other APIs have fields for: those of these names that its schema has.

use serde_json::{Map, Value};

/// How many pictures at once.
const COUNT: [&str; 2] = ["count", "batch_size"];
/// Which model.
const MODEL: [&str; 2] = ["checkpoint", "model"];

/// The params of a job, as far as its backend has such.
pub(super) struct Fields<'a> {
    schema: &'a Value,
    params: Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Of a backend with this schema of its params.
    pub(super) fn of(schema: &'a Value) -> Self {
        Self { schema, params: Map::new() }
    }

    /// Whether the backend has a param of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
    }

    /// Tells it this under the name that it has for it; whether it has one.
    pub(super) fn tell(&mut self, names: &[&str], value: impl Into<Value>) -> bool {
        let Some(name) = names.iter().find(|name| self.has(name)) else { return false };
        self.params.insert((*name).to_owned(), value.into());
        true
    }

    /// How many pictures; whether it can make that many by one job.
    pub(super) fn tell_count(&mut self, count: u32) -> bool {
        self.tell(&COUNT, count) || count == 1
    }

    /// Which model; whether it can choose one.
    pub(super) fn tell_model(&mut self, model: &str) -> bool {
        self.tell(&MODEL, model)
    }

    pub(super) fn into_params(self) -> Map<String, Value> {
        self.params
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_backend_is_told_what_it_has_a_param_for_under_its_own_name() {
        let forge = json!({"properties": {"prompt": {}, "batch_size": {}, "checkpoint": {}}});
        let mut fields = Fields::of(&forge);
        assert!(fields.tell_count(3) && fields.tell_model("flux") && !fields.tell(&["width"], 7));
        assert_eq!(Value::Object(fields.into_params()), json!({"batch_size": 3, "checkpoint": "flux"}));
        let plain = json!({"properties": {"prompt": {}}});
        let mut fields = Fields::of(&plain);
        assert!(fields.tell_count(1) && !fields.tell_count(2) && !fields.tell_model("flux"));
    }
}
