//! What the scheduler, the store, the sandbox and the files refuse, or warp does, as problems.

use std::convert::Infallible;

use easel_core::Refusal;
use warp::Rejection;

use super::problem::{LATER, Problem};
use crate::artifacts::FilesError;
use crate::sandbox::ParamsError;
use crate::scheduler::Rejected;
use crate::store::StoreError;

/// The path is known, but not with this method: these are.
#[derive(Debug)]
pub(in crate::web) struct WrongMethod(pub(in crate::web) &'static [&'static str]);

impl warp::reject::Reject for WrongMethod {}

/// Answers what no route has: warp's own rejections.
pub(in crate::web) async fn recover(rejection: Rejection) -> Result<warp::reply::Response, Infallible> {
    Ok(of_rejection(&rejection).into_response())
}

fn of_rejection(rejection: &Rejection) -> Problem {
    use warp::reject;

    if rejection.is_not_found() {
        return Problem::not_found("there is nothing at this path");
    }
    if let Some(WrongMethod(allow)) = rejection.find() {
        return Problem::method_not_allowed(allow);
    }
    if rejection.find::<reject::InvalidQuery>().is_some() {
        return Problem::bad_request("the query cannot be read: write ?name=value&name=value");
    }
    Problem::internal(format!("an unexpected rejection: {rejection:?}"))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoJob(_) | Refusal::NoMessage(_) | Refusal::NoDevice(_) => Self::not_found(detail),
            Refusal::NotAllowed { .. } => Self::forbidden(detail),
            Refusal::NoBackend(_) => Self::invalid("backend", detail),
            Refusal::BadPriority(_) => Self::invalid("priority", detail),
            Refusal::NoDependency(_) => Self::invalid("depends_on", detail),
            Refusal::TooMany { what, .. } => Self::invalid(what, detail),
            Refusal::MessageFull { .. } => Self::invalid("extra_metadata", detail),
            Refusal::BatchSize(_) => Self::invalid("jobs", detail),
            Refusal::Entry { index, refusal } => Self::from(*refusal).under(&format!("jobs.{index}")),
            Refusal::OtherLine { .. } => Self::conflict(detail),
            Refusal::Unfit { .. } | Refusal::InUse { .. } | Refusal::KeyReused(_) | Refusal::MessageExists(_) => {
                Self::conflict(detail)
            }
            Refusal::QueueFull(_) | Refusal::OwnerFull(_) => Self::too_many(detail),
        }
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Refused(refusal) => refusal.into(),
            Rejected::Store(cause) => {
                Self::unavailable(format!("the store could not write this, so nothing was changed: {LATER}"), cause)
            }
            Rejected::Closing => Self::closing(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(format!("the store could not be read: {LATER}"), error.to_string())
    }
}

impl From<FilesError> for Problem {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::TooLarge { max } => Self::too_large("an upload", max),
            FilesError::BrokenOff(_) => Self::bad_request(error.to_string()),
            FilesError::NoUpload(_) | FilesError::BadName { .. } => Self::invalid("inputs", error.to_string()),
            FilesError::Io { .. } => {
                Self::unavailable(format!("a file could not be read or written: {LATER}"), error.to_string())
            }
        }
    }
}

impl From<ParamsError> for Problem {
    fn from(error: ParamsError) -> Self {
        Self::invalid(error.field.clone(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::show;

    #[test]
    fn a_full_queue_says_when_to_come_back() {
        let response = Problem::from(Refusal::QueueFull(7)).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "10");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn what_is_ours_says_nothing_of_its_cause() {
        let error = FilesError::Io {
            doing: "read",
            path: "/secret/place".into(),
            cause: std::io::Error::other("the disk is on fire"),
        };
        let problem = Problem::from(error);
        assert!(problem.cause.as_ref().is_some_and(|cause| cause.contains("on fire")), "{problem:?}");
        assert!(!show::text(&problem.document()).contains("secret"));
    }

    #[test]
    fn what_is_over_soon_says_what_happened_what_to_do_and_when_to_come_back() {
        let later = "try again in a moment. If that does not help, `GET /readyz` and the host's log say why";
        let disk = || FilesError::Io { doing: "write", path: "/x".into(), cause: std::io::Error::other("full") };
        for (problem, status, title, detail, after) in [
            (
                Problem::from(Rejected::Store("a cause".into())),
                503,
                "unavailable",
                format!("the store could not write this, so nothing was changed: {later}"),
                "10",
            ),
            (
                Problem::from(StoreError::Closed),
                503,
                "unavailable",
                format!("the store could not be read: {later}"),
                "10",
            ),
            (
                Problem::from(disk()),
                503,
                "unavailable",
                format!("a file could not be read or written: {later}"),
                "10",
            ),
            (
                Problem::from(Rejected::Closing),
                503,
                "stopping",
                "Easel is stopping and takes nothing new: send it again when it is back, with the same Idempotency-Key if it \
                 had one"
                    .to_owned(),
                "5",
            ),
            (
                Problem::no_room(ByteSize::gib(1)),
                507,
                "no room",
                "the disk is nearly full: an upload must leave 1.0 GiB of it free (retention.disk_reserve). Make room on it, \
                 or wait until old jobs are removed"
                    .to_owned(),
                "60",
            ),
        ] {
            let (told, given) = (problem.title, problem.detail.clone());
            let response = problem.into_response();
            assert_eq!((response.status().as_u16(), told, given), (status, title, detail));
            assert_eq!(response.headers()["retry-after"], after);
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let problem = of_rejection(&warp::reject::custom(WrongMethod(&["GET", "POST"])));
        let response = problem.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"GET, HEAD, POST".parse().unwrap())
        );
        assert_eq!(of_rejection(&warp::reject()).status, 404);
    }
}
