//! JSON bodies: read whole, within bounds, and checked for what no field may hold.
//!
//! A body is parsed twice, once as any JSON (for what holds of all of it: nesting, NUL characters, the digest of a
//! repeated request) and once as the type that the handler asks for, from the text, because only there a field that
//! stands twice is still to be seen.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use mime_guess::Mime;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use warp::{Filter, Rejection};

use super::{Host, Problem};

/// How long a client may leave us waiting for the next bytes of a body.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// What a body may have besides a job's params, written as widely as JSON lets one.
const ROOM: u64 = 1024 * 1024;
/// What the body of a batch may have.
const BATCH: u64 = 16 * 1024 * 1024;
/// How many bytes of batches are made into values at once: those take several times as much.
const BATCHES: usize = 2 * BATCH as usize;
/// How much of a refused body is read, so that the client, which is still sending, gets to read why.
const DRAINED: usize = 32 * 1024 * 1024;

/// A body that is JSON, or why it is not.
pub(super) type Body = Result<Document, Problem>;

/// A JSON body.
#[derive(Debug)]
pub(super) struct Document {
    bytes: Bytes,
    value: Value,
    /// What it takes of the room for large bodies, as long as it is there.
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads the body of a request as JSON.
pub(super) fn json(host: &Arc<Host>) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(ROOM + 2 * host.config.web.max_params.as_u64(), None)
}

/// The same for a batch: its jobs together may have as much as their transaction bears. Those for which there is no room
/// now wait for it.
pub(super) fn json_batch() -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(BATCH, Some(Arc::new(Semaphore::new(BATCHES))))
}

/// The same for a request that may have nothing to say: no body is an empty object.
pub(super) fn json_or_nothing(host: &Arc<Host>) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    let nothing = warp::header::headers_cloned().and_then(|headers: HeaderMap| {
        let empty = match headers.get(CONTENT_LENGTH) {
            Some(length) => length == "0",
            None => !headers.contains_key(TRANSFER_ENCODING),
        };
        std::future::ready(if empty { Ok(Document::parse(Bytes::from_static(b"{}"))) } else { Err(warp::reject()) })
    });
    nothing.or(json(host)).unify()
}

fn json_up_to(
    max: u64,
    room: Option<Arc<Semaphore>>,
) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    warp::header::headers_cloned().and(warp::body::stream()).then(move |headers: HeaderMap, stream| {
        let room = room.clone();
        async move { read(&headers, stream, max, room).await }
    })
}

async fn read<B: Buf>(
    headers: &HeaderMap,
    stream: impl Stream<Item = Result<B, warp::Error>>,
    max: u64,
    room: Option<Arc<Semaphore>>,
) -> Body {
    let is_json = content_type(headers).is_some_and(|mime| mime.essence_str() == "application/json");
    if !is_json {
        return Err(Problem::wrong_content_type("the body must be JSON: send Content-Type: application/json"));
    }
    let mut stream = pin!(stream);
    let mut bytes = BytesMut::new();
    while let Some(chunk) = timeout(PATIENCE, stream.next()).await.map_err(|_| Problem::too_slow())? {
        let mut chunk = chunk.map_err(broken_off)?;
        if (bytes.len() + chunk.remaining()) as u64 > max {
            drain(headers, stream).await;
            return Err(Problem::too_large("the body", max));
        }
        bytes.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    let room = match room {
        Some(room) => {
            let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            Some(room.acquire_many_owned(size).await.map_err(|error| Problem::internal(error.to_string()))?)
        }
        None => None,
    };
    Ok(Document { _room: room, ..Document::parse(bytes.freeze())? })
}

/// The media type of a request's body, if it says one.
pub(super) fn content_type(headers: &HeaderMap) -> Option<Mime> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

fn broken_off(error: warp::Error) -> Problem {
    Problem::bad_request(format!("the body broke off: {error}"))
}

/// Reads on and throws away. An answer that comes while the client is still sending is often lost with the connection.
pub(super) async fn drain<B: Buf>(headers: &HeaderMap, stream: impl Stream<Item = Result<B, warp::Error>>) {
    // This one has not begun to send and waits for our word.
    if headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let (mut stream, mut left) = (pin!(stream), DRAINED);
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.remaining()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    if timeout(PATIENCE, reading).await.is_err() {
        tracing::debug!("a client was still sending a body that is too large");
    }
}

impl Document {
    fn parse(bytes: Bytes) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| Problem::unreadable(error.to_string()))?;
        if let Some(field) = with_nul(&value) {
            let detail = format!("{field} has a NUL character, which cannot be stored");
            return Err(Problem::invalid(field, detail));
        }
        Ok(Self { bytes, value, _room: None })
    }

    /// The body as a `T`. What does not fit is told by its field.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.value.is_object() {
            return Err(Problem::invalid("", "the body must be a JSON object"));
        }
        let mut text = serde_json::Deserializer::from_slice(&self.bytes);
        serde_path_to_error::deserialize(&mut text).map_err(|error| {
            let parts = error.path().iter().filter_map(|segment| match segment {
                Segment::Seq { index } => Some(index.to_string()),
                Segment::Map { key } => Some(key.clone()),
                Segment::Enum { .. } | Segment::Unknown => None,
            });
            let mut parts: Vec<String> = parts.collect();
            let detail = error.inner().to_string();
            if let Some(field) = named_in(&detail).filter(|field| parts.last().is_none_or(|last| last != field)) {
                parts.push(field.to_owned());
            }
            let field = parts.join(".");
            let detail = format!("{field}: {detail}");
            Problem::invalid(field, detail)
        })
    }

    /// What the same request has in common with itself, however its JSON is laid out: objects are kept in order of
    /// their keys.
    pub(super) fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(self.value.to_string()))
    }

    /// The body as it is.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// The field that serde's message is about, where it is found at the object around it.
fn named_in(message: &str) -> Option<&str> {
    let rest = ["unknown field `", "duplicate field `", "missing field `"]
        .iter()
        .find_map(|beginning| message.strip_prefix(beginning))?;
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
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            let inner = if key.contains('\0') { Some(String::new()) } else { with_nul(item) };
            below(key.replace('\0', "\\0"), inner)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;
    use warp::reply::Response;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[serde(rename = "params")]
        _params: serde_json::Map<String, Value>,
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
        for text in ["", "{", "{\"params\": {},}", "{} {}", "{\"params\": 1e400}", "{\"params\": \"\\ud800\"}", &deep] {
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
            ("{\"params\": {}, \"params\": {}}", "params"),
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

    #[tokio::test]
    async fn a_large_body_waits_until_there_is_room_for_what_is_made_of_it() {
        let room = Arc::new(Semaphore::new(10));
        let sent = |text: &'static str| {
            let headers: HeaderMap = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
            let chunks = futures_util::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
            let room = room.clone();
            async move { read(&headers, chunks, 10, Some(room)).await }
        };
        let first = sent("[1, 2, 3]").await.unwrap();
        let mut second = Box::pin(sent("[4]"));
        assert!(futures_util::poll!(&mut second).is_pending());

        drop(first);

        assert_eq!(second.await.unwrap().value, json!([4]));
        sent("[5, 6").await.unwrap_err();
        assert_eq!(room.available_permits(), 10);
    }

    #[tokio::test]
    async fn only_json_of_a_bearable_size_is_read() {
        let sent = async |kind: &str, text: &'static str| {
            let headers = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            let chunks = futures_util::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
            read(&headers, chunks, 10, None)
                .await
                .map(|document| document.value)
                .map_err(|p| p.into_response().status())
        };
        assert_eq!(sent("application/json; charset=utf-8", "{}").await, Ok(json!({})));
        assert_eq!(sent("application/json", "[1, 2, 3, 4]").await.unwrap_err(), 413);
        for kind in ["text/plain", "application/xml", "nonsense", "application/jsonx"] {
            assert_eq!(sent(kind, "{}").await.unwrap_err(), 415, "{kind}");
        }
    }
}
