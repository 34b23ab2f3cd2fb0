//! The operator's table, as a guest reads it: with the secrets in their places, valid, defaults filled in.
//!
//! It exists as text only, in memory, and no error quotes any of it.

use serde_json::Value;

use super::LoadError;
use super::schema::{Quote, Schema};
use crate::config;

/// The table of a backend's configuration for a component with this schema.
pub(super) fn of(name: &str, backend: &config::Backend, schema: &Schema) -> Result<String, LoadError> {
    let table = Value::Object(with_secrets(name, backend)?);
    match schema.complete(table, "config", Quote::Nothing) {
        Ok(complete) => Ok(easel_core::json::text(&complete)),
        Err(error) => Err(wrong(name, error.field, error.message)),
    }
}

/// The table without a look at the schema: for a component that is not the configured one any more.
pub(super) fn unchecked(name: &str, backend: &config::Backend) -> Result<String, LoadError> {
    Ok(Value::Object(with_secrets(name, backend)?).to_string())
}

fn with_secrets(name: &str, backend: &config::Backend) -> Result<serde_json::Map<String, Value>, LoadError> {
    let mut table = backend.config.clone();
    for (key, secret) in &backend.secrets {
        let value = secret
            .read()
            .map_err(|reason| wrong(name, format!("secrets.{key}"), format!("cannot be read: {reason}")))?;
        table.insert(key.clone(), Value::String(value));
    }
    Ok(table)
}

fn wrong(name: &str, key: String, rule: String) -> LoadError {
    LoadError::Configuration { backend: name.to_owned(), key, rule }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Secret;

    fn schema() -> Schema {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "url": { "type": "string", "default": "http://127.0.0.1:7860" },
                "api_auth": { "type": "string", "maxLength": 10 }
            }
        });
        Schema::parse(&schema.to_string()).unwrap()
    }

    fn backend(table: Value, secrets: &[(&str, Secret)]) -> config::Backend {
        let mut backend = config::Backend::builtin("forge", "gpu0");
        backend.config = table.as_object().unwrap().clone();
        backend.secrets = secrets.iter().map(|(key, secret)| ((*key).to_owned(), secret.clone())).collect();
        backend
    }

    #[test]
    fn a_secret_from_a_file_takes_its_place_beside_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth");
        std::fs::write(&path, "hunter2\n").unwrap();

        let text = of("forge", &backend(json!({}), &[("api_auth", Secret::File(path))]), &schema()).unwrap();

        let table: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(table, json!({ "url": "http://127.0.0.1:7860", "api_auth": "hunter2" }));
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let secrets = [("api_auth", Secret::Env("EASEL_TEST_NOT_SET".into()))];
        let error = of("forge", &backend(json!({}), &secrets), &schema()).unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().starts_with("backend.forge.secrets.api_auth cannot be read"), "{error}");
        assert!(error.to_string().contains("EASEL_TEST_NOT_SET"), "{error}");
    }

    #[test]
    fn a_mistake_names_its_key_and_never_a_value() {
        let error = of("forge", &backend(json!({ "ulr": "x" }), &[]), &schema()).unwrap_err();
        assert!(error.to_string().starts_with("backend.forge.config.ulr is unknown"), "{error}");

        let error = of("forge", &backend(json!({ "api_auth": "much too long a secret" }), &[]), &schema()).unwrap_err();
        assert!(error.to_string().starts_with("backend.forge.config.api_auth is wrong"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
