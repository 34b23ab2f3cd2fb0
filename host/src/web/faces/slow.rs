//! An answer that is made while it is sent, by a task of its own.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use warp::Reply as _;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// Where its parts go: an error cuts the connection. It is closed when the client has gone.
pub(super) type Parts = mpsc::Sender<io::Result<Bytes>>;

/// An answer of this type, whose parts are what `make` sends.
pub(super) fn answer<F: Future<Output = ()> + Send + 'static>(
    mime: &'static str,
    make: impl FnOnce(Parts) -> F,
) -> Response {
    let (parts, coming) = mpsc::channel(1);
    tokio::spawn(make(parts));
    let body = stream::unfold(coming, |mut coming| async move { Some((coming.recv().await?, coming)) });
    let mut response = warp::reply::stream(body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
