//! The queue and its devices, as clients see them.

use easel_core::{Accuracy, Device, Job, JobId, Pause, Standing, Viewer};
use easel_wire as wire;

use super::words::waiting_for;
use super::{Show, moment, seconds};

impl Show<'_> {
    /// The queue: what runs and is seen (each job in this shape), how many wait, on which devices.
    pub fn queue(&self, viewer: &Viewer, shape: impl Fn(&Self, &Job) -> wire::Job) -> wire::Queue {
        let state = self.state;
        let running = state.devices().filter_map(|device| state.job(device.occupant.as_ref()?.job));
        wire::Queue {
            paused: state.queue().stands().map(pause),
            disk_full: state.queue().full.as_ref().map(pause),
            length: state.queued(),
            pending: state.waiting().saturating_sub(state.queued()),
            processing: running.filter(|found| viewer.sees_job(found)).map(|found| shape(self, found)).collect(),
            devices: state.devices().map(|found| self.device(viewer, found)).collect(),
            mean_seconds: state.mean().map(seconds),
            estimates: accuracy(state.accuracy()),
            standing: state.standing().into_iter().map(standing).collect(),
        }
    }

    /// A device. Which job runs on it is told to those who see that job.
    pub fn device(&self, viewer: &Viewer, device: &Device) -> wire::Device {
        let state = self.state;
        let backend = device.occupant.as_ref().or(device.dirty.as_ref()).map(|occupant| occupant.backend.clone());
        let job = device.occupant.as_ref().map(|occupant| occupant.job);
        let seen = |id: &JobId| match state.job(*id) {
            Some(job) => viewer.sees_job(job),
            None => *viewer == Viewer::Everything,
        };
        wire::Device {
            name: device.name.clone(),
            busy: device.occupant.is_some(),
            dirty: device.occupant.is_none() && device.dirty.is_some(),
            paused: device.paused.as_ref().map(pause),
            backend,
            job: job.filter(seen).map(|id| id.0),
            since: device.occupant.as_ref().map(|occupant| moment(occupant.since)),
            length: state.length(&device.name),
            memory: self.hub.memory(&device.name),
        }
    }
}

pub(super) fn pause(pause: &Pause) -> wire::Pause {
    wire::Pause { reason: pause.reason.clone(), by: pause.by.clone(), since: moment(pause.since), unload: pause.unload }
}

/// A line that does not move, and why.
fn standing(line: Standing) -> wire::Standing {
    wire::Standing {
        backend: line.backend,
        jobs: line.jobs as u64,
        waiting_for: waiting_for(line.reason),
        waiting_detail: line.detail,
    }
}

/// How far off it was when people were told when their jobs would end; none as long as nobody was told.
pub fn accuracy(accuracy: Accuracy) -> Option<wire::Accuracy> {
    let (off, lasted) = accuracy.means()?;
    let (mean_error_seconds, mean_seconds) = (seconds(off), seconds(lasted));
    Some(wire::Accuracy { jobs: accuracy.forecasts, mean_error_seconds, mean_seconds })
}

#[cfg(test)]
mod tests {
    use easel_core::command::NewJob;
    use easel_core::decide::Limits;
    use easel_core::policy::Backoff;
    use easel_core::state::Binding;
    use easel_core::{Actor, Cold, Command, Draft, Json, Party, Retention, State, decide};
    use uuid::Uuid;

    use super::*;
    use crate::config::Web;
    use crate::events::Hub;
    use crate::show::Links;

    #[test]
    fn others_learn_that_a_device_is_busy_and_not_with_what() {
        let binding = Binding::component(["gpu0"], "", Backoff { base: 1, max: 1 });
        let device = Device { name: "gpu0".into(), ..Device::default() };
        let state = State::new(0, 0, vec![device], vec![("stub".into(), binding)]);
        let limits = Limits {
            max_waiting: 9,
            max_waiting_per_owner: 9,
            priority_worth: 1,
            slice: 9,
            retention: Retention::EVERYTHING,
        };
        let mut draft = Draft::new(state, Cold::default());
        let new = NewJob::new(JobId(Uuid::nil()), "stub".into(), Party::of("ann"), Json::null());
        let turn = Command::Turn { device: "gpu0".into(), finished: None, claim: true };
        decide(&mut draft, &Actor::local(), Command::Submit(Box::new(new)), limits, 1).unwrap();
        decide(&mut draft, &Actor::host("easel"), turn, limits, 2).unwrap();

        let (hub, links) = (Hub::new("L".into(), 0), Links::new(&Web::default()));
        let show = Show { state: &draft.state, hub: &hub, links: &links };
        for (viewer, sees) in [
            (Viewer::Everything, true),
            (Viewer::Party(Party::of("ann")), true),
            (Viewer::Party(Party::of("ben")), false),
        ] {
            let queue = show.queue(&viewer, Show::job);
            assert_eq!(queue.processing.len(), usize::from(sees), "{viewer:?}");
            let [device] = queue.devices.as_slice() else { panic!("{queue:?}") };
            assert_eq!((device.busy, device.job.is_some()), (true, sees), "{viewer:?}");
        }
    }
}
