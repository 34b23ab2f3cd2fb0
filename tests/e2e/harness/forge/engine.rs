//! The inside of the simulated Forge: one lock, and everything that is global to it.

use super::lists::{BLACK, IMAGE, MODELS, PARTIAL, SAMPLERS};
use serde_json::{Value, json};
use std::time::Duration;

/// What a test may change about the engine while it runs.
pub struct Habits {
    /// How long one sampling step takes.
    pub step: Duration,
    /// Easel's generations stop before their last step until this is false again, or they are interrupted.
    pub hold: bool,
    /// The same for everybody else's.
    pub hold_others: bool,
    /// Generations that were interrupted are decoded until this is false again.
    pub hold_end: bool,
    /// Models load until this is false again, whoever interrupts.
    pub hold_load: bool,
    /// An unload is answered only when this is false again.
    pub hold_unload: bool,
    /// Whatever Easel's generations come to is answered only when this is false again; the GPU is free before.
    pub hold_answers: bool,
    /// Somebody else's request arrives just before each of Easel's.
    pub cut_in: bool,
    /// Easel's connection breaks while its request runs; the engine goes on.
    pub lose_answers: bool,
    /// Generations answer with this status and body instead.
    pub failure: Option<(u16, Value)>,
    /// There is a web page: the engine knows about task ids.
    pub web_ui: bool,
    /// As stable-diffusion.cpp: no progress, no interrupt, an empty `info`, nulls are errors, `n_iter` means nothing.
    pub mute: bool,
    /// Progress says that it is idle, whatever it does.
    pub always_idle: bool,
    /// Both routes that tell how far it is answer this instead.
    pub veil: Option<Veil>,
    /// As koboldcpp: nobody may wait in line.
    pub busy_is_503: bool,
    /// As SD.Next: an interrupt answers 204.
    pub interrupt_is_204: bool,
    /// `/progress` is not there (404).
    pub no_progress: bool,
    /// `"info": ""`, as other servers send it.
    pub empty_info: bool,
    /// A grid comes before the images.
    pub grid: bool,
    /// Pictures are black.
    pub black: bool,
    /// Whatever checkpoint is asked for, the loaded model makes the picture.
    pub stubborn: bool,
    /// `Basic …`, if the API wants a login.
    pub login: Option<&'static str>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            step: Duration::ZERO,
            hold: false,
            hold_others: false,
            hold_end: false,
            hold_load: false,
            hold_unload: false,
            hold_answers: false,
            cut_in: false,
            lose_answers: false,
            failure: None,
            web_ui: true,
            mute: false,
            always_idle: false,
            veil: None,
            busy_is_503: false,
            interrupt_is_204: false,
            no_progress: false,
            empty_info: false,
            grid: false,
            black: false,
            stubborn: false,
            login: None,
        }
    }
}

/// What an engine answers that cannot say how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Veil {
    Status(u16),
    /// 200 and this.
    Text(&'static str),
    /// Nothing, for as long as the connection lasts.
    Silence,
}

/// Whose a generation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A job of Easel's.
    Easels,
    /// A picture of next to nothing, with which Easel asks an engine that has no progress whether it is free.
    Question,
    /// Somebody else's.
    Others,
}

/// How a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    Partial,
    /// Interrupted while the model was loaded.
    Nothing,
}

/// The generation that has the lock.
pub struct Running {
    pub whose: Whose,
    pub task: String,
    pub job: String,
    pub loading: bool,
    pub step: u64,
    pub steps: u64,
    pub passes: u64,
}

/// Everything that is global to it.
#[derive(Default)]
pub struct Engine {
    pub habits: Habits,
    /// Bodies of Easel's jobs, with their route.
    pub requests: Vec<(String, Value)>,
    pub calls: Vec<String>,
    /// Easel's jobs that are here, in line or at work.
    pub in_flight: usize,
    pub max_concurrent: usize,
    pub waiting: Vec<String>,
    pub running: Option<Running>,
    pub done: Vec<String>,
    /// What failed last: Forge calls it active until it begins with something else.
    pub raised: Option<String>,
    pub interrupted: bool,
    pub generations: u64,
    /// What had the GPU, in order, and how it ended.
    pub runs: Vec<(Whose, End)>,
    /// Interrupts that hit somebody else's work.
    pub others_interrupted: usize,
}

impl Engine {
    pub fn arrive(&mut self, whose: Whose, route: &str, wanted: &Value) {
        if whose == Whose::Easels {
            self.requests.push((route.to_owned(), wanted.clone()));
            self.in_flight += 1;
            self.max_concurrent = self.max_concurrent.max(self.in_flight);
        }
        self.waiting.push(task(wanted));
    }

    pub fn begin(&mut self, whose: Whose, route: &str, wanted: &Value) {
        let number = |field: &str, default| wanted[field].as_u64().unwrap_or(default);
        let task = task(wanted);
        self.waiting.retain(|waiting| *waiting != task);
        let page = self.habits.web_ui && whose == Whose::Others;
        let job = if page { task.clone() } else { format!("scripts_{route}") };
        self.running = Some(Running {
            whose,
            task,
            job,
            loading: true,
            step: 0,
            steps: number("steps", 50),
            passes: number("n_iter", 1),
        });
        self.interrupted = false;
        self.raised = None;
        self.generations += 1;
    }

    pub fn end(&mut self, whose: Whose, end: End) {
        if let Some(running) = self.running.take() {
            let raises = self.habits.failure.as_ref().is_some_and(|(status, _)| *status == 500);
            if raises {
                self.raised = Some(running.task);
            } else {
                self.done.push(running.task);
            }
        }
        self.runs.push((whose, end));
    }

    pub fn interrupt(&mut self) {
        self.interrupted = true;
        if self.running.as_ref().is_some_and(|running| running.whose == Whose::Others) {
            self.others_interrupted += 1;
        }
    }

    /// What `/progress` says.
    pub fn progress(&self, with_image: bool) -> Value {
        let running = self.running.as_ref().filter(|_| !self.habits.always_idle);
        let count =
            running.map_or(0, |running| if running.loading { -1 } else { i64::try_from(running.passes).expect("few") });
        let (step, steps) = running.map_or((0, 0), |running| (running.step, running.steps));
        let state = json!({
            "skipped": false, "interrupted": self.interrupted, "stopping_generation": false,
            "job": running.map_or("", |running| &running.job), "job_count": count,
            "job_timestamp": format!("20250101{:06}", if self.habits.always_idle { 0 } else { self.generations }),
            "job_no": step.checked_div(steps).unwrap_or(0), "sampling_step": step.checked_rem(steps).unwrap_or(0),
            "sampling_steps": if count == -1 { 20 } else { steps },
        });
        let image = (with_image && count > 0).then_some(IMAGE);
        json!({"progress": 0.01, "eta_relative": 0.0, "state": state, "current_image": image, "textinfo": null})
    }

    /// What `/internal/progress` says of a task.
    pub fn task_progress(&self, task: &str) -> Value {
        let is = |known: &String| known == task;
        let runs = self.running.as_ref().is_some_and(|running| is(&running.task));
        let active = runs || self.raised.as_ref().is_some_and(is);
        let (queued, completed) = (self.waiting.iter().any(is), self.done.iter().any(is));
        json!({"active": active, "queued": queued, "completed": completed, "progress": null, "eta": null,
               "live_preview": null, "id_live_preview": -1, "textinfo": null})
    }

    /// The answer to a generation. What it does not know it drops without a word.
    pub fn answer(&self, wanted: &Value, end: End) -> (u16, Value) {
        if let Some(failure) = self.habits.failure.clone() {
            return failure;
        }
        let batches = if self.habits.mute { 1 } else { wanted["n_iter"].as_u64().unwrap_or(1) };
        let count = wanted["batch_size"].as_u64().unwrap_or(1) * batches;
        let seed = wanted["seed"].as_u64().unwrap_or(1);
        let asked = wanted["override_settings"]["sd_model_checkpoint"].as_str().unwrap_or(MODELS[0]);
        let known = MODELS.iter().find(|title| **title == asked && !self.habits.stubborn);
        let model = known.unwrap_or(&MODELS[0]).split(".safetensors").next();
        let sampler = SAMPLERS.iter().find(|name| wanted["sampler_name"] == **name).unwrap_or(&SAMPLERS[0]);
        let info = json!({
            "prompt": wanted["prompt"], "seed": seed, "all_seeds": (seed..seed + count).collect::<Vec<_>>(),
            "index_of_first_image": u8::from(self.habits.grid), "width": 16, "height": 16, "steps": wanted["steps"],
            "infotexts": [], "sampler_name": sampler, "cfg_scale": 7.0, "sd_model_name": model, "version": "f2.0.1",
        });
        let silent = self.habits.empty_info || self.habits.mute;
        let info = if silent { String::new() } else { info.to_string() };
        let image = match end {
            End::Whole if self.habits.black => BLACK,
            End::Whole => IMAGE,
            End::Partial => PARTIAL,
            End::Nothing => return (200, json!({"images": [], "parameters": wanted, "info": info})),
        };
        let mut images = vec![image; usize::try_from(count).expect("a count")];
        if self.habits.grid {
            images.insert(0, PARTIAL);
        }
        (200, json!({"images": images, "parameters": wanted, "info": info}))
    }
}

/// The id under which a request is known here.
fn task(wanted: &Value) -> String {
    wanted["force_task_id"].as_str().unwrap_or("task(nameless)").to_owned()
}
