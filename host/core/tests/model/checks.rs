//! What every reader of a state may rely on, compared with rows that are sorted on the spot.

use std::sync::Arc;

use easel_core::{Job, JobId, Progress, State, Timestamp};

use crate::common::{BACKENDS, DEVICES, batch_id};
use crate::naive::{Naive, party_of};

/// The state says of everything what the rows say.
pub fn the_state_agrees(state: &State, naive: &Naive) {
    assert_eq!((state.seq, state.ticket), (naive.rows.seq, naive.rows.ticket));
    assert_eq!(state.floor(), naive.rows.floor);
    assert!(state.devices().eq(naive.rows.devices.values()), "devices");
    let open = naive.open();
    assert_eq!(ids(state.jobs()), ids(&open), "jobs as they arrived");
    assert_eq!(state.open_count(), open.len());
    for job in naive.rows.jobs.values() {
        assert_eq!(state.job(job.id).map(|job| &**job), Some(job).filter(|job| !job.status.ended()));
        assert_eq!(state.has_dependents(job.id), !naive.dependents(job.id, 0).is_empty());
        assert_eq!(state.telling(job.id), naive.telling(job.id).is_some());
        assert_eq!(state.position(job), naive.position(job), "the place of {job:?}");
        assert_eq!(state.waiting_for(job).map(|waiting| waiting.reason.name()), naive.why(job), "{job:?}");
    }
    assert_eq!(state.queue(), &naive.rows.queue);
    assert_eq!((state.kept(), state.oldest_event()), (naive.kept(), naive.rows.oldest_event));
    assert!(state.intents().eq(naive.rows.intents.values()), "intents");
    assert_eq!(state.has_intents(), !naive.rows.intents.is_empty());
    for batch in 0..5 {
        let of_it = open.iter().filter(|job| job.batch_id == Some(batch_id(batch)));
        assert_eq!(ids(state.jobs_of_batch(batch_id(batch))), ids(of_it), "jobs of batch {batch}");
    }
    assert_eq!(state.next_due(), naive.dues().first().map(|(at, _)| *at));
    assert!(state.pools().eq(naive.pool_rows().values()), "{:?}", naive.pool_rows());
    for backend in BACKENDS {
        let on = |device: &&str| naive.suspended.get(&(backend.into(), (**device).into())).map(String::as_str);
        let devices = naive.binding(backend).map(|binding| &binding.devices);
        let reasons: Vec<_> = devices.into_iter().flatten().map(|device| on(&device.as_str())).collect();
        assert!(DEVICES.iter().all(|device| state.suspended_on(backend, device) == on(device)));
        let everywhere = reasons.first().copied().flatten().filter(|_| !reasons.contains(&None));
        assert_eq!(state.suspended(backend), everywhere, "{backend}");
    }
    assert_eq!(state.queued(), naive.queued().len() as u64);
    assert_eq!(state.waiting(), naive.waiting().len() as u64);
    for party in open.iter().map(|job| party_of(job)) {
        assert_eq!(
            state.waiting_of(&party),
            naive.waiting().iter().filter(|job| party_of(job) == party).count() as u64
        );
    }
    for conversation in ["c", "c0", "c1", "c10", "c2"] {
        let of_it = open.iter().filter(|job| job.conversation_id.as_deref() == Some(conversation));
        assert_eq!(ids(state.jobs_of(conversation)), ids(of_it), "jobs of {conversation}");
    }
    for device in DEVICES {
        the_line_agrees(state, device, naive);
    }
}

/// Whoever asks is told the same time.
pub fn the_estimates_agree(state: &State, naive: &Naive, now: Timestamp) {
    for job in naive.rows.jobs.values() {
        for percent in [None, Some(0), Some(30), Some(100)] {
            let progress = percent.map(|percent| Progress { percent, since: now - 5 });
            assert_eq!(state.estimate(job, now, &|_| progress), naive.estimate(job, now, progress), "{job:?}");
        }
    }
    for (backend, history) in &naive.rows.histories {
        assert_eq!(state.history(backend), Some(history));
    }
}

/// What one device can run, in order, and the line of its pool. Where all devices can run all, it is numbered from 1 without gap or
/// repeat.
fn the_line_agrees(state: &State, device: &str, naive: &Naive) {
    let line = &naive.line(device);
    assert_eq!(state.length(device), line.len() as u64);
    let open = |job: &&&Job| !naive.suspended_on(job, device);
    assert_eq!(state.head(device).map(|job| job.id), line.iter().find(open).map(|job| job.id));
    assert_eq!(ids(&state.line(device, usize::MAX)), ids(line));
    assert_eq!(ids(&state.line(device, 2)), ids(line.iter().take(2)));
    let (pool, devices) = (state.pool(device).unwrap(), naive.pool(device));
    let all = &naive.line_of(&devices);
    assert_eq!(state.parties(pool), naive.parties(&devices).len());
    assert_eq!((state.length_of(pool), ids(&state.line_of(pool, usize::MAX))), (all.len() as u64, ids(all)));
    assert_eq!(ids(&state.line_of(pool, 2)), ids(all.iter().take(2)));
    if all.iter().all(|job| naive.serving(job).iter().eq(&devices)) {
        let positions: Vec<u64> = all.iter().map(|job| state.position(job)).collect();
        assert_eq!(positions, (1..=all.len() as u64).collect::<Vec<_>>());
    }
}

fn ids<J: AsJob>(jobs: impl IntoIterator<Item = J>) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.id()).collect()
}

/// Jobs are suspended in several ways.
trait AsJob {
    fn id(&self) -> JobId;
}

impl AsJob for &Arc<Job> {
    fn id(&self) -> JobId {
        self.id
    }
}

impl AsJob for &&Job {
    fn id(&self) -> JobId {
        self.id
    }
}
