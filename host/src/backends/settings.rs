//! The operator's table, as a guest reads it: with the secrets in their places, valid, defaults filled in.
//!
//! It exists as text only, in memory, and no error quotes any of it.

use serde_json::Value;

use crate::config::{self, Placement};
use crate::sandbox::{LoadError, Quote, Schema};

/// The table of a backend's configuration on a device, for a component with this schema.
pub(super) fn of(name: &str, backend: &config::Backend, device: &str, schema: &Schema) -> Result<String, LoadError> {
    let table = Value::Object(with_secrets(name, backend, device)?);
    match schema.complete(table, "config", Quote::Nothing) {
        Ok(complete) => Ok(easel_core::json::text(&complete)),
        Err(error) => {
            let first = error.field.trim_start_matches("config.").split(['.', '[']).next().unwrap_or_default();
            let here =
                |placement: &Placement| placement.config.contains_key(first) || placement.secrets.contains_key(first);
            Err(wrong(name, place(backend, device, here) + &error.field, error.message))
        }
    }
}

/// The table without a look at the schema: for a component that is not the configured one any more.
pub(super) fn unchecked(name: &str, backend: &config::Backend, device: &str) -> Result<String, LoadError> {
    Ok(Value::Object(with_secrets(name, backend, device)?).to_string())
}

fn with_secrets(
    name: &str,
    backend: &config::Backend,
    device: &str,
) -> Result<serde_json::Map<String, Value>, LoadError> {
    let config::Backend { config: mut table, secrets, .. } = backend.placed(device);
    for (key, secret) in secrets {
        let value = secret.read().map_err(|reason| {
            let place = place(backend, device, |placement| placement.secrets.contains_key(&key));
            wrong(name, format!("{place}secrets.{key}"), format!("cannot be read: {reason}"))
        })?;
        table.insert(key, Value::String(value));
    }
    Ok(table)
}

/// The way from the backend's table to the one that says what counts on a device: its own, if it says something there.
fn place(backend: &config::Backend, device: &str, says: impl Fn(&Placement) -> bool) -> String {
    match backend.on.get(device).is_some_and(says) {
        true => format!("on.{device}."),
        false => String::new(),
    }
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

        let text = of("forge", &backend(json!({}), &[("api_auth", Secret::File(path))]), "gpu0", &schema()).unwrap();

        let table: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(table, json!({ "url": "http://127.0.0.1:7860", "api_auth": "hunter2" }));
    }

    #[test]
    fn a_device_has_its_own_values_and_a_mistake_names_the_table_that_it_stands_in() {
        let mut backend = backend(json!({ "url": "http://a:1" }), &[]);
        let own = |table: Value| Placement { config: table.as_object().unwrap().clone(), ..Placement::default() };
        backend.on.insert("gpu1".to_owned(), own(json!({ "url": "http://b:2" })));
        let url = |device: &str| {
            let table: Value = serde_json::from_str(&of("forge", &backend, device, &schema()).unwrap()).unwrap();
            table["url"].clone()
        };
        assert_eq!((url("gpu0"), url("gpu1")), (json!("http://a:1"), json!("http://b:2")));
        backend.on.insert("gpu1".to_owned(), own(json!({ "ulr": "x" })));
        let error = of("forge", &backend, "gpu1", &schema()).unwrap_err().to_string();
        assert!(error.starts_with("backend.forge.on.gpu1.config.ulr is unknown"), "{error}");
        backend.on.insert("gpu1".to_owned(), own(json!({})));
        backend.config.insert("ulr".to_owned(), json!("x"));
        let error = of("forge", &backend, "gpu1", &schema()).unwrap_err().to_string();
        assert!(error.starts_with("backend.forge.config.ulr is unknown"), "{error}");
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let secrets = [("api_auth", Secret::Env("EASEL_TEST_NOT_SET".into()))];
        let error = of("forge", &backend(json!({}), &secrets), "gpu0", &schema()).unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().starts_with("backend.forge.secrets.api_auth cannot be read"), "{error}");
        assert!(error.to_string().contains("EASEL_TEST_NOT_SET"), "{error}");
    }

    #[test]
    fn a_secret_file_that_cannot_be_read_is_told_with_what_the_system_said() {
        let secrets = [("api_auth", Secret::File("/nowhere/at/all".into()))];
        let error = of("forge", &backend(json!({}), &secrets), "gpu0", &schema()).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all: No such file"), "{error}");
    }

    #[test]
    fn a_mistake_names_its_key_and_never_a_value() {
        let error = of("forge", &backend(json!({ "ulr": "x" }), &[]), "gpu0", &schema()).unwrap_err();
        assert!(error.to_string().starts_with("backend.forge.config.ulr is unknown"), "{error}");

        let error =
            of("forge", &backend(json!({ "api_auth": "much too long a secret" }), &[]), "gpu0", &schema()).unwrap_err();
        assert!(
            error.to_string().starts_with("backend.forge.config.api_auth must have at most 10 characters"),
            "{error}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
