//! The lines that jobs wait in: one for each backend, so that a line stays where it is when its backend goes away; the line of a
//! pool is those of its backends, merged.

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::OrdMap;

use crate::ids::{Party, Rank, Tag, Ticket};
use crate::job::Job;
use crate::rank_set::{Member, RankSet};

/// A place in line: the rank of a job, packed. The digits that every rank has are a number, so that what compares places
/// mostly compares numbers; only moved jobs have more.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    front: [u64; 2],
    rest: Option<Arc<str>>,
    /// Whose it is. Ranks are unique; this finds the job.
    pub(crate) ticket: Ticket,
    work: Option<u64>,
}

/// Half of the digits that every rank has.
const HALF: usize = 16;

impl Place {
    pub(crate) fn of(job: &Job) -> Self {
        let rank = job.rank.as_ref().map_or("", |rank| rank.0.as_str());
        let number = |from: usize| rank.get(from..from + HALF).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Self {
            front: [0, HALF].map(|from| number(from).unwrap_or_default()),
            rest: rank.get(2 * HALF..).filter(|rest| !rest.is_empty()).map(Arc::from),
            ticket: job.ticket,
            work: job.work,
        }
    }

    pub(crate) fn rank(&self) -> Rank {
        let [key, ticket] = self.front;
        Rank(format!("{key:016x}{ticket:016x}{}", self.rest.as_deref().unwrap_or_default()))
    }

    /// The place that is by so much further back: as the rank is that [`crate::order::shifted`] gives.
    pub(crate) fn shifted(&self, by: Tag) -> Self {
        let [key, ticket] = self.front;
        let key = ((key ^ (1 << 63)) as Tag).saturating_add(by) as u64 ^ (1 << 63);
        Self { front: [key, ticket], ..self.clone() }
    }

    fn key(&self) -> ([u64; 2], Option<&str>, Ticket) {
        (self.front, self.rest.as_deref(), self.ticket)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Member for Place {
    fn work(&self) -> Option<u64> {
        self.work
    }
}

impl Member for (Tag, Ticket) {
    fn work(&self) -> Option<u64> {
        None
    }
}

/// The jobs that are queued for a backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    places: RankSet<Place>,
    tags: OrdMap<Party, RankSet<(Tag, Ticket)>>,
}

impl Line {
    pub(super) fn places(&self) -> &RankSet<Place> {
        &self.places
    }

    /// Whose jobs wait here.
    pub(super) fn parties(&self) -> impl Iterator<Item = &Party> {
        self.tags.keys()
    }

    /// The largest tag of a party here.
    pub(super) fn largest_tag(&self, party: &Party) -> Option<Tag> {
        let tags = self.tags.get(party)?;
        tags.nth(tags.len().checked_sub(1)?).map(|(tag, _)| *tag)
    }

    /// The first place, leaving out `except`; so it is for all three.
    pub(super) fn first(&self, except: &Place) -> Option<&Place> {
        self.places.iter().find(|place| *place != except)
    }

    pub(super) fn last(&self, except: &Place) -> Option<&Place> {
        let last = self.places.nth(self.places.len().checked_sub(1)?)?;
        if last == except { self.previous(last) } else { Some(last) }
    }

    /// The greatest place before this one.
    pub(super) fn before(&self, place: &Place, except: &Place) -> Option<&Place> {
        let before = self.previous(place)?;
        if before == except { self.previous(before) } else { Some(before) }
    }

    fn previous(&self, place: &Place) -> Option<&Place> {
        self.places.nth(self.places.rank(place).checked_sub(1)?)
    }

    /// Adds a job; whether its party had none here before.
    pub(super) fn insert(&mut self, job: &Job, party: Party) -> bool {
        self.places.insert(Place::of(job));
        let tags = self.tags.entry(party).or_default();
        tags.insert((job.tag, job.ticket));
        tags.len() == 1
    }

    /// Removes a job; whether its party has none here any more.
    pub(super) fn remove(&mut self, job: &Job, party: &Party) -> bool {
        self.places.remove(&Place::of(job));
        let Some(tags) = self.tags.get_mut(party) else { return false };
        tags.remove(&(job.tag, job.ticket));
        let last = tags.is_empty();
        if last {
            self.tags.remove(party);
        }
        last
    }
}

/// For each pool, the parties that have jobs in its line, with how many of its backends each waits for. Backends that are
/// suspended on all their devices do not count.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowds(OrdMap<String, OrdMap<Party, usize>>);

impl Crowds {
    pub(super) fn of(&self, pool: &str) -> usize {
        self.0.get(pool).map_or(0, OrdMap::len)
    }

    pub(super) fn join(&mut self, pool: &str, party: Party) {
        *self.0.entry(pool.to_owned()).or_default().entry(party).or_default() += 1;
    }

    pub(super) fn leave(&mut self, pool: &str, party: &Party) {
        let Some(crowd) = self.0.get_mut(pool) else { return };
        match crowd.get_mut(party) {
            Some(lines) if *lines > 1 => *lines -= 1,
            _ => _ = crowd.remove(party),
        }
        if crowd.is_empty() {
            self.0.remove(pool);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
