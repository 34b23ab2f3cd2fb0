//! How far the engine is, and whether it is at our job at all.
//!
//! An engine tells the progress of whatever it is doing, for whomever. So nothing is taken for ours before the engine was
//! seen idle after we looked first, and then at work with a new timestamp. Where somebody else uses the engine and we
//! cannot tell, we say that we wait: rather no progress than another's.

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
}

impl State {
    /// Whether nothing is going on.
    pub fn idle(&self) -> bool {
        self.job_count == 0
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// It is not at our job, or we cannot tell.
    Waiting,
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
    /// The same as last time. Not told, so that an engine that hangs is found out.
    Nothing,
}

/// Follows one job.
#[derive(Debug)]
pub struct Watch {
    /// The timestamp when the engine was last seen idle; none: it has not been.
    idle_since: Option<String>,
    ours: bool,
    best: f32,
    last: Option<State>,
}

impl Watch {
    /// Begins before the request is sent, with what the engine says then. None: it did not say.
    pub fn new(before: Option<&State>) -> Self {
        Self {
            idle_since: before.filter(|state| state.idle()).map(|state| state.job_timestamp.clone()),
            ours: false,
            best: 0.0,
            last: None,
        }
    }

    /// Whether the engine is at our job, so that its picture is ours.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// What the engine says now.
    pub fn see(&mut self, state: &State) -> News {
        if state.idle() {
            if self.ours {
                return News::Fetching;
            }
            self.idle_since = Some(state.job_timestamp.clone());
            return News::Waiting;
        }
        self.ours = self.ours || self.idle_since.as_ref().is_some_and(|then| *then != state.job_timestamp);
        if !self.ours {
            return News::Waiting;
        }
        let same = self.last.as_ref() == Some(state);
        self.last = Some(state.clone());
        if state.job_count < 0 {
            return News::Loading;
        }
        if same {
            return News::Nothing;
        }
        self.best = self.best.max(percent(state));
        News::Sampling { percent: self.best, stage: stage(state) }
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
    let sampling = format!("sampling {}/{steps}", (state.sampling_step + 1).clamp(1, steps));
    if state.job_count > 1 {
        let pass = (state.job_no + 1).clamp(1, state.job_count);
        format!("pass {pass}/{}, {sampling}", state.job_count)
    } else {
        sampling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(timestamp: &str) -> State {
        State { job_timestamp: timestamp.into(), ..State::default() }
    }

    fn busy(timestamp: &str, job_no: i64, job_count: i64, step: i64) -> State {
        State { job_count, job_no, job_timestamp: timestamp.into(), sampling_step: step, sampling_steps: 20 }
    }

    fn sampling(percent: f32, stage: &str) -> News {
        News::Sampling { percent, stage: stage.into() }
    }

    #[test]
    fn an_answer_of_the_engine_is_read() {
        let text = r#"{"progress": 0.335, "eta_relative": 3.4, "state": {"skipped": false, "job": "scripts_txt2img",
            "job_count": 2, "job_timestamp": "20250601120000", "job_no": 0, "sampling_step": 13, "sampling_steps": 20},
            "current_image": null, "textinfo": null}"#;
        let answer: Answer = serde_json::from_str(text).expect("parses");
        assert_eq!(answer.state, busy("20250601120000", 0, 2, 13));
    }

    #[test]
    fn a_job_is_ours_after_idle_and_a_new_timestamp() {
        let mut watch = Watch::new(Some(&idle("1")));
        assert_eq!(watch.see(&idle("1")), News::Waiting);
        assert_eq!(watch.see(&busy("2", 0, -1, 19)), News::Loading);
        assert_eq!(watch.see(&busy("2", 0, 1, 9)), sampling(45.0, "sampling 10/20"));
        assert!(watch.is_ours());
        assert_eq!(watch.see(&idle("2")), News::Fetching);
    }

    #[test]
    fn the_job_of_somebody_else_is_not_ours() {
        let mut watch = Watch::new(Some(&busy("1", 0, 1, 3)));
        assert_eq!(watch.see(&busy("1", 0, 1, 9)), News::Waiting);
        assert_eq!(watch.see(&busy("2", 0, 1, 1)), News::Waiting, "it may be a third one's");
        assert_eq!(watch.see(&idle("2")), News::Waiting);
        assert_eq!(watch.see(&busy("3", 0, 1, 5)), sampling(25.0, "sampling 6/20"));
    }

    #[test]
    fn an_old_timestamp_is_an_old_job() {
        let mut watch = Watch::new(Some(&idle("1")));
        assert_eq!(watch.see(&busy("1", 0, 1, 5)), News::Waiting);
    }

    #[test]
    fn progress_runs_over_all_passes_and_never_back() {
        let mut watch = Watch::new(Some(&idle("1")));
        assert_eq!(watch.see(&busy("2", 1, 2, 10)), sampling(75.0, "pass 2/2, sampling 11/20"));
        assert_eq!(watch.see(&busy("2", 0, 2, 0)), sampling(75.0, "pass 1/2, sampling 1/20"));
        assert_eq!(watch.see(&busy("2", 1, 2, 20)), sampling(99.0, "pass 2/2, sampling 20/20"));
    }

    #[test]
    fn an_engine_that_hangs_makes_no_news_but_one_that_loads_does() {
        let mut watch = Watch::new(Some(&idle("1")));
        assert_eq!(watch.see(&busy("2", 0, -1, 0)), News::Loading);
        assert_eq!(watch.see(&busy("2", 0, -1, 0)), News::Loading);
        assert_ne!(watch.see(&busy("2", 0, 1, 4)), News::Nothing);
        assert_eq!(watch.see(&busy("2", 0, 1, 4)), News::Nothing);
    }
}
