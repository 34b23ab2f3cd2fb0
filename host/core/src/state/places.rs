//! Where queued jobs stand: who is next on a device, at which place, beside whom.

use std::sync::Arc;

use super::lines::Line;
use super::{Binding, Place, State};
use crate::device::Device;
use crate::job::{Job, Party, Status};
use crate::order::Tag;

impl State {
    /// How many jobs are queued, for all devices together.
    pub fn queued(&self) -> u64 {
        self.lines.values().map(|line| line.places().len() as u64).sum()
    }

    /// How many jobs are queued for a device.
    pub fn length(&self, device: &str) -> u64 {
        self.lines_of(device).map(|line| line.places().len() as u64).sum()
    }

    /// How many parties have jobs in the line of a device, for backends that are not held.
    pub fn parties(&self, device: &str) -> usize {
        self.crowds.of(device)
    }

    /// The largest tag that a job of this party has in the line of a device.
    pub fn largest_tag(&self, device: &str, party: &Party) -> Option<Tag> {
        self.lines_of(device).filter_map(|line| line.largest_tag(party)).max()
    }

    /// The place of a job in the line of its device: from 1, or 0 if it is not queued.
    pub fn position(&self, job: &Job) -> u64 {
        if job.status != Status::Queued {
            return 0;
        }
        let place = Place::of(job);
        let rank = |line: &Line| line.places().rank(&place);
        let before: usize = match self.backends.get(&job.backend).map(|binding| binding.device.as_str()) {
            Some(device) if self.held.contains_key(&job.backend) => {
                let open: usize = self.open_lines_of(device).map(|line| line.places().len()).sum();
                open + self.held_lines_of(device).map(rank).sum::<usize>()
            }
            Some(device) => self.open_lines_of(device).map(rank).sum(),
            None => self.lines.get(&job.backend).map_or(0, rank),
        };
        before as u64 + 1
    }

    /// The first job in the line of a device that can be claimed once the device is free and nothing is paused.
    pub fn head(&self, device: &str) -> Option<&Arc<Job>> {
        let first = self.open_lines_of(device).filter_map(|line| line.places().first()).min()?;
        self.at(first.ticket)
    }

    /// The job that a device may claim now.
    pub fn claimable(&self, device: &str) -> Option<&Arc<Job>> {
        let open = |device: &&Device| device.free() && device.paused.is_none() && self.queue.stands().is_none();
        self.device(device).filter(open).and_then(|device| self.head(&device.name))
    }

    /// The first place in the line of a device, leaving out `except`.
    pub(crate) fn first_place(&self, device: &str, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.first(except)).min()
    }

    /// The last place in the line of a device, leaving out `except`.
    pub(crate) fn last_place(&self, device: &str, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.last(except)).max()
    }

    /// The place right before `place` in the line of a device, leaving out `except`.
    pub(crate) fn place_before(&self, device: &str, place: &Place, except: &Place) -> Option<&Place> {
        self.lines_of(device).filter_map(|line| line.before(place, except)).max()
    }

    /// The first `limit` jobs in the line of a device, in order: those of backends that are held come last.
    pub fn line(&self, device: &str, limit: usize) -> Vec<Arc<Job>> {
        let places = |lines: &mut dyn Iterator<Item = &'_ Line>| -> Vec<Place> {
            let mut places: Vec<Place> = lines.flat_map(|line| line.places().iter().take(limit).cloned()).collect();
            places.sort();
            places
        };
        let (open, held) = (places(&mut self.open_lines_of(device)), places(&mut self.held_lines_of(device)));
        open.iter().chain(&held).take(limit).filter_map(|place| self.at(place.ticket).cloned()).collect()
    }

    /// Why a backend is held, if it is.
    pub fn held(&self, backend: &str) -> Option<&str> {
        self.held.get(backend).map(String::as_str)
    }

    /// Whether the engine of a backend has answered since it was last away.
    pub(crate) fn released(&self, backend: &str) -> bool {
        self.released.contains(backend)
    }

    /// Its jobs are claimed no more, and step behind those of other backends.
    pub(crate) fn hold(&mut self, backend: &str, reason: String) {
        self.released.remove(backend);
        if self.held.insert(backend.to_owned(), reason).is_none() {
            let (Some(binding), Some(line)) = (self.backends.get(backend), self.lines.get(backend)) else { return };
            line.parties().for_each(|party| self.crowds.leave(&binding.device, party));
        }
    }

    pub(crate) fn release(&mut self, backend: &str) {
        self.released.insert(backend.to_owned());
        if self.held.remove(backend).is_some() {
            let (Some(binding), Some(line)) = (self.backends.get(backend), self.lines.get(backend)) else { return };
            line.parties().for_each(|party| self.crowds.join(&binding.device, party.clone()));
        }
    }

    pub(super) fn line_up(&mut self, job: &Job) {
        let first = self.lines.entry(job.backend.clone()).or_default().insert(job, job.party());
        if let Some(binding) = self.open(&job.backend).filter(|_| first) {
            let device = binding.device.clone();
            self.crowds.join(&device, job.party());
        }
    }

    /// The binding of a backend that is not held.
    fn open(&self, backend: &str) -> Option<&Binding> {
        self.backends.get(backend).filter(|_| !self.held.contains_key(backend))
    }

    pub(super) fn leave_line(&mut self, job: &Job) {
        let Some(line) = self.lines.get_mut(&job.backend) else { return };
        let party = job.party();
        let last = line.remove(job, &party);
        if line.places().is_empty() {
            self.lines.remove(&job.backend);
        }
        if let Some(binding) = self.open(&job.backend).filter(|_| last) {
            let device = binding.device.clone();
            self.crowds.leave(&device, &party);
        }
    }

    fn lines_of<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a Line> {
        self.open_lines_of(device).chain(self.held_lines_of(device))
    }

    fn open_lines_of<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a Line> {
        self.named_lines(device, false).map(|(_, line)| line)
    }

    fn held_lines_of<'a>(&'a self, device: &str) -> impl Iterator<Item = &'a Line> {
        self.named_lines(device, true).map(|(_, line)| line)
    }

    /// The lines of a device, with their backends: of those that are held, or of the others.
    pub(super) fn named_lines<'a>(&'a self, device: &str, held: bool) -> impl Iterator<Item = (&'a str, &'a Line)> {
        self.backends
            .iter()
            .filter(move |(name, binding)| binding.device == device && self.held.contains_key(*name) == held)
            .filter_map(|(name, _)| Some((name.as_str(), self.lines.get(name)?)))
    }
}
