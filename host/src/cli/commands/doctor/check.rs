//! One line of the doctor's: what was looked at, how it is, and what to do about it.

use console::style;
use serde::Serialize;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but somebody will be sorry.
    Warn,
    /// Does not work.
    Fail,
}

/// What was looked at, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Check {
    pub(in crate::cli) check: &'static str,
    pub(in crate::cli) verdict: Verdict,
    pub(in crate::cli) finding: String,
    /// What to do; never empty unless all is well.
    pub(in crate::cli) advice: Option<String>,
}

impl Check {
    pub(in crate::cli) fn ok(check: &'static str, finding: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, finding: finding.into(), advice: None }
    }

    pub(in crate::cli) fn warn(check: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, finding: finding.into(), advice: Some(advice.into()) }
    }

    pub(in crate::cli) fn fail(check: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, finding: finding.into(), advice: Some(advice.into()) }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => style("ok  ").green(),
            Verdict::Warn => style("warn").yellow(),
            Verdict::Fail => style("fail").red(),
        };
        write!(f, "{verdict}  {:<14}{}", self.check, self.finding)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:20}→ {advice}", ""),
            None => Ok(()),
        }
    }
}
