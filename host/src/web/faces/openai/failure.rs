//! What went wrong, in OpenAI's shape.

use easel_core::{ErrorKind, Job};
use easel_wire::openai::{Failure, FailureDetail};
use warp::http::header::{HeaderName, HeaderValue};
use warp::reply::Response;

use crate::web::Problem;

/// Tells clients not to send the request again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A problem as an answer. What is wrong with the request stays wrong: its clients would send it again after some statuses.
pub(super) fn answer(problem: Problem) -> Response {
    let later = problem.is_for_later();
    let mut response = problem.into_response_as(|problem| crate::show::text(&shaped(problem)));
    if !later {
        response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// A problem in the middle of an answer.
pub(super) fn document(problem: Problem) -> Failure {
    shaped(problem.told())
}

fn shaped(problem: easel_wire::Problem) -> Failure {
    let ours = problem.status.is_none_or(|status| status >= 500);
    let kind = if ours { "server_error" } else { "invalid_request_error" }.to_owned();
    let code = problem.kind.rsplit(':').next().unwrap_or_default().to_owned();
    Failure { error: FailureDetail { message: problem.detail, kind, param: problem.field, code } }
}

/// Why a job that has ended made no picture.
pub(super) fn of(job: &Job) -> Problem {
    match &job.error {
        Some(error) if error.kind == ErrorKind::Invalid => Problem::bad_request(error.message.clone()),
        Some(error) if error.kind == ErrorKind::Unavailable => Problem::not_ready(error.message.clone()),
        Some(error) => Problem::failed(error.message.clone()),
        None => Problem::conflict("the job was cancelled"),
    }
}
