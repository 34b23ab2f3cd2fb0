//! JSON bodies: read whole, within bounds, and checked for what no field may hold.
//!
//! A body is parsed twice, once as any JSON (for what holds of all of it: nesting, names that stand twice, NUL characters, the
//! digest of a repeated request, and what is kept to the letter) and once as the type that the handler asks for.

use std::fmt::{self, Display};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use easel_core::json::{self, Unreadable, letters};
use futures_util::{Stream, StreamExt as _};
use headers::{ContentLength, HeaderMapExt as _};
use mime_guess::Mime;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use warp::{Filter, Rejection};

use super::pace::{PATIENT, PRESSED, Pace};
use super::{Host, Problem};

/// What a body may have besides a job's params, written as widely as JSON lets one.
const ROOM: u64 = 1024 * 1024;
/// What the body of a batch may have.
const BATCH: u64 = 16 * 1024 * 1024;
/// How many bytes of bodies may be under way at once. What is made of them takes several times as much.
const UNDER_WAY: usize = 2 * BATCH as usize;
/// So much of each body needs no room: nearly all requests are smaller, and never wait for those that are not.
const SMALL: u64 = 16 * 1024;
/// How long a body waits for room.
const WAIT: Duration = Duration::from_secs(15);
/// How much of a refused body is read, so that the client, which is still sending, gets to read why.
const DRAINED: usize = 32 * 1024 * 1024;

/// A body that is JSON, or why it is not.
pub(super) type Body = Result<Document, Problem>;

/// A JSON body.
#[derive(Debug)]
pub(super) struct Document {
    bytes: Bytes,
    value: Value,
    /// What it takes of the room for bodies, as long as it is there.
    _room: Option<OwnedSemaphorePermit>,
}

/// Room for the bodies that are under way. A large one takes its part before it is read. Those that hold room while somebody
/// waits for it must hurry.
#[derive(Clone, Debug)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(UNDER_WAY)
    }
}

impl Room {
    fn of(bytes: usize) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes)), waiting: Arc::new(watch::Sender::new(0)) }
    }

    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        /// Somebody who waits, until they have what they wait for or have gone.
        struct Waits<'a>(&'a watch::Sender<usize>);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|waiting| *waiting -= 1);
            }
        }
        let size = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Ok(room) = self.bytes.clone().try_acquire_many_owned(size) {
            return Ok(room);
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _waits = Waits(&self.waiting);
        match timeout(WAIT, self.bytes.clone().acquire_many_owned(size)).await {
            Ok(room) => room.map_err(|error| Problem::internal(error.to_string())),
            Err(_) => Err(Problem::busy(format!(
                "there is room for {UNDER_WAY} bytes of large bodies at a time, and it was taken for {} s: send it again",
                WAIT.as_secs()
            ))),
        }
    }
}

/// Reads the body of a request as JSON.
pub(super) fn json(host: &Arc<Host>, room: &Room) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(ROOM + 2 * host.config.web.max_params.as_u64(), room.clone())
}

/// The same for a batch: its jobs together may have as much as their transaction bears.
pub(super) fn json_batch(room: &Room) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(BATCH, room.clone())
}

/// The same for a request that may have nothing to say: no body is an empty object.
pub(super) fn json_or_nothing(
    host: &Arc<Host>,
    room: &Room,
) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    let nothing = warp::header::headers_cloned().and_then(|headers: HeaderMap| {
        let empty = match headers.get(CONTENT_LENGTH) {
            Some(length) => length == "0",
            None => !headers.contains_key(TRANSFER_ENCODING),
        };
        std::future::ready(if empty { Ok(Document::parse(Bytes::from_static(b"{}"))) } else { Err(warp::reject()) })
    });
    nothing.or(json(host, room)).unify()
}

fn json_up_to(max: u64, room: Room) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    warp::header::headers_cloned().and(warp::body::stream()).then(move |headers: HeaderMap, stream| {
        let room = room.clone();
        async move { read(&headers, stream, max, &room).await }
    })
}

async fn read<B: Buf>(
    headers: &HeaderMap,
    stream: impl Stream<Item = Result<B, warp::Error>>,
    max: u64,
    room: &Room,
) -> Body {
    let is_json = content_type(headers).is_some_and(|mime| mime.essence_str() == "application/json");
    let stream = pin!(stream);
    if !is_json {
        drain(headers, stream).await;
        return Err(Problem::wrong_content_type("the body must be JSON: send Content-Type: application/json"));
    }
    let mut body = Coming::new(stream);
    let announced = headers.typed_get::<ContentLength>().map(|length| length.0);
    if announced.is_some_and(|length| length > max) {
        drain(headers, body.stream).await;
        return Err(Problem::too_large("the body", max));
    }
    let mut held = None;
    if let Some(length) = announced.filter(|length| *length > SMALL) {
        held = Some(match room.take(length).await {
            Ok(held) => held,
            Err(problem) => {
                drain(headers, body.stream).await;
                return Err(problem);
            }
        });
        body.hurry = Some(room.waiting.subscribe());
    }
    let mut bytes = BytesMut::with_capacity(announced.map_or(0, |length| usize::try_from(length).unwrap_or_default()));
    while let Some(mut chunk) = body.next().await? {
        let size = (bytes.len() + chunk.remaining()) as u64;
        if size > max {
            drain(headers, body.stream).await;
            return Err(Problem::too_large("the body", max));
        }
        if size > SMALL && held.is_none() {
            held = Some(room.take(max).await?);
            body.hurry = Some(room.waiting.subscribe());
        }
        bytes.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    Ok(Document { _room: held, ..Document::parse(bytes.freeze())? })
}

/// A body as it comes, in the time that it has.
pub(super) struct Coming<S> {
    stream: S,
    pace: Pace,
    /// Tells when somebody waits for what this one holds.
    hurry: Option<watch::Receiver<usize>>,
}

impl<B: Buf, E: Display, S: Stream<Item = Result<B, E>> + Unpin> Coming<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, pace: Pace::default(), hurry: None }
    }

    /// The next bytes; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<B>, Problem> {
        loop {
            let now = Instant::now();
            self.pace.waits(now);
            let pressed = self.hurry.as_mut().is_some_and(|waiting| *waiting.borrow_and_update() > 0);
            let terms = if pressed { PRESSED } else { PATIENT };
            let hurries = async {
                let changed = match &mut self.hurry {
                    Some(waiting) => waiting.changed().await.is_ok(),
                    None => false,
                };
                if !changed {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                chunk = self.stream.next() => {
                    let chunk = chunk.transpose().map_err(broken_off)?;
                    self.pace.went(chunk.as_ref().map_or(0, Buf::remaining), Instant::now());
                    return Ok(chunk);
                }
                () = sleep_until(self.pace.deadline(terms).unwrap_or(now)) => return Err(Problem::too_slow(terms)),
                () = hurries => {}
            }
        }
    }
}

/// The media type of a request's body, if it says one.
pub(super) fn content_type(headers: &HeaderMap) -> Option<Mime> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

fn broken_off(error: impl Display) -> Problem {
    Problem::bad_request(format!("the body was cut off: {error}"))
}

/// Reads on and throws away. An answer that comes while the client is still sending is often lost with the connection.
pub(super) async fn drain<B: Buf, E: Display>(headers: &HeaderMap, stream: impl Stream<Item = Result<B, E>> + Unpin) {
    // This one has not begun to send and waits for our word.
    if headers.contains_key(EXPECT) {
        return;
    }
    let (mut body, mut left) = (Coming::new(stream), DRAINED);
    loop {
        match body.next().await {
            Ok(Some(chunk)) => match left.checked_sub(chunk.remaining()) {
                Some(rest) => left = rest,
                None => return,
            },
            Ok(None) => return,
            Err(_) => return tracing::debug!("a client was still sending a body that was refused"),
        }
    }
}

impl Document {
    fn parse(bytes: Bytes) -> Result<Self, Problem> {
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
            let words = in_words(&detail);
            let detail =
                if words.starts_with("is ") { format!("{field} {words}") } else { format!("{field}: {words}") };
            Problem::invalid(field, detail)
        })
    }

    /// What the same request has in common with itself, however its JSON is laid out: objects are kept in order of
    /// their keys.
    pub(super) fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(json::text(&self.value)))
    }

    /// The body as it is.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// What serde says, as people would: without the place in the text, since the field is named, and without its own words for
/// what JSON has.
fn in_words(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(what, _)| what);
    if message.starts_with("missing field `") {
        return "is required".to_owned();
    }
    if let Some((_, known)) = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected ")) {
        let known = known.trim_start_matches("one of ").replace('`', "");
        return format!("is unknown; use one of: {known}");
    }
    [
        ("unknown variant ", "is "),
        ("invalid type: ", "is "),
        ("invalid value: ", "is "),
        (", expected ", " and must be "),
        ("a sequence", "a list"),
        ("sequence", "a list"),
        ("a map", "an object"),
        ("map,", "an object,"),
        ("map ", "an object "),
        ("unit", "null"),
    ]
    .into_iter()
    .fold(message.to_owned(), |text, (theirs, ours)| text.replacen(theirs, ours, 1))
}

/// An object whose fields are not looked at here: they are in the document's value, to the letter.
#[derive(Debug)]
pub(super) struct Opaque;

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
pub(super) fn object(document: &Value, field: &str) -> Map<String, Value> {
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
            ("{}", "params is required"),
            ("{\"params\": []}", "params is a list and must be an object"),
            ("{\"params\": null}", "params is null and must be an object"),
            ("{\"params\": {}, \"colour\": 1}", "colour is unknown; use one of: params or inputs"),
            ("{\"params\": {}, \"inputs\": 7}", "inputs is integer `7` and must be a list"),
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

    fn headers(kind: &str, length: Option<usize>) -> HeaderMap {
        let length = length.map(|length| (CONTENT_LENGTH, length.into()));
        [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().chain(length).collect()
    }

    /// A body of these bytes, which does not end if it is to stall.
    fn stream(text: &str, stalls: bool) -> impl Stream<Item = Result<Bytes, warp::Error>> + use<> {
        let rest = if stalls {
            futures_util::stream::pending().left_stream()
        } else {
            futures_util::stream::empty().right_stream()
        };
        futures_util::stream::iter([Ok(Bytes::copy_from_slice(text.as_bytes()))]).chain(rest)
    }

    #[tokio::test]
    async fn a_large_body_waits_until_there_is_room_for_it_and_a_small_one_does_not() {
        let (room, large) = (Room::of(50_000), format!("\"{}\"", "x".repeat(30_000)));
        let sent = async |text: &str, length| {
            read(&headers("application/json", length), stream(text, false), 40_000, &room).await
        };
        for length in [Some(large.len()), None] {
            let first = sent(&large, length).await.unwrap();
            let mut second = Box::pin(sent(&large, length));
            assert!(futures_util::poll!(&mut second).is_pending());
            sent("[4]", None).await.unwrap();

            drop(first);

            second.await.unwrap();
        }
        sent("[5, 6", Some(20_000)).await.unwrap_err();
        assert_eq!((room.bytes.available_permits(), *room.waiting.borrow()), (50_000, 0));
    }

    #[tokio::test]
    async fn a_body_that_stalls_gives_way_to_one_that_waits_for_its_room() {
        let room = Room::of(40_000);
        let headers = headers("application/json", Some(30_000));
        let stalls = read(&headers, stream("{", true), 40_000, &room);
        let comes = read(&headers, stream("{}", false), 40_000, &room);

        let (stalled, came) = tokio::join!(stalls, comes);

        assert_eq!(stalled.unwrap_err().into_response().status(), 408);
        came.unwrap();
    }

    #[tokio::test]
    async fn only_json_of_a_bearable_size_is_read() {
        let sent = async |kind: &str, text: &str| {
            read(&headers(kind, None), stream(text, false), 10, &Room::default())
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
