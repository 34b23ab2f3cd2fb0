//! Variables of the environment that begin like ours and are no key: platforms inject them (`EASEL_PORT` and others, for a service
//! that is called easel), and they are no reason not to start. What looks like a mistake for a key is one.

use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;
use strsim::damerau_levenshtein;

use super::Config;

/// What a variable's name is, as a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// A key, or below one: whether it is right is for its reader to say.
    Key,
    /// Almost this key.
    Near(String),
    /// Nothing of ours.
    Stranger,
}

/// What a dotted key is.
pub(super) fn kin(key: &str) -> Kin {
    let tops = known_in("");
    let top = key.split('.').next().unwrap_or_default();
    if tops.iter().any(|known| known == top) {
        return Kin::Key;
    }
    if is_injected(key) {
        return Kin::Stranger;
    }
    let below = tops.iter().flat_map(|top| known_in(top).into_iter().map(move |known| format!("{top}.{known}")));
    let known: Vec<String> = below.chain(tops.iter().cloned()).collect();
    known.into_iter().find(|known| is_near(key, known)).map_or(Kin::Stranger, Kin::Near)
}

/// As a variable of the environment.
pub(super) fn variable(key: &str) -> String {
    format!("EASEL_{}", key.replace('.', "__").to_uppercase())
}

/// The keys in a table, or at the top: whoever reads them says so when it is asked for one that there is not.
fn known_in(table: &str) -> Vec<String> {
    let key = if table.is_empty() { "?".to_owned() } else { format!("{table}.?") };
    match Figment::from(Serialized::default(&key, "")).extract::<Config>() {
        Err(error) => match error.kind {
            Kind::UnknownField(_, known) => known.iter().map(|known| (*known).to_owned()).collect(),
            _ => Vec::new(),
        },
        Ok(_) => Vec::new(),
    }
}

/// Whether a container platform makes variables that end so, for a service whose name begins like ours.
fn is_injected(key: &str) -> bool {
    let parts: Vec<&str> = key.split('_').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let service = parts.windows(2).any(|two| matches!(two, ["service", "host" | "port"]));
    let port = parts.windows(3).any(|three| matches!(three, ["port", place, "tcp" | "udp" | "sctp"] if number(place)));
    service || port || parts.last() == Some(&"port")
}

fn is_near(key: &str, known: &str) -> bool {
    let plain = |text: &str| text.replace(['.', '_'], "");
    let (one, other) = (plain(key), plain(known));
    let typos = if other.len() > 5 { 2 } else { 1 };
    let last = known.rsplit('.').next().unwrap_or(known);
    damerau_levenshtein(&one, &other) <= typos || key == last || key.starts_with(&format!("{known}_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_platforms_inject_is_no_key_and_no_mistake_either() {
        for name in [
            "port",
            "service_host",
            "service_port",
            "service_port_http",
            "port_7420_tcp",
            "port_7420_tcp_addr",
            "web_port",
            "web_service_host",
            "data_service_port_http",
            "name",
            "env_path",
            "1_port",
            "version",
            "queue_port_80_udp_proto",
        ] {
            assert_eq!(kin(name), Kin::Stranger, "{name}");
        }
    }

    #[test]
    fn what_is_almost_a_key_is_taken_for_a_mistake() {
        for (name, meant) in [
            ("dataa", "data"),
            ("dta", "data"),
            ("data_dir", "data"),
            ("lisen", "listen"),
            ("listen_address", "listen"),
            ("database_url", "database"),
            ("shutdwon_grace", "shutdown_grace"),
            ("web_max_upload", "web.max_upload"),
            ("max_upload", "web.max_upload"),
            ("retention_jobs", "retention.jobs"),
            ("wbe.max_upload", "web.max_upload"),
        ] {
            assert_eq!(kin(name), Kin::Near(meant.to_owned()), "{name}");
        }
        assert_eq!(variable("web.max_upload"), "EASEL_WEB__MAX_UPLOAD");
    }

    #[test]
    fn keys_are_keys_and_what_is_below_one_is_for_its_reader_to_judge() {
        for name in ["data", "listen", "web.max_upload", "web.colour", "backend.forge.timeout"] {
            assert_eq!(kin(name), Kin::Key, "{name}");
        }
    }
}
