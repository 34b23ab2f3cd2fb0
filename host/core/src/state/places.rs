//! Where queued jobs stand: who is next on a device, at which place, beside whom.

use std::sync::Arc;

use super::lines::Line;
use super::{Place, State};
use crate::device::Device;
use crate::ids::{Party, Tag};
use crate::job::{Job, Status};
use crate::pool::Pool;
use crate::rank_set::Load;

/// A line as its pool sees it: its places are counted from the origin of the line, those asked for and given here by the clock
/// of the pool.
#[derive(Clone, Copy)]
pub(super) struct Lane<'a> {
    pub(super) backend: &'a str,
    line: &'a Line,
    origin: Tag,
}

impl Lane<'_> {
    /// How many jobs stand before a place, and how much they are.
    pub(super) fn load_before(&self, place: &Place) -> (usize, Load) {
        self.line.places().before(&self.inside(place))
    }

    /// A place of the pool, as this line counts.
    fn inside(&self, place: &Place) -> Place {
        place.shifted(-self.origin)
    }

    fn outside(&self, place: Option<&Place>) -> Option<Place> {
        place.map(|place| place.shifted(self.origin))
    }

    /// How many jobs stand before a place.
    fn before(&self, place: &Place) -> usize {
        self.line.places().rank(&self.inside(place))
    }
}

impl State {
    /// How many jobs are queued, for all devices together.
    pub fn queued(&self) -> u64 {
        self.lines.values().map(|line| line.places().len() as u64).sum()
    }

    /// How many queued jobs a device can run.
    pub fn length(&self, device: &str) -> u64 {
        self.lanes(device).map(|lane| lane.line.places().len() as u64).sum()
    }

    /// How many jobs are queued for the devices of a pool.
    pub fn length_of(&self, pool: &Pool) -> u64 {
        self.lanes_of(pool).map(|lane| lane.line.places().len() as u64).sum()
    }

    /// How many parties have jobs in the line of a pool, for backends that are not suspended.
    pub fn parties(&self, pool: &Pool) -> usize {
        self.crowds.of(pool.name())
    }

    /// The largest tag that a job of this party has in the line of a pool, by its clock.
    pub(crate) fn largest_tag(&self, pool: &Pool, party: &Party) -> Option<Tag> {
        self.lanes_of(pool).filter_map(|lane| Some(lane.line.largest_tag(party)? + lane.origin)).max()
    }

    /// The place of a job in line: from 1, or 0 if it is not queued. Of the jobs that its pool starts before it, only those count
    /// that it has to wait for: those before it on the device where they are fewest.
    pub fn position(&self, job: &Job) -> u64 {
        if job.status != Status::Queued {
            return 0;
        }
        let before = match self.nearest(job) {
            Some((_, before)) => before,
            None => self.lines.get(&job.backend).map_or(0, |line| line.places().rank(&Place::of(job))),
        };
        before as u64 + 1
    }

    /// The device where the fewest jobs stand before this one, and how many they are; none unless some device can run it.
    pub(super) fn nearest(&self, job: &Job) -> Option<(&Device, usize)> {
        let place = self.place(job);
        let before = |device: &Device| self.before(&job.backend, &device.name, &place);
        let serving = self.serving(&job.backend).into_iter();
        serving.map(|device| (device, before(device))).min_by_key(|(_, before)| *before)
    }

    /// The devices that run the jobs of a backend as things are: those that are not paused and where it is not suspended. If there
    /// are none, it is those that are paused, and if it is suspended on all, those where it is suspended.
    pub(super) fn serving(&self, backend: &str) -> Vec<&Device> {
        let best = self.devices_of(backend).map(|device| self.obstacles(backend, device)).min();
        self.devices_of(backend).filter(|device| Some(self.obstacles(backend, device)) == best).collect()
    }

    /// Whether a backend is suspended on a device, and whether the device is paused: what keeps it from claiming the backend's jobs.
    pub(super) fn obstacles(&self, backend: &str, device: &Device) -> (bool, bool) {
        (self.suspended_on(backend, &device.name).is_some(), device.paused.is_some())
    }

    /// How many jobs a device claims before this place, which is one of this backend. What is suspended comes last.
    fn before(&self, backend: &str, device: &str, place: &Place) -> usize {
        match self.suspended_on(backend, device) {
            None => self.open_lanes(device).map(|lane| lane.before(place)).sum(),
            Some(_) => {
                let open: usize = self.open_lanes(device).map(|lane| lane.line.places().len()).sum();
                open + self.suspended_lanes(device).map(|lane| lane.before(place)).sum::<usize>()
            }
        }
    }

    /// The first job in line that a device can claim once it is free and nothing is paused.
    pub fn head(&self, device: &str) -> Option<&Arc<Job>> {
        let firsts = self.open_lanes(device).filter_map(|lane| lane.outside(lane.line.places().first()));
        self.at(firsts.min()?.ticket)
    }

    /// The job that a device may claim now.
    pub fn claimable(&self, device: &str) -> Option<&Arc<Job>> {
        let open = |device: &&Device| device.free() && device.paused.is_none() && self.queue.stands().is_none();
        self.device(device).filter(open).and_then(|device| self.head(&device.name))
    }

    /// The first place in the line of a pool, leaving out `except`.
    pub(crate) fn first_place(&self, pool: &Pool, except: &Place) -> Option<Place> {
        self.lanes_of(pool).filter_map(|lane| lane.outside(lane.line.first(&lane.inside(except)))).min()
    }

    /// The last place in the line of a pool, leaving out `except`.
    pub(crate) fn last_place(&self, pool: &Pool, except: &Place) -> Option<Place> {
        self.lanes_of(pool).filter_map(|lane| lane.outside(lane.line.last(&lane.inside(except)))).max()
    }

    /// The place right before `place` in the line of a pool, leaving out `except`.
    pub(crate) fn place_before(&self, pool: &Pool, place: &Place, except: &Place) -> Option<Place> {
        let before = |lane: Lane| lane.outside(lane.line.before(&lane.inside(place), &lane.inside(except)));
        self.lanes_of(pool).filter_map(before).max()
    }

    /// The first `limit` jobs that a device can run, in order: those of backends that are suspended on it come last.
    pub fn line(&self, device: &str, limit: usize) -> Vec<Arc<Job>> {
        self.first(self.open_lanes(device), self.suspended_lanes(device), limit)
    }

    /// The first `limit` jobs in the line of a pool, in order: those of backends that are suspended come last.
    pub fn line_of(&self, pool: &Pool, limit: usize) -> Vec<Arc<Job>> {
        let lanes = |open: bool| self.lanes_of(pool).filter(move |lane| self.is_open(lane.backend) == open);
        self.first(lanes(true), lanes(false), limit)
    }

    /// The first `limit` jobs of these lines, in order: those that are suspended come last.
    fn first<'a>(
        &self,
        open: impl Iterator<Item = Lane<'a>>,
        suspended: impl Iterator<Item = Lane<'a>>,
        limit: usize,
    ) -> Vec<Arc<Job>> {
        let places = self.places(open, limit).into_iter().chain(self.places(suspended, limit));
        places.take(limit).filter_map(|place| self.at(place.ticket).cloned()).collect()
    }

    /// The first `limit` places of each of these lines, in order.
    fn places<'a>(&self, lanes: impl Iterator<Item = Lane<'a>>, limit: usize) -> Vec<Place> {
        let of = |lane: Lane<'a>| lane.line.places().iter().take(limit).map(move |place| place.shifted(lane.origin));
        let mut places: Vec<Place> = lanes.flat_map(of).collect();
        places.sort();
        places
    }

    pub(super) fn line_up(&mut self, job: &Job) {
        let first = self.lines.entry(job.backend.clone()).or_default().insert(job, job.party());
        if let Some(pool) = self.crowd_of(&job.backend).filter(|_| first) {
            self.crowds.join(&pool, job.party());
        }
    }

    pub(super) fn leave_line(&mut self, job: &Job) {
        let Some(line) = self.lines.get_mut(&job.backend) else { return };
        let party = job.party();
        let last = line.remove(job, &party);
        if line.places().is_empty() {
            self.lines.remove(&job.backend);
        }
        if let Some(pool) = self.crowd_of(&job.backend).filter(|_| last) {
            self.crowds.leave(&pool, &party);
        }
    }

    /// The pool in which those who wait for this backend are counted.
    fn crowd_of(&self, backend: &str) -> Option<String> {
        self.pool_of(backend).filter(|_| self.is_open(backend)).map(|pool| pool.name().to_owned())
    }

    /// The lines of the backends that are configured and have a device in a pool.
    fn lanes_of<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = Lane<'a>> {
        pool.lines.iter().filter_map(|(backend, origin)| {
            let line = self.lines.get(backend).filter(|_| self.has_device(backend))?;
            Some(Lane { backend, line, origin: *origin })
        })
    }

    /// The lines of the backends that a device can run.
    fn lanes<'a>(&'a self, device: &'a str) -> impl Iterator<Item = Lane<'a>> {
        let runs = |backend: &str| self.backends.get(backend).is_some_and(|binding| binding.devices.contains(device));
        self.pool(device).into_iter().flat_map(|pool| self.lanes_of(pool)).filter(move |lane| runs(lane.backend))
    }

    /// Those of them that it claims from.
    pub(super) fn open_lanes<'a>(&'a self, device: &'a str) -> impl Iterator<Item = Lane<'a>> {
        self.lanes(device).filter(move |lane| self.suspended_on(lane.backend, device).is_none())
    }

    /// Those of them that are suspended on it.
    fn suspended_lanes<'a>(&'a self, device: &'a str) -> impl Iterator<Item = Lane<'a>> {
        self.lanes(device).filter(move |lane| self.suspended_on(lane.backend, device).is_some())
    }
}
