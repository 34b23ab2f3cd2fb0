//! What goes wrong between a command and the host, in words that say what to do.

use std::error::Error as _;

use easel_core::json;
use easel_wire::{Job, Problem};
use reqwest::{Response, StatusCode};

use super::text;
use crate::show;

/// Why a request has no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error("no Easel at {server} ({cause}): start one with `easel serve`, or pass --server URL")]
    Unreachable {
        /// Where nobody listens.
        server: String,
        /// What the system says.
        cause: String,
    },
    /// Somebody listened, and then was gone.
    #[error("lost the connection to {server} ({cause})")]
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
    #[error("{server} sent something unexpected: is it an Easel of the same version? ({cause})")]
    Garbled {
        /// Who sent it.
        server: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl ClientError {
    /// Sorts an error of the connection; `cause` is the innermost of its chain, the others only repeat the URL.
    pub(super) fn of_connection(server: &str, error: &reqwest::Error) -> Self {
        let mut cause = error.source();
        while let Some(deeper) = cause.and_then(|error| error.source()) {
            cause = Some(deeper);
        }
        let cause = match cause {
            Some(cause) => cause.to_string(),
            None if error.is_timeout() => "no answer in time".to_owned(),
            None => error.to_string(),
        };
        let server = server.to_owned();
        if error.is_connect() { Self::Unreachable { server, cause } } else { Self::Lost { server, cause } }
    }

    /// The same as a problem document, for programs.
    pub(super) fn document(&self) -> String {
        let (kind, title) = match self {
            Self::Refused(refusal) => return refusal.document(),
            Self::Unreachable { .. } => ("unreachable", "no host there"),
            Self::Lost { .. } => ("connection-lost", "connection lost"),
            Self::Garbled { .. } => ("garbled", "not an answer of Easel's"),
        };
        show::text(&Problem::new(kind, title, self.to_string()))
    }

    /// Whether the same request could succeed once the host is back.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost { .. })
    }
}

/// A refusal: a problem document (RFC 9457), or what another server says instead.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// The answer as it came; some refusals carry the job that they are about.
    pub(super) body: String,
    retry_after: Option<String>,
}

impl Refusal {
    pub(super) async fn of(response: Response) -> Self {
        let status = response.status();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A body that breaks off leaves the status, which is the better half.
        let body = response.text().await.unwrap_or_default();
        Self { status, body, retry_after }
    }

    /// The job that a conflict is about, as it is.
    pub(super) fn job(&self) -> Option<Job> {
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
    pub(super) fn of_parts(status: StatusCode, body: Option<&[u8]>) -> Self {
        let body = body.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        Self { status, body, retry_after: None }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match text::read::<Problem>(&self.body) {
            Ok(problem) => {
                write!(f, "{}", problem.title)?;
                if !problem.detail.is_empty() {
                    write!(f, ": {}", problem.detail)?;
                }
                if let Some(field) = problem.field {
                    write!(f, " ({field})")?;
                }
            }
            Err(_) => write!(f, "the server answered {}", self.status)?,
        }
        match &self.retry_after {
            Some(seconds) if seconds.parse::<u64>().is_ok() => write!(f, "; try again in {seconds} s"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> String {
        Refusal::of_parts(StatusCode::from_u16(status).expect("a status"), Some(body.as_bytes())).to_string()
    }

    #[test]
    fn a_problem_is_told_by_title_detail_and_field() {
        let body = r#"{"type":"about:blank","title":"Bad params","status":422,"detail":"steps: 0 is too few","field":"params.steps"}"#;
        assert_eq!(refusal(422, body), "Bad params: steps: 0 is too few (params.steps)");
        assert_eq!(refusal(404, r#"{"title":"Not found","status":404}"#), "Not found");
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_told_by_its_status() {
        assert_eq!(refusal(502, "<html>"), "the server answered 502 Bad Gateway");
    }
}
