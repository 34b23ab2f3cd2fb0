//! The queue and its devices, as clients see them.

use easel_core::{Accuracy, Device, Job, Pause, Standing, State};
use easel_wire as wire;

use super::words::waiting_for;
use super::{Show, moment, seconds};

impl Show<'_> {
    /// The queue: what runs (each job in this shape), what waits, on which devices.
    pub fn queue(&self, shape: impl Fn(&Self, &Job) -> wire::Job) -> wire::Queue {
        let state = self.state;
        let running = state.devices().filter_map(|device| state.job(device.live.as_ref()?.job));
        wire::Queue {
            paused: state.queue().stands().map(pause),
            disk_full: state.queue().full.as_ref().map(pause),
            length: state.queued(),
            processing: running.map(|found| shape(self, found)).collect(),
            devices: state.devices().map(|found| device(found, state)).collect(),
            mean_seconds: state.mean().map(seconds),
            estimates: accuracy(state.accuracy()),
            standing: state.standing().into_iter().map(standing).collect(),
        }
    }

    /// A device.
    pub fn device(&self, found: &Device) -> wire::Device {
        device(found, self.state)
    }
}

fn device(device: &Device, state: &State) -> wire::Device {
    let backend = device.live.as_ref().or(device.dirty.as_ref()).map(|occupant| occupant.backend.clone());
    wire::Device {
        name: device.name.clone(),
        busy: device.live.is_some(),
        dirty: device.live.is_none() && device.dirty.is_some(),
        paused: device.paused.as_ref().map(pause),
        backend,
        job: device.live.as_ref().map(|occupant| occupant.job.0),
        since: device.live.as_ref().map(|occupant| moment(occupant.since)),
        length: state.length(&device.name),
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
