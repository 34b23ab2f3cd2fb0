//! A snapshot: what matches and has not ended, in line order; and jobs that a filter names, also when they have ended.

use std::sync::Arc;

use easel_core::{Job, JobId, State, Status, Viewer};
use easel_wire as wire;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::positions::LOOKED_AT;
use super::scope::{Filter, Follows, Scope};
use crate::events::Cursor;
use crate::scheduler::Scheduler;
use crate::show::{self, Show};
use crate::store::StoreError;
use crate::web::Host;

/// How many jobs a snapshot holds at the most.
const LIMIT: usize = 500;

/// The snapshot frame of `scope` as of `state`; `seq` is the event to go on from, which is never later than that.
pub(super) async fn frame(host: &Host, state: &State, scope: &Scope, seq: u64) -> Result<Utf8Bytes, StoreError> {
    let scheduler = &host.scheduler;
    let viewer = &scope.viewer;
    let (jobs, truncated) = match &scope.follows {
        Follows::Everything if *viewer == Viewer::Everything => everything(state),
        Follows::Everything => own(state, viewer),
        Follows::Only(filters) => {
            let mut jobs = Vec::new();
            for filter in filters {
                jobs.extend(named(scheduler, state, viewer, filter).await?);
            }
            in_line_order(state, jobs)
        }
    };
    let cursor = Cursor { log: scheduler.hub().log(), seq }.to_string();
    let scope = match &scope.follows {
        Follows::Everything => None,
        Follows::Only(filters) => Some(match Vec::from_iter(filters).as_slice() {
            [filter] => wire::Scope::One(filter.view()),
            filters => wire::Scope::Many(filters.iter().map(|filter| filter.view()).collect()),
        }),
    };
    let shown = host.show(state);
    let jobs = jobs.iter().map(|job| shown.job_without_params(job)).collect();
    let queue = shown.queue(viewer, Show::job_without_params);
    let frame = wire::Frame::Snapshot(Box::new(wire::Snapshot { scope, cursor, queue, jobs, truncated }));
    Ok(show::text(&frame).into())
}

/// The head of all lines: no more of them is looked at than a snapshot holds.
fn everything(state: &State) -> (Vec<Arc<Job>>, bool) {
    let running = state.devices().filter_map(|device| state.job(device.occupant.as_ref()?.job)).cloned();
    let mut jobs: Vec<Arc<Job>> = running.collect();
    for device in state.devices() {
        jobs.extend(state.line(&device.name, LIMIT));
    }
    let (mut jobs, cut) = in_line_order(state, jobs);
    if jobs.len() < LIMIT && !cut {
        // Whatever stands in no device's line (a backend that is configured no more, a job that waits for something else).
        let known: std::collections::HashSet<_> = jobs.iter().map(|job| job.id).collect();
        let room = LIMIT - jobs.len();
        if state.open_count() > jobs.len() {
            jobs.extend(state.jobs().filter(|job| !known.contains(&job.id)).take(room).cloned());
        }
    }
    let truncated = state.open_count() > jobs.len();
    (jobs, truncated)
}

/// What somebody sees who does not see all: the oldest of it.
fn own(state: &State, viewer: &Viewer) -> (Vec<Arc<Job>>, bool) {
    in_line_order(state, state.jobs().filter(|job| viewer.sees_job(job)).take(LOOKED_AT).cloned().collect())
}

async fn named(
    scheduler: &Scheduler,
    state: &State,
    viewer: &Viewer,
    filter: &Filter,
) -> Result<Vec<Arc<Job>>, StoreError> {
    let seen = |job: &&Arc<Job>| viewer.sees_job(job);
    Ok(match filter {
        Filter::Conversation(id) => state.jobs_of(id).filter(seen).take(LOOKED_AT).cloned().collect(),
        Filter::Job(id) => match state.job(*id) {
            Some(job) => Some(job).filter(seen).into_iter().cloned().collect(),
            None => scheduler.job(viewer, *id).await?.into_iter().filter(|job| job.status.ended()).collect(),
        },
        Filter::Batch(id) => {
            let mut jobs: Vec<Arc<Job>> = state.jobs_of_batch(*id).filter(seen).cloned().collect();
            let ids = scheduler.batch(viewer, *id).await?.unwrap_or_default();
            let ended: Vec<JobId> = ids.into_iter().filter(|id| state.job(*id).is_none()).collect();
            let ended = scheduler.jobs_by_id(viewer, &ended).await?.into_iter();
            // What has been retried since that state is told after the cursor.
            jobs.extend(ended.filter(|job| job.status.ended()).map(Arc::new));
            jobs
        }
    })
}

/// Running ones first, then by place, then the rest; each once, and no more than fit.
fn in_line_order(state: &State, mut jobs: Vec<Arc<Job>>) -> (Vec<Arc<Job>>, bool) {
    jobs.sort_by_key(|job| {
        let group = match job.status {
            Status::Processing => 0,
            Status::Queued => 1,
            Status::Pending => 2,
            Status::Complete | Status::Error | Status::Cancelled => 3,
        };
        (group, state.position(job), job.ticket)
    });
    jobs.dedup_by_key(|job| job.id);
    let truncated = jobs.len() > LIMIT;
    jobs.truncate(LIMIT);
    (jobs, truncated)
}

#[cfg(test)]
mod tests {
    use easel_core::command::NewJob;
    use easel_core::decide::Limits;
    use easel_core::policy::Backoff;
    use easel_core::state::Binding;
    use easel_core::{Actor, Cold, Command, Device, Draft, Json, Party, Retention, decide};
    use uuid::Uuid;

    use super::*;

    const LIMITS: Limits = Limits {
        max_waiting: 9,
        max_waiting_per_owner: 9,
        priority_worth: 1,
        slice: 9,
        retention: Retention::EVERYTHING,
    };

    #[test]
    fn who_does_not_see_all_is_shown_their_own_in_line_order() {
        let of = |user: &str| Party { owner: "shop".into(), user: Some(user.into()) };
        let binding = Binding::component(["gpu0"], "", Backoff { base: 1, max: 1 });
        let device = Device { name: "gpu0".into(), ..Device::default() };
        let mut state = State::new(0, 0, vec![device], vec![("stub".into(), binding)]);
        for (number, user) in [(3, "ann"), (2, "bob"), (1, "ann")] {
            let new = NewJob::new(JobId(Uuid::from_u128(number)), "stub".into(), of(user), Json::null());
            let mut draft = Draft::new(state, Cold::default());
            decide(&mut draft, &Actor::local(), Command::Submit(Box::new(new)), LIMITS, 1).unwrap();
            state = draft.state;
        }
        let seen = |viewer| own(&state, &viewer).0.iter().map(|job| job.id.0.as_u128()).collect::<Vec<_>>();

        assert_eq!(seen(Viewer::Party(of("ann"))), [3, 1]);
        assert_eq!(seen(Viewer::Party(of("eve"))), [0; 0]);
        assert_eq!(seen(Viewer::Owner("shop".into())).len(), 3);
    }
}
