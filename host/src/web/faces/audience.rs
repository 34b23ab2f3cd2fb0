//! Who waits for which job with an open request. A job for which nobody has waited for a while is cancelled: its pictures would reach
//! nobody.
//!
//! A job says of itself which request it is from (its `metadata` has `easel_face` and `easel_request`, names that no client has by chance), so that the same request sent again finds it, also
//! after a restart. The while is long enough for a client whose connection broke to ask again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use easel_core::{Actor, Command, Job, JobId, Json, Party, Refusal};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::scheduler::{Rejected, Scheduler};
use crate::store::{JobFilter, StoreError};

/// How long a job may be without anybody who waits for it. Clients ask again after eight seconds at the most.
const GRACE: Duration = Duration::from_secs(15);
/// The same after a start: the host was away, and clients take longer.
const GRACE_AT_START: Duration = Duration::from_secs(60);
/// Among how many of its newest jobs a party's request is looked for.
const NEWEST: usize = 100;

/// All who wait.
pub(in crate::web) struct Audience {
    scheduler: Scheduler,
    waiting: Mutex<HashMap<JobId, usize>>,
}

/// Somebody who waits for a job, until this is dropped.
pub(super) struct Seat {
    audience: Arc<Audience>,
    pub(super) job: JobId,
}

/// What a job that came from a request is marked with.
pub(super) fn mark(face: &str, request: &str) -> Json {
    Json::of(&json!({ "easel_face": face, "easel_request": request }))
}

fn is_marked(job: &Job, face: &str, request: Option<&str>) -> bool {
    // A start asks this of all jobs that wait, and hardly any has the mark.
    if !job.metadata.text().contains("\"easel_face\"") {
        return false;
    }
    let marks = job.metadata.value();
    let is = |name, expected: &str| marks.get(name).and_then(Value::as_str) == Some(expected);
    is("easel_face", face) && request.is_none_or(|request| is("easel_request", request))
}

impl Audience {
    /// Nobody yet. The jobs of `face` for which somebody waited before this start are given time to be asked for again.
    pub(in crate::web) fn new(scheduler: Scheduler, faces: &[&str]) -> Arc<Self> {
        let audience = Arc::new(Self { scheduler, waiting: Mutex::default() });
        let state = audience.scheduler.state();
        let left = state.jobs().filter(|job| faces.iter().any(|face| is_marked(job, face, None)));
        for job in left {
            tokio::spawn(watch(Arc::downgrade(&audience), job.id, GRACE_AT_START));
        }
        audience
    }

    /// A place for somebody who waits for this job.
    pub(super) fn join(self: &Arc<Self>, job: JobId) -> Seat {
        *self.waiting().entry(job).or_default() += 1;
        Seat { audience: self.clone(), job }
    }

    /// The newest job of a party that this request made before, if it is among the last that it asked for.
    pub(super) async fn made_before(
        &self,
        actor: &Actor,
        party: &Party,
        face: &str,
        request: &str,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        let filter = JobFilter { viewer: actor.viewer(), owner: vec![party.owner.clone()], ..JobFilter::default() };
        let (newest, _) = self.scheduler.jobs(&filter, None, NEWEST).await?;
        let theirs = |job: &Job| job.party() == *party && is_marked(job, face, Some(request));
        Ok(newest.into_iter().find(theirs).map(Arc::new))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<JobId, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self, job: JobId) -> bool {
        self.waiting().contains_key(&job)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut waiting = self.audience.waiting();
        let left = waiting.get_mut(&self.job).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            waiting.remove(&self.job);
            drop(waiting);
            // An ended job needs nobody.
            if self.audience.scheduler.state().job(self.job).is_some() {
                tokio::spawn(watch(Arc::downgrade(&self.audience), self.job, GRACE));
            }
        }
    }
}

/// Cancels a job if nobody waits for it after a while.
async fn watch(audience: Weak<Audience>, job: JobId, grace: Duration) {
    sleep(grace).await;
    let Some(audience) = audience.upgrade() else { return };
    if audience.waits(job) || audience.scheduler.state().job(job).is_none() {
        return;
    }
    tracing::info!(%job, "cancelled, since nobody waits for it any more");
    match audience.scheduler.send(Command::Cancel { job }).await {
        // It ended in the same moment, or will be looked at by the next start.
        Ok(_) | Err(Rejected::Closing | Rejected::Refused(Refusal::Unfit { .. } | Refusal::NoJob(_))) => {}
        Err(error) => tracing::warn!(%job, "cannot cancel a job for which nobody waits: {error}"),
    }
}
