//! What goes wrong between a command and the host, in words that say what to do.

use std::error::Error as _;

use easel_core::json;
use easel_wire::{Job, Problem};
use reqwest::{Response, StatusCode};

use crate::cli::out::short_id::shortened;
use crate::cli::out::text;
use crate::show;

/// Why a request has no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// Nobody listens.
    #[error("no host at {server} ({cause}): start one with `easel serve`, or name another with --server URL")]
    Unreachable {
        /// Where nobody listens.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// Somebody listened, and then was gone.
    #[error("the connection to {server} is lost ({cause})")]
    Lost {
        /// Who was gone.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// The host said no.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is not one of Easel's.
    #[error(
        "{server} sent something that this version cannot read ({cause}): is it an Easel host of the same version?"
    )]
    Garbled {
        /// Who sent it.
        server: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl ClientError {
    /// Sorts an error of the connection; `cause` is the innermost of its chain, the others only repeat the URL.
    pub(in crate::cli) fn of_connection(server: &str, error: &reqwest::Error) -> Self {
        let mut cause = error.source();
        while let Some(deeper) = cause.and_then(|error| error.source()) {
            cause = Some(deeper);
        }
        let cause = match cause {
            Some(cause) => text::cause(cause),
            None if error.is_timeout() => "no answer in time".to_owned(),
            None => error.to_string(),
        };
        let server = server.to_owned();
        if error.is_connect() { Self::Unreachable { server, cause } } else { Self::Lost { server, cause } }
    }

    /// The same as a problem document, for programs.
    pub(in crate::cli) fn document(&self) -> String {
        let (kind, title) = match self {
            Self::Refused(refusal) => return refusal.document(),
            Self::Unreachable { .. } => ("unreachable", "no host there"),
            Self::Lost { .. } => ("connection-lost", "connection lost"),
            Self::Garbled { .. } => ("garbled", "not an answer of Easel's"),
        };
        show::text(&Problem::new(kind, title, self.to_string()))
    }

    /// Whether there was a host before it was gone.
    pub(in crate::cli) fn was_there(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Whether the same request could succeed once the host is back.
    pub(in crate::cli) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. })
    }
}

/// A refusal: a problem document (RFC 9457), or what another server says instead.
#[derive(Debug)]
pub(in crate::cli) struct Refusal {
    /// The status of the answer.
    pub(in crate::cli) status: StatusCode,
    /// The answer as it came; some refusals carry the job that they are about.
    pub(in crate::cli) body: String,
    retry_after: Option<String>,
}

impl Refusal {
    pub(in crate::cli) async fn of(response: Response) -> Self {
        let status = response.status();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A body that breaks off leaves the status, which is the better half.
        let body = response.text().await.unwrap_or_default();
        Self { status, body, retry_after }
    }

    /// The job that a conflict is about, as it is.
    pub(in crate::cli) fn job(&self) -> Option<Job> {
        text::read::<Problem>(&self.body).ok()?.job.map(|job| *job)
    }

    /// As it came, if it is a problem document.
    fn document(&self) -> String {
        if json::parse::<Problem>(&self.body).is_ok() {
            return self.body.clone();
        }
        let made = Problem::new("answer", "the server refused", self.to_string());
        show::text(&Problem { status: Some(self.status.as_u16()), ..made })
    }

    /// The refusal of a WebSocket, which comes without a stream to read from.
    pub(in crate::cli) fn of_parts(status: StatusCode, body: Option<&[u8]>) -> Self {
        let body = body.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        Self { status, body, retry_after: None }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut again = false;
        match text::read::<Problem>(&self.body) {
            Ok(problem) => {
                // The title is the kind, in a word or two, and the detail is a sentence that needs no introduction.
                let told = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
                again = told.to_lowercase().contains("try again");
                f.write_str(&shortened(told))?;
                if let Some(field) = problem.field.filter(|field| !names(told, field)) {
                    write!(f, " ({field})")?;
                }
            }
            Err(_) => write!(f, "the server there is not an Easel host ({}): is --server right?", self.status)?,
        }
        match self.retry_after.as_ref().filter(|seconds| seconds.parse::<u64>().is_ok()) {
            Some(seconds) if again => write!(f, " (in {seconds} s at the soonest)"),
            Some(seconds) => write!(f, "; try again in {seconds} s"),
            None => Ok(()),
        }
    }
}

/// Whether a sentence names the field that it is about, or the last part of it.
fn names(told: &str, field: &str) -> bool {
    let last = field.rsplit('.').next().unwrap_or(field);
    let is_of_a_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    told.contains(field) || told.split(|character| !is_of_a_name(character)).any(|word| word == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> String {
        Refusal::of_parts(StatusCode::from_u16(status).expect("a status"), Some(body.as_bytes())).to_string()
    }

    #[test]
    fn a_refusal_is_told_in_one_sentence_which_names_its_field_once() {
        let told = |detail: &str, field: &str| {
            let problem =
                Problem { field: Some(field.to_owned()), ..Problem::new("wrong-value", "wrong value", detail) };
            refusal(422, &show::text(&problem))
        };
        assert_eq!(told("params.prompt is required", "params.prompt"), "params.prompt is required");
        assert_eq!(told("steps: 0 is too few", "params.steps"), "steps: 0 is too few");
        assert_eq!(told("0 is too few", "params.steps"), "0 is too few (params.steps)");
        assert_eq!(told("give more stepson", "params.steps"), "give more stepson (params.steps)");
        assert_eq!(refusal(404, r#"{"title":"Not found","status":404}"#), "Not found");
    }

    #[test]
    fn a_refusal_names_jobs_by_their_short_ids() {
        let detail = "no job with id 0199aaaa-bbbb-7ccc-8ddd-eeee12345678";
        let body = show::text(&Problem::new("not-found", "not found", detail));
        assert_eq!(refusal(404, &body), "no job with id 12345678");
    }

    #[test]
    fn when_to_come_back_is_said_once() {
        let told = |detail: &str| {
            let body = show::text(&Problem::new("busy", "busy", detail));
            Refusal { status: StatusCode::SERVICE_UNAVAILABLE, body, retry_after: Some("5".to_owned()) }.to_string()
        };
        assert_eq!(told("all places are taken"), "all places are taken; try again in 5 s");
        assert_eq!(told("it stops: try again later"), "it stops: try again later (in 5 s at the soonest)");
    }

    #[test]
    fn an_answer_that_is_no_problem_document_says_that_something_else_answers_there() {
        let told = "the server there is not an Easel host (502 Bad Gateway): is --server right?";
        assert_eq!(refusal(502, "<html>"), told);
    }
}
