//! How a command ends: 0, 1 for a failure, 2 for what the user has to say differently.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::print::OutputClosed;
use crate::backend::LoadError;
use crate::config::ConfigError;

/// A command line that clap cannot know to be wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// A command of the user's own that `easel with` ran has ended like this, and has said itself what there was to say.
#[derive(Debug, thiserror::Error)]
#[error("the command ended with {0}")]
pub struct Ended(pub u8);

/// Prints an error with its whole chain and says what the process exits with.
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
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
    // The exit code says it as well, to whoever does not read this.
    writeln!(io::stderr(), "easel: {error:#}").unwrap_or_default();
    let users = error.chain().any(|cause| {
        let load = cause.downcast_ref::<LoadError>().is_some_and(LoadError::is_configuration);
        load || cause.is::<ConfigError>() || cause.is::<Usage>()
    });
    ExitCode::from(if users { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn is(outcome: anyhow::Result<()>, code: u8) -> bool {
        format!("{:?}", exit_code(outcome)) == format!("{:?}", ExitCode::from(code))
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
}
