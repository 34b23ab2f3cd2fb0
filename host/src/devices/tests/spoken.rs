//! A port as a connection would have it: each value is written and read again on its way.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

/// Says everything to another port, as JSON, and its answers likewise.
pub struct Spoken<P>(pub P);

/// The value, written and read again.
fn spoken<T: Serialize + DeserializeOwned>(value: T) -> T {
    serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap()
}

#[async_trait]
impl<P: Port> Port for Spoken<P> {
    async fn standing(&self) -> Result<Standing, PortError> {
        spoken(self.0.standing().await)
    }

    async fn other_standing(&self, known: &Standing) -> Result<Standing, PortError> {
        spoken(self.0.other_standing(&spoken(known.clone())).await)
    }

    async fn turn(&self, ended: Option<&Ended>, claim: bool) -> Result<Option<Assignment>, PortError> {
        spoken(self.0.turn(spoken(ended.cloned()).as_ref(), spoken(claim)).await)
    }

    async fn cancelled(&self, job: JobId) {
        self.0.cancelled(spoken(job)).await;
    }

    async fn prepare(&self, run: Run, quota: u64) -> Inputs {
        spoken(self.0.prepare(spoken(run), spoken(quota)).await)
    }

    async fn read_input(&self, run: Run, input: &str, offset: u64, max: u64) -> Result<Vec<u8>, String> {
        spoken(self.0.read_input(spoken(run), &spoken(input.to_owned()), spoken(offset), spoken(max)).await)
    }

    async fn begin_file(&self, run: Run, name: &str, mime: &str) -> Result<u32, WriteError> {
        spoken(self.0.begin_file(spoken(run), &spoken(name.to_owned()), &spoken(mime.to_owned())).await)
    }

    async fn write_file(&self, run: Run, file: u32, chunk: Vec<u8>) -> Result<(), WriteError> {
        spoken(self.0.write_file(spoken(run), spoken(file), spoken(chunk)).await)
    }

    async fn finish_file(&self, run: Run, file: u32) -> Result<(), WriteError> {
        spoken(self.0.finish_file(spoken(run), spoken(file)).await)
    }

    fn discard_file(&self, run: Run, file: u32) {
        self.0.discard_file(spoken(run), spoken(file));
    }

    async fn files(&self, run: Run) -> Result<Vec<Artifact>, PortError> {
        spoken(self.0.files(spoken(run)).await)
    }

    async fn say(&self, run: Run, said: Said) {
        self.0.say(spoken(run), spoken(said)).await;
    }

    async fn memory_is_held(&self, by: Vec<String>) {
        self.0.memory_is_held(spoken(by)).await;
    }

    async fn remember(&self, run: Run, note: String) -> Result<(), PortError> {
        spoken(self.0.remember(spoken(run), spoken(note)).await)
    }

    async fn settled(&self, run: Run) -> Result<(), PortError> {
        spoken(self.0.settled(spoken(run)).await)
    }

    async fn lend(&self, lease: &Job, warning: Option<String>) -> Option<Report> {
        spoken(self.0.lend(&spoken(lease.clone()), spoken(warning)).await)
    }

    async fn promise(&self, lease: JobId) -> Result<Duration, PortError> {
        spoken(self.0.promise(spoken(lease)).await)
    }
}
