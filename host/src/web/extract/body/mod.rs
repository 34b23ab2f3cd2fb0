//! JSON bodies: read whole, and within bounds.

mod coming;
mod document;
mod room;
mod words;

use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use headers::{ContentLength, HeaderMapExt as _};
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use warp::{Filter, Rejection};

use crate::web::{Host, Problem};
pub(in crate::web) use coming::{Coming, content_type, drain};
pub(in crate::web) use document::{Document, Opaque, object, read_value};
pub(in crate::web) use room::Room;
pub(in crate::web) use words::ID;

/// What a body may have besides a job's params, written as widely as JSON lets one.
const ROOM: u64 = 1024 * 1024;
/// What the body of a batch may have.
const BATCH: u64 = 16 * 1024 * 1024;
/// So much of each body needs no room: nearly all requests are smaller, and never wait for those that are not.
const SMALL: u64 = 16 * 1024;

/// A body that is JSON, or why it is not.
pub(in crate::web) type Body = Result<Document, Problem>;

/// Reads the body of a request as JSON.
pub(in crate::web) fn json(
    host: &Arc<Host>,
    room: &Room,
) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(ROOM + 2 * host.config.web.max_params.as_u64(), room.clone())
}

/// The same for a batch: its jobs together may have as much as their transaction bears.
pub(in crate::web) fn json_batch(room: &Room) -> impl Filter<Extract = (Body,), Error = Rejection> + Clone + use<> {
    json_up_to(BATCH, room.clone())
}

/// The same for a request that may have nothing to say: no body is an empty object.
pub(in crate::web) fn json_or_nothing(
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
        drain(headers, body.rest()).await;
        return Err(Problem::too_large("the body", max));
    }
    let mut held = None;
    if let Some(length) = announced.filter(|length| *length > SMALL) {
        held = Some(match room.take(length).await {
            Ok(held) => held,
            Err(problem) => {
                drain(headers, body.rest()).await;
                return Err(problem);
            }
        });
        body.hurries_for(room.watch_waiting());
    }
    let mut bytes = BytesMut::with_capacity(announced.map_or(0, |length| usize::try_from(length).unwrap_or_default()));
    while let Some(mut chunk) = body.next().await? {
        let size = (bytes.len() + chunk.remaining()) as u64;
        if size > max {
            drain(headers, body.rest()).await;
            return Err(Problem::too_large("the body", max));
        }
        if size > SMALL && held.is_none() {
            held = Some(room.take(max).await?);
            body.hurries_for(room.watch_waiting());
        }
        bytes.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    Ok(Document::parse(bytes.freeze())?.within(held))
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use serde_json::json;
    use warp::http::header::CONTENT_TYPE;

    use super::*;

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
        assert!(futures_util::poll!(pin!(room.take(50_000))).is_ready(), "nothing is held");
        assert_eq!(*room.watch_waiting().borrow(), 0);
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
                .map(|document| document.value().clone())
                .map_err(|p| p.into_response().status())
        };
        assert_eq!(sent("application/json; charset=utf-8", "{}").await, Ok(json!({})));
        assert_eq!(sent("application/json", "[1, 2, 3, 4]").await.unwrap_err(), 413);
        for kind in ["text/plain", "application/xml", "nonsense", "application/jsonx"] {
            assert_eq!(sent(kind, "{}").await.unwrap_err(), 415, "{kind}");
        }
    }
}
