//! Pools: devices that share backends, directly or through others. A pool has one line and one virtual clock; each device takes,
//! when it is free, the first job in it that it can run.
//!
//! Which devices are one pool follows from the configuration, and so changes between two starts. What does not change is how
//! far the tag of a waiting job is from the clock of its pool: whose line moves to another pool loses no turn and gains none.
//! Rows of jobs are not rewritten for that. Each line has an origin instead, which is what its tags are counted from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{Party, Tag};

/// How many parties' claimed tags a pool remembers. Beyond, those nearest to the clock are forgotten, which gives such a
/// party a part of one turn at the most, and keeps the row small.
pub const SHARES: usize = 64;

/// The largest tag of a party that a pool has claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Whose.
    pub party: Party,
    /// The tag.
    pub tag: Tag,
}

/// A pool as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its devices, at least one. The first gives it its name.
    pub devices: BTreeSet<String>,
    /// The backends whose lines stand here, each with its origin: the tag of a job of that line, plus this, is its tag by the clock
    /// of the pool. A backend that is not configured any more stays, for jobs may wait for it.
    pub lines: BTreeMap<String, Tag>,
    /// Its virtual clock: see [`crate::order`].
    pub clock: Tag,
    /// Claimed tags that are above the clock, the largest first, [`SHARES`] at the most.
    pub shares: Vec<Share>,
}

impl Pool {
    /// The name of its first device.
    pub fn name(&self) -> &str {
        self.devices.first().map_or("", String::as_str)
    }

    /// Whether it has a device of these.
    fn meets(&self, devices: &BTreeSet<String>) -> bool {
        !self.devices.is_disjoint(devices)
    }

    /// These devices as one pool. Its clock is that of the pool that is ahead among those they were in; what the others had claimed
    /// stays as far from the clock as it was.
    fn of(devices: BTreeSet<String>, known: &[Self]) -> Self {
        let parts: Vec<&Self> = known.iter().filter(|pool| pool.meets(&devices)).collect();
        let clock = parts.iter().map(|pool| pool.clock).max().unwrap_or_default();
        let mut largest: BTreeMap<Party, Tag> = BTreeMap::new();
        for part in parts {
            for Share { party, tag } in &part.shares {
                let tag = moved(*tag, part.clock, clock);
                let before = largest.entry(party.clone()).or_insert(tag);
                *before = tag.max(*before);
            }
        }
        let shares = largest.into_iter().map(|(party, tag)| Share { party, tag }).collect();
        Self { devices, lines: BTreeMap::new(), clock, shares: trimmed(shares) }
    }
}

/// What is worth remembering of claimed tags: the largest, in their order.
pub(crate) fn trimmed(mut shares: Vec<Share>) -> Vec<Share> {
    shares.sort_by(|a, b| (b.tag, &a.party).cmp(&(a.tag, &b.party)));
    shares.truncate(SHARES);
    shares
}

/// A tag that is as far from another clock as it was from its own.
fn moved(tag: Tag, from: Tag, to: Tag) -> Tag {
    tag.saturating_add(to.saturating_sub(from))
}

/// The pools that `devices` make, when the backends run on those that are named with them. What is `known` of the pools before
/// says where their clocks, their shares and their lines were.
///
/// The line of a backend that has no device any more goes where the first of the devices of its pool goes. If they are gone as well, their pool is kept
/// as it was, for the line to be found when there is a device for it again.
pub(crate) fn arrange<'a>(
    known: &[Pool],
    devices: impl IntoIterator<Item = &'a String>,
    backends: impl IntoIterator<Item = (&'a String, &'a BTreeSet<String>)>,
) -> Vec<Pool> {
    let mut groups: Vec<BTreeSet<String>> = devices.into_iter().map(|name| BTreeSet::from([name.clone()])).collect();
    let backends: BTreeMap<&String, &BTreeSet<String>> = backends.into_iter().collect();
    for devices in backends.values() {
        let (shared, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| !group.is_disjoint(devices));
        let shared: BTreeSet<String> = shared.into_iter().flatten().collect();
        groups = others.into_iter().chain(Some(shared).filter(|shared| !shared.is_empty())).collect();
    }
    groups.sort();
    let mut pools: Vec<Pool> = groups.into_iter().map(|group| Pool::of(group, known)).collect();

    let home = |backend: &String| known.iter().find_map(|pool| pool.lines.get(backend).map(|origin| (pool, *origin)));
    for (backend, devices) in &backends {
        if let Some(pool) = pools.iter_mut().find(|pool| pool.meets(devices)) {
            let origin = home(backend).map(|(old, origin)| moved(origin, old.clock, pool.clock));
            pool.lines.insert((*backend).clone(), origin.unwrap_or_default());
        }
    }
    for old in known {
        let placed = |backend: &String| pools.iter().any(|pool| pool.lines.contains_key(backend));
        let left: BTreeMap<String, Tag> = old
            .lines
            .iter()
            .filter(|(backend, _)| !placed(backend))
            .map(|(name, origin)| (name.clone(), *origin))
            .collect();
        let heir = old.devices.iter().find_map(|device| pools.iter().position(|pool| pool.devices.contains(device)));
        match heir.and_then(|heir| pools.get_mut(heir)) {
            Some(pool) => {
                let clock = pool.clock;
                pool.lines.extend(left.into_iter().map(|(name, origin)| (name, moved(origin, old.clock, clock))));
            }
            None if left.is_empty() => {}
            None => pools.push(Pool { lines: left, ..old.clone() }),
        }
    }
    pools.sort_by(|a, b| a.devices.cmp(&b.devices));
    pools
}

#[cfg(test)]
mod tests;
