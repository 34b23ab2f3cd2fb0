//! A JSON document, checked for what no field may hold, and what does not fit told by its field.
//!
//! It is parsed twice, once as any JSON (for what holds of all of it: nesting, names that stand twice, NUL characters, the
//! digest of a repeated request, and what is kept to the letter) and once as the type that the handler asks for.

use std::fmt;

use bytes::Bytes;
use easel_core::json::{self, Unreadable, letters};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::words;
use crate::web::Problem;

/// A JSON body.
#[derive(Debug)]
pub(in crate::web) struct Document {
    bytes: Bytes,
    value: Value,
    /// What it takes of the room for bodies, as long as it is there.
    _room: Option<OwnedSemaphorePermit>,
}

impl Document {
    pub(in crate::web) fn parse(bytes: Bytes) -> Result<Self, Problem> {
        // Some put a byte order mark in front.
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let bytes = bytes.slice(mark..);
        let value = json::read(&bytes).map_err(|error| match error {
            Unreadable::At { .. } => Problem::unreadable(format!("the body is not JSON: {error}")),
            Unreadable::Twice(field) => {
                let detail = format!("{field} appears twice: leave one of them out");
                Problem::invalid(field, detail)
            }
        })?;
        if let Some(field) = with_nul(&value) {
            let detail = format!("{field} has a NUL character, which cannot be stored");
            return Err(Problem::invalid(field, detail));
        }
        Ok(Self { bytes, value, _room: None })
    }

    /// The same document, which takes some of the room for bodies.
    pub(in crate::web) fn within(self, room: Option<OwnedSemaphorePermit>) -> Self {
        Self { _room: room, ..self }
    }

    /// The body as a `T`. What does not fit is told by its field.
    pub(in crate::web) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.value.is_object() {
            return Err(Problem::invalid("", "the body must be a JSON object"));
        }
        let mut text = serde_json::Deserializer::from_slice(&self.bytes);
        serde_path_to_error::deserialize(&mut text).map_err(|error| {
            let (field, detail) = misfit(&error, &self.value);
            Problem::invalid(field, detail)
        })
    }

    /// What the same request has in common with itself, however its JSON is laid out: objects are kept in order of
    /// their keys.
    pub(in crate::web) fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(json::text(&self.value)))
    }

    /// The body as it is.
    pub(in crate::web) fn value(&self) -> &Value {
        &self.value
    }
}

/// A value as a `T`. What does not fit is told.
pub(in crate::web) fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| misfit(&error, value).1)
}

/// The field of a document that does not fit, dotted, and what is wrong with it.
fn misfit(error: &serde_path_to_error::Error<serde_json::Error>, document: &Value) -> (String, String) {
    let parts = error.path().iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    let mut parts: Vec<String> = parts.collect();
    let message = error.inner().to_string();
    if let Some(field) = named_in(&message).filter(|field| parts.last().is_none_or(|last| last != field)) {
        parts.push(field.to_owned());
    }
    let found = parts.iter().try_fold(document, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    });
    let field = parts.join(".");
    let detail = words::wrong(&field, found, &message);
    (field, detail)
}

/// An object whose fields are not looked at here: they are in the document's value, to the letter.
#[derive(Debug)]
pub(in crate::web) struct Opaque;

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Opaque;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Opaque, A::Error> {
                while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Opaque)
            }
        }
        from.deserialize_map(Fields)
    }
}

/// The object in this field of a document; empty where it has none.
pub(in crate::web) fn object(document: &Value, field: &str) -> Map<String, Value> {
    document.get(field).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The field that serde's message is about, where it is found at the object around it.
fn named_in(message: &str) -> Option<&str> {
    let rest = ["unknown field `", "missing field `"].iter().find_map(|beginning| message.strip_prefix(beginning))?;
    Some(rest.split_once('`')?.0)
}

/// The first place that has a NUL character, in a key or a text, dotted.
fn with_nul(value: &Value) -> Option<String> {
    let below = |name: String, inner: Option<String>| {
        inner.map(|inner| if inner.is_empty() { name.clone() } else { format!("{name}.{inner}") })
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| below(index.to_string(), with_nul(item)))
        }
        Value::Object(fields) if letters::is_number(fields) => None,
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            let inner = if key.contains('\0') { Some(String::new()) } else { with_nul(item) };
            below(key.replace('\0', "\\0"), inner)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warp::reply::Response;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[serde(rename = "params")]
        _params: Opaque,
        #[serde(rename = "inputs", default)]
        _inputs: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[serde(rename = "upload")]
        _upload: uuid::Uuid,
    }

    async fn refusal(text: &str) -> (u16, Value) {
        let document = Document::parse(Bytes::copy_from_slice(text.as_bytes()));
        let problem = document.and_then(|document| document.read::<Form>()).map(drop).unwrap_err();
        let response: Response = problem.into_response();
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn what_is_no_json_is_unreadable_however_deep_it_is() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in ["", "{", "{\"params\": {},}", "{} {}", "{\"params\": \"\\ud800\"}", &deep] {
            assert_eq!(refusal(text).await.0, 400, "{text:.40}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_told_by_its_field() {
        for (text, field) in [
            ("[{}]", ""),
            ("null", ""),
            ("{}", "params"),
            ("{\"params\": []}", "params"),
            ("{\"params\": 1e400}", "params"),
            ("{\"params\": {}, \"params\": {}}", "params"),
            ("{\"params\": {\"a\": [{\"b\": 1, \"b\": 1}]}}", "params.a.0.b"),
            ("{\"params\": {}, \"colour\": 1}", "colour"),
            ("{\"params\": {}, \"inputs\": 7}", "inputs"),
            ("{\"params\": {}, \"inputs\": [{}]}", "inputs.0.upload"),
            ("{\"params\": {}, \"inputs\": [{\"upload\": \"../x\"}]}", "inputs.0.upload"),
            ("{\"params\": {}, \"inputs\": [{\"url\": 1}]}", "inputs.0.url"),
        ] {
            let (status, problem) = refusal(text).await;
            assert_eq!((status, &problem["field"]), (422, &json!(field)), "{text}: {problem}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_told_in_plain_words() {
        for (text, told) in [
            ("{}", r#"params is required: it must be an object, such as {"prompt": "a red fox"}"#),
            ("{\"params\": []}", r#"params is a list and must be an object, such as {"prompt": "a red fox"}"#),
            ("{\"params\": null}", r#"params is null and must be an object, such as {"prompt": "a red fox"}"#),
            ("{\"params\": {}, \"colour\": 1}", "colour is unknown; use one of params, inputs"),
            (
                "{\"params\": {}, \"inputs\": 7}",
                r#"inputs is 7 and must be a list of objects, such as [{"name": "init", "upload": "ID"}]"#,
            ),
            (
                "{\"params\": {}, \"inputs\": [{\"upload\": \"../x\"}]}",
                "inputs.0.upload is \"../x\" and must be a UUID, such as 0198c0de-0000-7000-8000-000000000000",
            ),
            ("{\"params\": {\"a\": 1, \"a\": 2}}", "params.a appears twice: leave one of them out"),
        ] {
            assert_eq!(refusal(text).await.1["detail"], told, "{text}");
        }
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_passed_over() {
        assert_eq!(refusal("\u{feff}{\"params\": {}, \"colour\": 1}").await.1["field"], "colour");
    }

    #[test]
    fn a_digest_tells_numbers_apart_by_every_digit() {
        let digest = |text: &'static str| Document::parse(Bytes::from_static(text.as_bytes())).unwrap().digest();
        assert_ne!(digest(r#"{"seed": 12345678901234567890123}"#), digest(r#"{"seed": 12345678901234567890124}"#));
        assert_ne!(digest(r#"{"x": 1e400}"#), digest(r#"{"x": 1e401}"#));
        assert_eq!(digest(r#"{"x": 1e400, "y": 1}"#), digest(r#" {"y":1,"x":1e400} "#));
    }

    #[tokio::test]
    async fn a_nul_is_found_wherever_it_is() {
        for (text, field) in [
            (r#"{"params": {"a": ["x", "\u0000"]}}"#, "params.a.1"),
            (r#"{"params": {"a\u0000b": 1}}"#, "params.a\\0b"),
            (r#"{"par\u0000ams": {}}"#, "par\\0ams"),
            (r#""\u0000""#, ""),
        ] {
            let (status, problem) = refusal(text).await;
            assert_eq!((status, &problem["field"]), (422, &json!(field)), "{text}");
        }
    }

    #[test]
    fn the_digest_is_of_what_is_said_and_not_of_how() {
        let digest = |text: &'static str| Document::parse(Bytes::from_static(text.as_bytes())).unwrap().digest();
        assert_eq!(digest(r#"{"a": {"x": 1, "y": 2}, "b": 3}"#), digest(r#"{"b":3,"a":{"y":2,"x":1}}"#));
        assert_ne!(digest(r#"{"a": 1}"#), digest(r#"{"a": 2}"#));
    }
}
