//! Answers that are what was asked for.

use serde::Serialize;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use warp::http::{Response, StatusCode};

use crate::show;

/// 200 and JSON.
pub(in crate::web) fn json(value: &impl Serialize) -> warp::reply::Response {
    let mut response = Response::new(show::text(value).into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What is read changes by itself: a copy of it would be wrong a moment later.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 201, JSON, and where it is from now on.
pub(in crate::web) fn created(location: &str, value: &impl Serialize) -> warp::reply::Response {
    let mut response = made(value);
    // Our own paths are made of letters and ids; there is none that could not be a header.
    response.headers_mut().extend(HeaderValue::from_str(location).ok().map(|location| (LOCATION, location)));
    response
}

/// 201 and JSON, of what cannot be read back.
pub(in crate::web) fn made(value: &impl Serialize) -> warp::reply::Response {
    let mut response = json(value);
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// 204.
pub(in crate::web) fn done() -> warp::reply::Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
