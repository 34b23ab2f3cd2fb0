//! One look at what the engine is doing.

use crate::http::{Answer, Api};
use crate::problem::{Kind, Problem, Wire};
use crate::progress::{self, State};
use crate::trace::Task;
use serde::de::DeserializeOwned;
use serde_json::json;

/// What there was to see.
pub enum Look {
    /// The engine does not tell what it is doing.
    Never,
    /// It did not say this time.
    NotNow(Unseen),
    /// It says this.
    Seen(Seen),
}

/// Why there was nothing to see.
pub enum Unseen {
    /// No answer.
    Wire(Wire),
    /// Another answer.
    Said(Problem),
}

impl Unseen {
    /// Whether the engine was not even reached.
    pub fn away(&self) -> bool {
        matches!(self, Self::Wire(wire) if !wire.may_have_begun())
    }

    /// Whether the engine failed at telling, and not at its work or at its door.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Said(problem) if problem.kind == Kind::Failed)
    }

    /// What it means, if it stays so.
    pub fn problem(self, api: &Api) -> Problem {
        match self {
            Self::Wire(wire) => api.problem(&wire),
            Self::Said(problem) => problem,
        }
    }
}

/// What the engine says.
pub struct Seen {
    /// What it is doing, for whomever.
    pub state: State,
    /// What it knows of our task. None: it takes no task ids, or was not asked.
    pub task: Option<Task>,
    /// The picture so far.
    pub image: Option<String>,
}

/// Looks; at a task as well, if one is named.
pub async fn look(api: &Api, task: Option<&str>, with_image: bool) -> Look {
    let task = match task {
        Some(task) => match ask(api, task).await {
            Ok(task) => task,
            // Without it a stranger's work could be taken for ours.
            Err(failed) => return Look::NotNow(failed),
        },
        None => None,
    };
    let route = format!("progress?skip_current_image={}", !with_image);
    let answer: progress::Answer = match api.get(&route).await {
        Err(wire) => return Look::NotNow(Unseen::Wire(wire)),
        Ok(answer) if answer.missing() => return Look::Never,
        Ok(answer) => match read(&answer) {
            Ok(answer) => answer,
            Err(unseen) => return Look::NotNow(unseen),
        },
    };
    Look::Seen(Seen { state: answer.state, task, image: answer.current_image })
}

/// What the engine knows of a task. It has this route when it has a web page.
async fn ask(api: &Api, task: &str) -> Result<Option<Task>, Unseen> {
    let body = json!({ "id_task": task, "id_live_preview": -1, "live_preview": false }).to_string();
    let answer = api.ask("/internal/progress", &body).await.map_err(Unseen::Wire)?;
    // Whatever else it answers, it tells nothing.
    Ok(read(&answer).ok())
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Unseen> {
    if !answer.ok() {
        return Err(Unseen::Said(answer.problem()));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        Unseen::Said(Problem::new(Kind::Unavailable, format!("the engine does not say what it is doing: {error}")))
    })
}

/// Interrupts whatever runs: only for when that is ours. False: this engine cannot.
pub async fn interrupt(api: &Api) -> Result<bool, Wire> {
    let answer = api.ask("interrupt", "{}").await?;
    Ok(!answer.missing())
}
