//! What went wrong, in words for the person who waits, and whether another try can help.
//!
//! The line that matters most runs between `unavailable` and `failed`: the first is not charged to the job, so it is only
//! for what certainly did not start. An engine that breaks off in the middle may be killed by this very job. What the
//! operator has to set right (a login, an address) has started nothing either, and must not use up everybody's jobs.

use serde_json::Value;

/// What the host is to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request can never work.
    Invalid,
    /// The engine is away or busy.
    Unavailable,
    /// The device's memory is full.
    OutOfMemory,
    /// Somebody cancelled.
    Cancelled,
    /// Anything else.
    Failed,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What to do about it.
    pub kind: Kind,
    /// What to tell.
    pub message: String,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// How a call can fail without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// The host does not let us.
    Denied,
    /// Nobody listens there: no engine, so nothing that it could be at.
    Refused,
    /// It cannot be reached: nothing was begun.
    Away(String),
    /// It was reached and says nothing: it may have begun.
    Silent(String),
    /// It broke off after the request was there: it may have begun.
    Broken(String),
}

impl Wire {
    /// Whether the request may have got through.
    pub fn may_have_begun(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Broken(_))
    }
}

/// When to try again at an engine that is busy and does not say when.
const BUSY_MS: u64 = 5_000;

impl Problem {
    /// Of a kind, in words.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None }
    }

    /// Somebody cancelled.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "cancelled")
    }

    /// No answer.
    pub fn of_wire(wire: &Wire, host: &str) -> Self {
        match wire {
            Wire::Denied => Self::new(
                Kind::Unavailable,
                format!("the backend may not reach {host}: add it to the backend's allow_hosts"),
            ),
            Wire::Refused => {
                Self::new(Kind::Unavailable, format!("the engine at {host} does not answer (connection refused)"))
            }
            Wire::Away(how) | Wire::Silent(how) => {
                Self::new(Kind::Unavailable, format!("the engine at {host} does not answer ({how})"))
            }
            Wire::Broken(how) => Self::new(Kind::Failed, format!("the engine at {host} broke off ({how})")),
        }
    }

    /// The job's own request got through, and no answer came back.
    pub fn of_lost_answer(how: &str, host: &str) -> Self {
        Self::new(Kind::Failed, format!("the engine at {host} broke off in the middle of the job ({how})"))
    }

    /// Somebody uses the engine itself.
    pub fn of_foreign(message: &str) -> Self {
        Self { retry_after_ms: Some(BUSY_MS), ..Self::new(Kind::Unavailable, message) }
    }

    /// An answer that is none of the good ones.
    pub fn of_status(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let told = readable(body);
        let because = told.as_ref().map_or_else(String::new, |told| format!(": {told}"));
        let memory = [Some(body_error(body)), told.as_ref().map(|told| told.to_lowercase())]
            .into_iter()
            .flatten()
            .any(|text| text.contains("OutOfMemory") || text.contains("out of memory"));
        // What the engines' web framework says of a route that does not exist.
        let no_route = told.is_none() || told.as_deref() == Some("Not Found");
        let undecodable = told.as_ref().is_some_and(|told| told.contains("Invalid encoded image"));
        let (kind, message) = match status {
            401 | 403 => {
                (Kind::Unavailable, "the engine wants a login: set the backend's api_auth to user:password".into())
            }
            404 | 405 | 501 if no_route => (
                Kind::Unavailable,
                "the engine has no API at this address: start it with --api, or correct the backend's url".into(),
            ),
            _ if memory => (Kind::OutOfMemory, format!("the engine ran out of memory{because}")),
            // Forge calls a picture that it cannot read an error of its own.
            500 if undecodable => {
                (Kind::Invalid, format!("the engine cannot read the init image or the mask{because}"))
            }
            400 | 404 | 413 | 422 => (Kind::Invalid, format!("the engine refused the request{because}")),
            429 | 502..=504 => (Kind::Unavailable, format!("the engine is busy or starting{because}")),
            _ => (Kind::Failed, format!("the engine answered {status}{because}")),
        };
        // A date is allowed as well, but no engine sends one.
        let told = retry_after.and_then(|seconds| seconds.trim().parse::<u64>().ok());
        let busy = matches!(status, 429 | 503).then_some(BUSY_MS);
        Self { kind, message, retry_after_ms: told.map(|seconds| seconds.saturating_mul(1000)).or(busy) }
    }
}

/// The name of the exception, where the answer has one.
fn body_error(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("error").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What an answer says in words: `detail` as text or as a list of fields, then `message`, then `errors`, then `error`.
fn readable(body: &[u8]) -> Option<String> {
    const ENOUGH: usize = 500;
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = match body.get("detail") {
        Some(Value::Array(fields)) => join(fields.iter().map(field)),
        Some(detail) => said(detail),
        None => None,
    };
    let text = text.or_else(|| ["message", "errors", "error"].iter().find_map(|name| said(body.get(name)?)))?;
    Some(text.chars().take(ENOUGH).collect())
}

/// One entry of a list of bad fields.
fn field(entry: &Value) -> String {
    let Some(message) = entry.get("msg").and_then(said) else {
        return said(entry).unwrap_or_else(|| entry.to_string());
    };
    let place = entry.get("loc").and_then(Value::as_array);
    // The first part says that it is in the body: no news.
    let place = place.map(|parts| {
        let parts = parts.iter().filter(|part| *part != "body");
        let parts: Vec<_> = parts.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        parts.join(".")
    });
    match place {
        Some(place) if !place.is_empty() => format!("{place}: {message}"),
        _ => message,
    }
}

fn said(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Array(parts) => return join(parts.iter().filter_map(said)),
        _ => String::new(),
    };
    (!text.is_empty()).then_some(text)
}

fn join(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> (Kind, String) {
        let problem = Problem::of_status(status, None, body.as_bytes());
        (problem.kind, problem.message)
    }

    #[test]
    fn a_missing_login_names_the_setting() {
        let (kind, message) = of(401, r#"{"detail": "Not authenticated"}"#);
        assert_eq!(kind, Kind::Unavailable);
        assert!(message.contains("api_auth"));
    }

    #[test]
    fn a_bad_field_is_invalid_and_named() {
        let body = r#"{"detail": [{"type": "int_parsing", "loc": ["body", "steps"], "msg": "not an integer", "input": "x"},
                                  {"loc": ["body", "styles", 0], "msg": "not a string"}]}"#;
        let expected = "the engine refused the request: steps: not an integer; styles.0: not a string";
        assert_eq!(of(422, body), (Kind::Invalid, expected.into()));
    }

    #[test]
    fn a_text_as_detail_is_told() {
        let (kind, message) = of(422, r#"{"detail": "Script 'x' not found"}"#);
        assert_eq!(kind, Kind::Invalid);
        assert!(message.ends_with("Script 'x' not found"));
    }

    #[test]
    fn a_missing_image_is_invalid_and_a_missing_api_is_the_operators() {
        assert_eq!(of(404, r#"{"detail": "Init image not found"}"#).0, Kind::Invalid);
        assert_eq!(of(404, r#"{"detail": "Sampler not found"}"#).0, Kind::Invalid);
        for body in [r#"{"detail": "Not Found"}"#, "<html>", ""] {
            let (kind, message) = of(404, body);
            assert_eq!(kind, Kind::Unavailable);
            assert!(message.contains("--api"));
        }
    }

    #[test]
    fn a_picture_that_the_engine_cannot_read_is_invalid() {
        assert_eq!(of(500, r#"{"detail": "Invalid encoded image"}"#).0, Kind::Invalid);
    }

    #[test]
    fn the_short_errors_of_stable_diffusion_cpp_are_read() {
        let expected = (Kind::Invalid, "the engine refused the request: prompt required".into());
        assert_eq!(of(400, r#"{"error": "prompt required"}"#), expected);
        let (kind, message) = of(500, r#"{"error": "server_error", "message": "bad_alloc"}"#);
        assert_eq!((kind, message), (Kind::Failed, "the engine answered 500: bad_alloc".into()));
    }

    #[test]
    fn out_of_memory_is_known_in_both_dialects() {
        let forge =
            r#"{"error": "OutOfMemoryError", "detail": "", "body": "", "message": "CUDA out of memory. Tried 2 GiB"}"#;
        let (kind, message) = of(500, forge);
        assert_eq!(kind, Kind::OutOfMemory);
        assert!(message.contains("Tried 2 GiB"));
        let other = r#"{"error": "RuntimeError", "detail": "", "body": "", "errors": "CUDA error: Out of Memory"}"#;
        assert_eq!(of(500, other).0, Kind::OutOfMemory);
    }

    #[test]
    fn any_other_exception_is_a_failure_with_its_words() {
        let body = r#"{"error": "ValueError", "detail": "", "body": "", "errors": "bad tensor"}"#;
        assert_eq!(of(500, body), (Kind::Failed, "the engine answered 500: bad tensor".into()));
        assert_eq!(of(500, "Internal Server Error").0, Kind::Failed);
    }

    #[test]
    fn a_busy_engine_says_when_to_come_back() {
        let problem = Problem::of_status(503, Some("7"), b"");
        assert_eq!((problem.kind, problem.retry_after_ms), (Kind::Unavailable, Some(7000)));
        let problem = Problem::of_status(503, None, br#"{"detail": "Server is busy; please try again later."}"#);
        assert_eq!((problem.kind, problem.retry_after_ms), (Kind::Unavailable, Some(BUSY_MS)));
        assert!(problem.message.contains("try again later"));
    }

    #[test]
    fn only_what_did_not_start_is_unavailable() {
        let kind = |wire| Problem::of_wire(&wire, "h:1").kind;
        assert_eq!(kind(Wire::Refused), Kind::Unavailable);
        assert_eq!(kind(Wire::Away("no such host".into())), Kind::Unavailable);
        assert!(!Wire::Refused.may_have_begun() && Wire::Silent("timeout".into()).may_have_begun());
        assert_eq!(Problem::of_lost_answer("closed", "h:1").kind, Kind::Failed);
        assert_eq!(kind(Wire::Broken("closed".into())), Kind::Failed);
        assert!(Problem::of_wire(&Wire::Denied, "h:1").message.contains("add it to the backend's allow_hosts"));
    }
}
