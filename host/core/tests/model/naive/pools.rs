//! Pools, on rows: which devices hang together is found out whenever somebody asks. Each device keeps the clock of its pool and what
//! the pool has claimed, as if it were alone, and goes along with whatever the others do.

use std::collections::{BTreeMap, BTreeSet};

use easel_core::pool::SHARES;
use easel_core::state::Binding;
use easel_core::{Job, Party, Pool, Share, Tag};

use super::Naive;

/// What devices and lines remember.
#[derive(Clone, Default)]
pub struct Pools {
    pub clocks: BTreeMap<String, Tag>,
    /// Whatever was claimed at any time: whose, with which tag, by the clock as it is now.
    pub claims: BTreeMap<String, Vec<(Party, Tag)>>,
    /// Where the line of each backend stands, and what its tags are counted from.
    pub lines: BTreeMap<String, (BTreeSet<String>, Tag)>,
}

impl Naive {
    /// The devices that hang together with this one.
    pub fn pool(&self, device: &str) -> BTreeSet<String> {
        let mut pool = BTreeSet::from([device.to_owned()]);
        loop {
            let near = self.backends.iter().filter(|(_, binding)| !binding.devices.is_disjoint(&pool));
            let grown: BTreeSet<String> =
                near.flat_map(|(_, binding)| &binding.devices).chain(&pool).cloned().collect();
            if grown == pool {
                return pool;
            }
            pool = grown;
        }
    }

    /// The pool that the line of a backend stands in, if it is configured.
    pub fn pool_of(&self, backend: &str) -> Option<BTreeSet<String>> {
        Some(self.pool(self.binding(backend)?.devices.first()?))
    }

    /// What the tags of a backend's jobs are counted from.
    pub fn origin(&self, backend: &str) -> Tag {
        self.pools.lines.get(backend).map_or(0, |(_, origin)| *origin)
    }

    /// A tag by the clock of its pool.
    pub fn tag(&self, job: &Job) -> Tag {
        job.tag + self.origin(&job.backend)
    }

    /// Other devices hang together from now on: the clock that is ahead is that of all, and everything stays as far from it as it
    /// was from its own.
    pub(super) fn rearrange(&mut self, backends: Vec<(String, Binding)>) {
        self.backends = backends;
        let old = std::mem::take(&mut self.pools);
        let clock = |device: &String| old.clocks.get(device).copied().unwrap_or_default();
        for device in self.rows.devices.keys() {
            let pool = self.pool(device);
            let ahead = pool.iter().map(clock).max().unwrap();
            let of = |device: &String| old.claims.get(device).cloned().unwrap_or_default();
            let claims = pool.iter().flat_map(|other| {
                let by = ahead - clock(other);
                of(other).into_iter().map(move |(party, tag)| (party, tag + by))
            });
            self.pools.claims.insert(device.clone(), claims.collect());
            self.pools.clocks.insert(device.clone(), ahead);
        }
        let names: BTreeSet<String> =
            self.backends.iter().map(|(name, _)| name).chain(old.lines.keys()).cloned().collect();
        for backend in names {
            let before = old.lines.get(&backend);
            let pool = self.pool_of(&backend).unwrap_or_else(|| self.pool(before.unwrap().0.first().unwrap()));
            let now = self.pools.clocks[pool.first().unwrap()];
            let origin = before.map_or(0, |(devices, origin)| origin + now - clock(devices.first().unwrap()));
            self.pools.lines.insert(backend, (pool, origin));
        }
    }

    /// The rows of the pools.
    pub fn pool_rows(&self) -> BTreeMap<String, Pool> {
        let rows = self.rows.devices.keys().map(|device| {
            let devices = self.pool(device);
            let lines = self.pools.lines.iter().filter(|(_, (home, _))| *home == devices);
            let lines = lines.map(|(backend, (_, origin))| (backend.clone(), *origin)).collect();
            let (clock, claims) = (self.pools.clocks[device], &self.pools.claims[device]);
            let parties: BTreeSet<&Party> = claims.iter().map(|(party, _)| party).collect();
            let largest =
                |party: &Party| claims.iter().filter(|claim| claim.0 == *party).map(|claim| claim.1).max().unwrap();
            let shares = parties.into_iter().map(|party| Share { party: party.clone(), tag: largest(party) });
            let mut shares: Vec<Share> = shares.filter(|share| share.tag > clock).collect();
            shares.sort_by_key(|share| std::cmp::Reverse(share.tag));
            shares.truncate(SHARES);
            (devices.first().unwrap().clone(), Pool { devices, lines, clock, shares })
        });
        rows.collect()
    }
}
