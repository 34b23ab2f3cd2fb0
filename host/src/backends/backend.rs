//! A backend as this host has it: a component under a name, with all that it is granted on one of its devices.

use std::fmt;
use std::time::Duration;

use easel_core::Json;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::sandbox::{
    Description, Ended, EngineInfo, Failure, FailureKind, Guest, Inputs, Kill, Lost, News, ParamsError, Quote, Schema,
    Task,
};

/// A component under a name, with all that it is granted on one of its devices.
pub struct Backend {
    /// The operator's name for it.
    pub name: String,
    /// The device.
    pub device: String,
    /// `sha256:HEX` of the component.
    pub digest: String,
    /// What the component says about itself.
    pub description: Description,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long an attempt may go without news.
    pub stall: Duration,
    /// How many bytes of artifacts one attempt may write.
    pub artifact_quota: u64,
    /// How long it may hold memory of an idle device.
    pub idle_release: Option<Duration>,
    /// Whether it may hold memory while others run on its device.
    pub keep_memory: bool,
    pub(super) allow_hosts: Vec<String>,
    pub(super) params: Schema,
    pub(super) inputs: Inputs,
    pub(super) guest: Guest,
}

impl Backend {
    /// The params as the component gets them, if they are valid for its schema: with its defaults, and with integers written
    /// as such.
    pub fn check_params(&self, params: Value) -> Result<Value, ParamsError> {
        self.params.complete(params, "params", Quote::Values)
    }

    /// Whether a job may have inputs of these names.
    pub fn check_inputs<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), ParamsError> {
        self.inputs.check(&self.name, names)
    }

    /// The names of the inputs that a job may have; none if the component does not say.
    pub fn inputs(&self) -> Option<&[String]> {
        self.inputs.names()
    }

    /// Runs one attempt in a fresh store, with params and inputs that it accepts: a job may have come while the component could not
    /// be loaded, or while it was another one. Returns in any case, at the task's deadline at the latest; artifacts that
    /// are unfinished then are gone. Use the task's `Kill` rather than dropping this future: that stops the guest too,
    /// but up to a tick of the epoch later.
    pub async fn run(&self, task: Task) -> Ended {
        let inputs = self.check_inputs(task.job.inputs.iter().map(|input| input.name.as_str()));
        match inputs.and_then(|()| self.check_params(task.job.params.value())) {
            Ok(params) => self.guest.run(task, Json::of(&params)).await,
            Err(error) => {
                Ended::Failed(Failure { kind: FailureKind::Invalid, message: error.to_string(), retry_after: None })
            }
        }
    }

    /// Asks whether the engine is there. Up to 20 seconds; then it is unavailable.
    pub async fn probe(&self) -> Result<EngineInfo, Ended> {
        self.guest.probe().await
    }

    /// Lets the component bring its device to idle. Up to a minute, or `timeout` if that is less; then it is killed.
    pub async fn settle(&self, lost: Option<Lost>, kill: Kill, news: mpsc::Sender<News>) -> Result<(), Ended> {
        self.guest.settle(lost, kill, news).await
    }

    /// Lets the component free its device's memory. Ends as `settle` does.
    pub async fn unload(&self) -> Result<(), Ended> {
        self.guest.unload().await
    }

    /// Whether this is `other` under another name: the same component, set up in the same way, speaks to the same engine.
    pub fn is_same_engine(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.guest.config, &other.guest.config);
        self.digest == other.digest && ours == theirs && self.allow_hosts == other.allow_hosts
    }

    /// All the network that it gets.
    pub fn allow_hosts(&self) -> &[String] {
        &self.allow_hosts
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The guest holds secrets, and the rest is long.
        f.debug_struct("Backend").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}
