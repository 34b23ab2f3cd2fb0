//! URLs in what an operator wrote for a backend that the backend may not reach: told before its first job fails by it.

use std::collections::BTreeSet;

use reqwest::Url;
use serde_json::Value;

use crate::config::{self, Config};
use crate::sandbox::Policy;

/// A sentence for each URL in a backend's `config` that its `allow_hosts` leaves out.
pub fn out_of_reach(config: &Config) -> Vec<String> {
    let mut told = Vec::new();
    for (name, backend) in &config.backends {
        for device in &backend.devices {
            let placed = backend.placed(device);
            let policy = Policy::new(name, &placed.allow_hosts);
            for (key, value) in &placed.config {
                look(&format!("{}.{key}", place(name, backend, device, key)), value, &policy, &mut told);
            }
        }
    }
    // What is the same on several devices is said once.
    let mut seen = BTreeSet::new();
    told.retain(|sentence| seen.insert(sentence.clone()));
    told
}

/// The table in which a key of a backend's `config` stands that counts on this device.
pub(super) fn place(name: &str, backend: &config::Backend, device: &str, key: &str) -> String {
    match backend.on.get(device).is_some_and(|placement| placement.config.contains_key(key)) {
        true => format!("backend.{name}.on.{device}.config"),
        false => format!("backend.{name}.config"),
    }
}

fn look(key: &str, value: &Value, policy: &Policy, told: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let place = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
            if let Some(denied) = place.and_then(|(host, port)| policy.check(host, port).err()) {
                told.push(format!("{key} is out of reach: {denied}"));
            }
        }
        Value::Array(list) => list.iter().for_each(|value| look(key, value, policy, told)),
        Value::Object(table) => {
            table.iter().for_each(|(name, value)| look(&format!("{key}.{name}"), value, policy, told));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Backend;

    #[test]
    fn a_url_is_told_of_unless_its_host_and_port_are_allowed() {
        let told = |url: &str, allowed: &str| {
            let mut backend = Backend::builtin("forge", "gpu0");
            backend.allow_hosts = vec![allowed.to_owned()];
            backend.config.insert("engines".to_owned(), json!([{"url": url, "name": "not a URL"}]));
            out_of_reach(&Config { backends: [("forge".to_owned(), backend)].into(), ..Config::default() })
        };
        for (url, allowed) in [
            ("http://127.0.0.1:7860", "127.0.0.1:7860"),
            ("http://Engine.example/path", "engine.example:80"),
            ("https://engine.example", "engine.example:443"),
            ("http://[::1]:7860/", "[::1]:7860"),
        ] {
            assert_eq!(told(url, allowed), [""; 0], "{url}");
        }
        for (url, allowed) in [
            ("http://127.0.0.1:7861", "127.0.0.1:7860"),
            ("http://localhost:7860", "127.0.0.1:7860"),
            ("https://engine.example", "engine.example:80"),
        ] {
            let told = told(url, allowed);
            assert_eq!(told.len(), 1, "{url}");
            assert!(told[0].starts_with("backend.forge.config.engines.url is out of reach: "), "{told:?}");
        }
    }
}
