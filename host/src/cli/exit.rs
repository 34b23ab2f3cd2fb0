//! How a command ends: 0, 1 for a failure, 2 for what the user has to say differently; and what it says of that.

use std::process::ExitCode;

use easel_wire::Problem;
use serde::Serialize;

use super::args::id::{Ambiguous, Candidate};
use super::client::problem::ClientError;
use super::commands::config::Faults;
use super::out::print::{self, OutputClosed};
use super::out::stderr;
use super::usage::Usage;
use crate::config::ConfigError;
use crate::sandbox::LoadError;
use crate::show;

/// A command of the user's own that `easel with` ran has ended like this, and has said itself what there was to say.
#[derive(Debug, thiserror::Error)]
#[error("the command ended with {0}")]
pub struct Ended(pub u8);

/// Prints an error with its whole chain, or with `json` as a problem document, and says what the process exits with.
pub fn exit_code(outcome: anyhow::Result<()>, json: bool) -> ExitCode {
    let code = told(outcome, json);
    stderr::finish();
    code
}

fn told(outcome: anyhow::Result<()>, json: bool) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    // `easel jobs | head -1` got what it wanted.
    if error.is::<OutputClosed>() {
        return ExitCode::SUCCESS;
    }
    if let Some(Ended(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    if json {
        print::aside(problem(&error));
    } else {
        print::aside(format!("easel: {error:#}"));
    }
    ExitCode::from(if is_users(&error) { 2 } else { 1 })
}

/// What clap says about a command line: help and version on stdout, what is wrong with it on stderr.
pub(super) fn of_clap(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        // As people read it, without the colours.
        let told = error.render().to_string();
        let told = told.trim().strip_prefix("error: ").unwrap_or(told.trim());
        print::aside(document("usage", "wrong usage", told));
    } else {
        // Whoever does not read it has the exit code.
        error.print().unwrap_or_default();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Whether the user has to say something differently.
fn is_users(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let load = cause.downcast_ref::<LoadError>().is_some_and(LoadError::is_configuration);
        let several = cause.downcast_ref::<Faults>().is_some_and(Faults::is_configuration);
        load || several || cause.is::<ConfigError>() || cause.is::<Usage>()
    })
}

/// A problem document of our own.
fn document(kind: &str, title: &str, detail: &str) -> String {
    show::text(&Problem::new(kind, title, detail))
}

/// An ambiguous name, with what it could mean.
#[derive(Serialize)]
struct Several {
    #[serde(flatten)]
    problem: Problem,
    candidates: Vec<Candidate>,
}

/// The error as a problem document.
fn problem(error: &anyhow::Error) -> String {
    let told = format!("{error:#}");
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>()) {
        return error.document();
    }
    if let Some(several) = error.chain().find_map(|cause| cause.downcast_ref::<Ambiguous>()) {
        let first = told.lines().next().unwrap_or_default();
        let problem = Problem::new("ambiguous", "ambiguous job id", first);
        return show::text(&Several { problem, candidates: several.candidates() });
    }
    let configuration =
        error.chain().any(|cause| cause.is::<ConfigError>() || cause.is::<LoadError>() || cause.is::<Faults>());
    match (configuration, is_users(error)) {
        (true, _) => document("configuration", "wrong configuration", &told),
        (false, true) => document("usage", "wrong usage", &told),
        (false, false) => document("failed", "failed", &told),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use serde_json::{Value, json};

    use super::*;

    fn is(outcome: anyhow::Result<()>, code: u8) -> bool {
        format!("{:?}", exit_code(outcome, false)) == format!("{:?}", ExitCode::from(code))
    }

    #[test]
    fn what_the_user_must_say_differently_is_2_however_deep_in_the_chain() {
        assert!(is(Err(Usage("no".to_owned()).into()), 2));
        assert!(is(Err(ConfigError::NoFile("x".into())).context("while starting"), 2));
    }

    #[test]
    fn a_failure_is_1_and_a_reader_who_has_enough_is_none() {
        assert!(is(Err(anyhow::anyhow!("no")), 1));
        assert!(is(Err(OutputClosed.into()), 0));
        assert!(is(Err(Ended(42).into()), 42));
        assert!(is(Ok(()), 0));
    }

    #[test]
    fn every_error_is_a_problem_document_for_programs() {
        let unreachable = ClientError::Unreachable { server: "http://h:1".into(), cause: "refused".into() };
        for (error, kind) in [
            (anyhow::anyhow!("no"), "failed"),
            (Usage("no".to_owned()).into(), "usage"),
            (ConfigError::NoFile("x".into()).into(), "configuration"),
            (unreachable.into(), "unreachable"),
        ] {
            let told = error.to_string();
            let problem: Value = serde_json::from_str(&problem(&error)).expect("JSON");
            assert_eq!(problem["type"], json!(format!("urn:easel:problem:{kind}")));
            assert_eq!(problem["detail"], json!(told));
        }
    }
}
