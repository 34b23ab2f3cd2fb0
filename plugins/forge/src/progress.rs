//! How far the engine is, as it says it itself: for whomever it works, so [`trace`](crate::trace) is asked first.

use crate::trace::Doing;
use serde::Deserialize;

/// What `progress` answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// What goes on.
    pub state: State,
    /// The picture so far, if it was asked for and there is one.
    pub current_image: Option<String>,
}

/// What goes on in the engine.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct State {
    /// What it calls the work: the name of the route, or the task id of its own page.
    pub job: String,
    /// 0: idle. -1: begun, the model is being loaded. Otherwise the number of passes.
    pub job_count: i64,
    /// The pass, from 0.
    pub job_no: i64,
    /// When the work began, to the second.
    pub job_timestamp: String,
    /// The step of this pass, from 0.
    pub sampling_step: i64,
    /// How many it has.
    pub sampling_steps: i64,
    /// Whether the work was interrupted; it stays so until the next begins (in SD.Next, until this ends).
    pub interrupted: bool,
    /// Whether a picture of it was skipped; it stays so until the next picture begins.
    pub skipped: bool,
}

impl State {
    /// Whether nothing is going on.
    pub fn idle(&self) -> bool {
        self.job_count == 0
    }

    /// Whether somebody has cut it short.
    pub fn stopped(&self) -> bool {
        self.interrupted || self.skipped
    }

    /// Whether somebody began this on the engine's own page: the page names its work after task ids, the API does not.
    pub fn of_the_page(&self) -> bool {
        self.job.starts_with("task(")
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// It has not begun with ours.
    Waiting,
    /// It works for somebody else.
    Foreign,
    /// It loads the model for our job.
    Loading,
    /// It is this far with our job.
    Sampling {
        /// In percent, never less than before.
        percent: f32,
        /// In words.
        stage: String,
    },
    /// It is done; the answer is on its way.
    Fetching,
    /// It gets on with something, and does not say whether that is ours.
    Alive,
    /// The same as last time. Not told, so that an engine that hangs is found out.
    Nothing,
}

/// Follows one job.
#[derive(Debug, Default)]
pub struct Progress {
    best: f32,
    begun: bool,
    last: Option<State>,
}

impl Progress {
    /// What there is to tell of a look at the engine.
    pub fn news(&mut self, doing: Doing, state: &State) -> News {
        match doing {
            Doing::Over => News::Fetching,
            Doing::Nothing if self.begun => News::Fetching,
            Doing::Nothing => News::Waiting,
            Doing::OthersFirst => News::Foreign,
            Doing::Unknown if self.begun && self.is_new(state) => News::Alive,
            Doing::Unknown if self.begun => News::Nothing,
            Doing::Unknown if state.idle() => News::Waiting,
            Doing::Unknown => News::Foreign,
            Doing::Ours => self.ours(state),
        }
    }

    fn ours(&mut self, state: &State) -> News {
        self.begun = true;
        let new = self.is_new(state);
        // Asked for its task first and its state then, it can be done in between.
        if state.idle() {
            return News::Fetching;
        }
        if state.job_count < 0 {
            return News::Loading;
        }
        if !new {
            return News::Nothing;
        }
        self.best = self.best.max(percent(state));
        News::Sampling { percent: self.best, stage: stage(state) }
    }

    fn is_new(&mut self, state: &State) -> bool {
        let new = self.last.as_ref() != Some(state);
        self.last = Some(state.clone());
        new
    }
}

/// How far all passes are; 99 at most, since 100 is for the host to say. A zero later on is overridden by what was best.
fn percent(state: &State) -> f32 {
    let steps = state.sampling_steps.max(1) as f32;
    let pass = (state.sampling_step as f32 / steps).clamp(0.0, 1.0);
    let passes = state.job_count.max(1) as f32;
    (100.0 * (state.job_no as f32 + pass) / passes).clamp(0.0, 99.0)
}

fn stage(state: &State) -> String {
    let steps = state.sampling_steps.max(1);
    let sampling = format!("sampling {}/{steps}", state.sampling_step.saturating_add(1).clamp(1, steps));
    if state.job_count > 1 {
        let pass = state.job_no.saturating_add(1).clamp(1, state.job_count);
        format!("pass {pass}/{}, {sampling}", state.job_count)
    } else {
        sampling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(job_no: i64, job_count: i64, step: i64) -> State {
        State { job_count, job_no, sampling_step: step, sampling_steps: 20, ..State::default() }
    }

    fn sampling(percent: f32, stage: &str) -> News {
        News::Sampling { percent, stage: stage.into() }
    }

    fn ours(progress: &mut Progress, state: State) -> News {
        progress.news(Doing::Ours, &state)
    }

    #[test]
    fn an_answer_of_the_engine_is_read() {
        let text = r#"{"progress": 0.335, "eta_relative": 3.4, "state": {"skipped": false, "job": "scripts_txt2img",
            "job_count": 2, "job_timestamp": "20250601120000", "job_no": 0, "sampling_step": 13, "sampling_steps": 20},
            "current_image": null, "textinfo": null}"#;
        let answer: Answer = serde_json::from_str(text).expect("parses");
        let expected =
            State { job: "scripts_txt2img".into(), job_timestamp: "20250601120000".into(), ..busy(0, 2, 13) };
        assert_eq!(answer.state, expected);
        assert!(!answer.state.of_the_page());
    }

    #[test]
    fn a_job_waits_loads_samples_and_is_fetched() {
        let mut progress = Progress::default();
        assert_eq!(progress.news(Doing::Nothing, &State::default()), News::Waiting);
        assert_eq!(ours(&mut progress, busy(0, -1, 19)), News::Loading);
        assert_eq!(ours(&mut progress, busy(0, 1, 9)), sampling(45.0, "sampling 10/20"));
        assert_eq!(progress.news(Doing::Nothing, &State::default()), News::Fetching);
        assert_eq!(progress.news(Doing::Over, &busy(0, 1, 3)), News::Fetching);
    }

    #[test]
    fn the_work_of_somebody_else_is_told_as_that() {
        let mut progress = Progress::default();
        for doing in [Doing::Unknown, Doing::OthersFirst] {
            assert_eq!(progress.news(doing, &busy(0, 1, 9)), News::Foreign);
            assert_eq!(progress.news(doing, &busy(0, 1, 9)), News::Foreign, "for as long as it takes");
        }
    }

    #[test]
    fn progress_runs_over_all_passes_and_never_back() {
        let mut progress = Progress::default();
        assert_eq!(ours(&mut progress, busy(1, 2, 10)), sampling(75.0, "pass 2/2, sampling 11/20"));
        assert_eq!(ours(&mut progress, busy(0, 2, 0)), sampling(75.0, "pass 1/2, sampling 1/20"));
        assert_eq!(ours(&mut progress, busy(1, 2, 20)), sampling(99.0, "pass 2/2, sampling 20/20"));
    }

    #[test]
    fn an_engine_that_hangs_makes_no_news_but_one_that_loads_does() {
        let mut progress = Progress::default();
        assert_eq!(ours(&mut progress, busy(0, -1, 0)), News::Loading);
        assert_eq!(ours(&mut progress, busy(0, -1, 0)), News::Loading);
        assert_ne!(ours(&mut progress, busy(0, 1, 4)), News::Nothing);
        assert_eq!(ours(&mut progress, busy(0, 1, 4)), News::Nothing);
    }

    #[test]
    fn an_engine_that_gets_on_and_forgets_whose_work_it_is_does_not_hang() {
        let mut progress = Progress::default();
        ours(&mut progress, busy(0, 1, 4));
        assert_eq!(progress.news(Doing::Unknown, &busy(0, 1, 5)), News::Alive);
        assert_eq!(progress.news(Doing::Unknown, &busy(0, 1, 5)), News::Nothing);
        assert_eq!(ours(&mut progress, busy(0, 1, 9)), sampling(45.0, "sampling 10/20"));
    }
}
