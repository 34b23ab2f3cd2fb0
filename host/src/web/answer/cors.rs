//! What a browser has to be told before it lets a page of a listed origin read our answers (the Fetch standard's CORS).
//!
//! The guard has refused all other pages by then; this opens nothing, it only tells the browser.

use warp::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue,
    VARY,
};
use warp::http::{HeaderMap, Method};
use warp::reply::Response;

use super::reply;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Whether a browser asks what a page may do, rather than a page does it.
pub(in crate::web) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that: everything.
pub(in crate::web) fn preflight() -> Response {
    let mut response = reply::done();
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let sent = HeaderValue::from_static("content-type, idempotency-key, if-none-match, if-range, range");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, sent);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Says which pages a browser may show the answer on, if they cannot read it either: a picture, say. Our own, and `shared`
/// ones, those of listed origins.
pub(in crate::web) fn limit_to(shared: bool, response: &mut Response) {
    let pages = if shared { "cross-origin" } else { "same-origin" };
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static(pages));
}

/// Lets a page of `origin` read the answer.
pub(in crate::web) fn show_to(origin: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let read = HeaderValue::from_static("content-disposition, content-range, etag, location, retry-after");
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, read);
    headers.append(VARY, HeaderValue::from_static("origin"));
}
