//! What the operator says: where the engine is, how to log in, and what to do when somebody else uses it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

/// The schema of the operator's config.
pub const CONFIG_SCHEMA: &str = include_str!("config.schema.json");

/// The operator's config.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the engine's web server is.
    #[serde(default = "url")]
    pub url: String,
    /// `user:password`.
    #[serde(default)]
    pub api_auth: Option<String>,
    /// What to do while somebody uses the engine itself.
    #[serde(default)]
    pub foreign: Foreign,
}

/// What to do while the engine works for somebody who did not come through Easel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Foreign {
    /// Send nothing until it is idle.
    #[default]
    Wait,
    /// Send the job: it waits inside the engine.
    Queue,
}

fn url() -> String {
    "http://127.0.0.1:7860".into()
}

impl Config {
    /// Whether the connection is an encrypted one.
    pub fn secure(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Host and port, as `allow_hosts` wants them.
    pub fn host(&self) -> &str {
        self.halves().0
    }

    /// The path of a route: one of the API by its name, any other by its path. The engine may live below a path of its
    /// own (`--subpath`).
    pub fn path(&self, route: &str) -> String {
        let below = self.halves().1.trim_end_matches('/');
        if route.starts_with('/') { format!("{below}{route}") } else { format!("{below}/sdapi/v1/{route}") }
    }

    /// Host and path.
    fn halves(&self) -> (&str, &str) {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash))
    }

    /// The value of the `Authorization` header, if there is a login.
    pub fn authorization(&self) -> Option<String> {
        let login = self.api_auth.as_ref().filter(|login| !login.is_empty())?;
        Some(format!("Basic {}", BASE64_STANDARD.encode(login)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        serde_json::from_str(json).expect("a config")
    }

    #[test]
    fn the_type_and_the_schema_have_the_same_defaults() {
        let schema: serde_json::Value = serde_json::from_str(CONFIG_SCHEMA).expect("JSON");
        assert_eq!(schema["properties"]["url"]["default"], config("{}").url);
        let filled = config(&format!(r#"{{"foreign": {}}}"#, schema["properties"]["foreign"]["default"]));
        assert_eq!(filled.foreign, config("{}").foreign);
    }

    #[test]
    fn each_way_with_foreign_jobs_of_the_schema_is_one_of_the_type() {
        let schema: serde_json::Value = serde_json::from_str(CONFIG_SCHEMA).expect("JSON");
        for way in schema["properties"]["foreign"]["enum"].as_array().expect("ways") {
            config(&format!(r#"{{"foreign": {way}}}"#));
        }
    }

    #[test]
    fn a_subpath_is_kept() {
        let config = config(r#"{"url": "https://gpu.example.org:8443/forge/"}"#);
        assert!(config.secure());
        assert_eq!(config.path("txt2img"), "/forge/sdapi/v1/txt2img");
        assert_eq!(config.path("/internal/progress"), "/forge/internal/progress");
        assert_eq!(config.host(), "gpu.example.org:8443");
    }

    #[test]
    fn without_a_subpath_there_is_none() {
        for url in ["http://127.0.0.1:7860", "http://127.0.0.1:7860/"] {
            let config = config(&format!(r#"{{"url": "{url}"}}"#));
            assert_eq!((config.host(), config.secure()), ("127.0.0.1:7860", false));
            assert_eq!(config.path("progress"), "/sdapi/v1/progress");
        }
    }

    #[test]
    fn a_login_becomes_basic_auth() {
        let config = config(r#"{"api_auth": "Aladdin:open sesame"}"#);
        assert_eq!(config.authorization().as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    }
}
