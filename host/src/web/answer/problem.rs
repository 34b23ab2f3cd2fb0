//! What went wrong, as a client reads it: a problem document (RFC 9457), whoever found out.
//!
//! There is a constructor for each kind, so that a kind always has the same status, type and title, and programs can tell
//! kinds apart. A problem of the client's is nobody else's business and is never logged; one of ours is logged with its
//! whole chain of causes, and the client is told no more of it than helps.

use bytesize::ByteSize;
use warp::http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE,
    WWW_AUTHENTICATE,
};
use warp::http::{Response, StatusCode};

use crate::show;
use crate::web::pace::Terms;

/// The longest detail: it may quote what was sent.
const LONGEST: usize = 500;

/// What to do about what is ours.
pub(in crate::web) const LATER: &str =
    "try again in a moment. If that does not help, `GET /readyz` and the host's log say why";

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(in crate::web) struct Problem {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) detail: String,
    field: Option<String>,
    // Boxed, since every handler's result has room for a problem.
    job: Option<Box<easel_wire::Job>>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What the operator has to know, if it is ours.
    pub(super) cause: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(LONGEST));
        Self { status, title, detail, field: None, job: None, header: None, cause: None }
    }

    fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    /// The same about this field, dotted: `params.steps`.
    pub(in crate::web) fn in_field(mut self, field: impl Into<String>) -> Self {
        let mut field = field.into();
        field.truncate(field.floor_char_boundary(LONGEST));
        self.field = Some(field);
        self
    }

    /// The same, about a part of the request: its field is one of that part's.
    pub(in crate::web) fn under(mut self, part: &str) -> Self {
        let field = match self.field.take() {
            Some(field) if !field.is_empty() => format!("{part}.{field}"),
            _ => part.to_owned(),
        };
        self.in_field(field)
    }

    /// The same, showing the job as it is, so that the client need not ask.
    pub(in crate::web) fn with_job(mut self, job: easel_wire::Job) -> Self {
        self.job = Some(Box::new(job));
        self
    }

    /// 400: no sense can be made of it.
    pub(in crate::web) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad request", detail)
    }

    /// 400: the body is not JSON.
    pub(in crate::web) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable JSON", detail)
    }

    /// 401: somebody whom nobody knows.
    pub(in crate::web) fn unauthorized(detail: impl Into<String>) -> Self {
        let bearer = HeaderValue::from_static("Bearer");
        Self::new(StatusCode::UNAUTHORIZED, "unknown token", detail).with_header(WWW_AUTHENTICATE, bearer)
    }

    /// 403: somebody who must not.
    pub(in crate::web) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not allowed", detail)
    }

    /// 404: there is none.
    pub(in crate::web) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }

    /// 405: something can be done there, but not this.
    pub(super) fn method_not_allowed(allow: &[&str]) -> Self {
        // Whatever can be read can be asked about.
        let allow: Vec<_> = allow.iter().map(|method| if *method == "GET" { "GET, HEAD" } else { *method }).collect();
        let allow = allow.join(", ");
        let value = HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static(""));
        let detail = format!("this path does not take that method; it takes {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail).with_header(ALLOW, value)
    }

    /// 408: the rest of it never came, or not in time.
    pub(in crate::web) fn too_slow(terms: Terms) -> Self {
        let Terms { silence, grace, rate } = terms;
        let detail = format!(
            "the body came too slowly: it may stop for {} s, and has {} s and one more for each {rate} bytes. Send it again",
            silence.as_secs(),
            grace.as_secs()
        );
        Self::new(StatusCode::REQUEST_TIMEOUT, "too slow", detail)
    }

    /// 409: not as things are.
    pub(in crate::web) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 410: it was there once.
    pub(in crate::web) fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// 413: more than is taken.
    pub(in crate::web) fn too_large(what: &str, max: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too large", format!("{what} may have at most {max} bytes"))
    }

    /// 415: a body of another kind.
    pub(in crate::web) fn wrong_content_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong content type", detail)
    }

    /// 415: a body that is packed.
    pub(in crate::web) fn wrong_encoding(coding: &str) -> Self {
        let detail =
            format!("a body with Content-Encoding {coding:?} is not unpacked here: send it as it is, without one");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong encoding", detail)
            .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// 416: a part that the whole does not have.
    pub(in crate::web) fn no_such_range(size: u64) -> Self {
        let value = HeaderValue::from_str(&format!("bytes */{size}")).unwrap_or(HeaderValue::from_static("bytes */*"));
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "no such range", format!("the file has {size} bytes"))
            .with_header(CONTENT_RANGE, value)
    }

    /// 422: readable, but wrong.
    pub(in crate::web) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong value", detail).in_field(field)
    }

    /// 422: it will mean something one day. Accepting and ignoring it would be worse than refusing it.
    pub(in crate::web) fn not_supported_yet(what: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not supported yet", format!("{what} is not supported yet"))
    }

    /// 426: something that only a WebSocket can ask for.
    pub(in crate::web) fn upgrade_required(why: &str) -> Self {
        let detail = format!(
            "this path is a WebSocket, and the request is not a WebSocket handshake: {why}. Use a WebSocket client"
        );
        Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade required", detail)
            .with_header(UPGRADE, HeaderValue::from_static("websocket"))
    }

    /// 429: later.
    pub(super) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many jobs", detail).with_header(RETRY_AFTER, 10)
    }

    /// 500: a mistake of ours.
    pub(in crate::web) fn internal(cause: impl Into<String>) -> Self {
        let detail = "Easel failed here, and its log says why: please report it";
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error", detail);
        problem.cause = Some(cause.into());
        problem
    }

    /// 500: the job that was waited for has failed. That is its backend's affair, and in the job's log.
    pub(in crate::web) fn failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "job failed", detail)
    }

    /// 501: a body that comes in a way that nobody here understands.
    pub(in crate::web) fn wrong_transfer(coding: &str) -> Self {
        let detail =
            format!("a body cannot come with Transfer-Encoding {coding:?}: send it chunked, or with its length");
        Self::new(StatusCode::NOT_IMPLEMENTED, "wrong transfer encoding", detail)
    }

    /// 503: as much is under way as there is room for. Clients do that, so the operator need not know.
    pub(in crate::web) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).with_header(RETRY_AFTER, 5)
    }

    /// 503: the host is not of use now, and has said so in its log when that began.
    pub(in crate::web) fn not_ready(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).with_header(RETRY_AFTER, 10)
    }

    /// 408: whoever asked has hung up. Nobody reads it.
    pub(in crate::web) fn closed() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "closed", "the connection was closed before the answer")
    }

    /// 507: what is free on the disk is kept for jobs.
    pub(in crate::web) fn no_room(reserve: ByteSize) -> Self {
        let detail = format!(
            "the disk is nearly full: an upload must leave {reserve} of it free (retention.disk_reserve). Make room on it, or \
             wait until old jobs are removed"
        );
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "no room", detail).with_header(RETRY_AFTER, 60)
    }

    /// 503: something that Easel stands on is broken. The operator reads why.
    pub(in crate::web) fn unavailable(detail: impl Into<String>, cause: impl Into<String>) -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).with_header(RETRY_AFTER, 10);
        problem.cause = Some(cause.into());
        problem
    }

    /// 503: the host ends in good order.
    pub(in crate::web) fn closing() -> Self {
        let detail = "Easel is stopping and takes nothing new: send it again when it is back, with the same Idempotency-Key \
                      if it had one";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail).with_header(RETRY_AFTER, 5)
    }

    pub(super) fn document(&self) -> easel_wire::Problem {
        let kind: String =
            self.title.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        easel_wire::Problem {
            kind: format!("urn:easel:problem:{kind}"),
            title: self.title.to_owned(),
            status: Some(self.status.as_u16()),
            detail: self.detail.clone(),
            field: self.field.clone(),
            job: self.job.clone(),
        }
    }

    /// Whether the same request may be answered otherwise in a while.
    pub(in crate::web) fn is_for_later(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.0 == RETRY_AFTER)
    }

    /// The answer.
    pub(in crate::web) fn into_response(self) -> warp::reply::Response {
        let mut response = self.into_response_as(|problem| show::text(&problem));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }

    /// The answer in the shape of another API, which is JSON as well.
    pub(in crate::web) fn into_response_as(
        mut self,
        shape: impl FnOnce(easel_wire::Problem) -> String,
    ) -> warp::reply::Response {
        let (status, header) = (self.status, self.header.take());
        let mut response = Response::new(shape(self.told()).into());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().extend(header.map(|header| *header));
        response
    }

    /// What the client reads. This is where what is ours is logged: once.
    pub(in crate::web) fn told(self) -> easel_wire::Problem {
        if let Some(cause) = &self.cause {
            tracing::error!(status = self.status.as_u16(), "{}: {cause}", self.detail);
        }
        self.document()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_names_its_field_and_its_kind() {
        let document = Problem::invalid("params.steps", "params.steps is wrong").document();
        assert_eq!(
            serde_json::to_value(document).unwrap(),
            json!({
                "type": "urn:easel:problem:wrong-value", "title": "wrong value", "status": 422,
                "detail": "params.steps is wrong", "field": "params.steps",
            })
        );
    }

    #[test]
    fn a_long_quotation_is_cut_between_characters() {
        let problem = Problem::bad_request("ä".repeat(10_000)).in_field("ö".repeat(10_000));
        assert!(problem.detail.len() <= LONGEST && problem.field.unwrap().len() <= LONGEST);
    }
}
