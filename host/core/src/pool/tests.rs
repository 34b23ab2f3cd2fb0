use proptest::prelude::*;

use super::*;

const DEVICES: [&str; 4] = ["gpu0", "gpu1", "gpu2", "gpu3"];

/// On which devices the backends `a`, `b`, … run.
type Layout = Vec<BTreeSet<String>>;

fn names(devices: &[&str]) -> BTreeSet<String> {
    devices.iter().map(|name| (*name).to_owned()).collect()
}

fn backends(layout: &Layout) -> Vec<(String, BTreeSet<String>)> {
    ('a'..).map(String::from).zip(layout.iter().cloned()).collect()
}

fn arranged(known: &[Pool], devices: &[&str], layout: &Layout) -> Vec<Pool> {
    let (devices, backends) = (names(devices), backends(layout));
    arrange(known, &devices, backends.iter().map(|(name, devices)| (name, devices)))
}

fn claimed(pool: &mut Pool, clock: Tag, shares: &[(&str, Tag)]) {
    pool.clock = clock;
    pool.shares = shares.iter().map(|(owner, tag)| Share { party: Party::of(owner), tag: *tag }).collect();
}

fn layout() -> impl Strategy<Value = Layout> {
    let some = || prop::sample::subsequence(&DEVICES[..], 0..=3).prop_map(|devices| names(&devices));
    prop::collection::vec(some(), 4)
}

/// Pools as some layout made them, that have gone on since.
fn known() -> impl Strategy<Value = Vec<Pool>> {
    (layout(), prop::collection::vec((0i64..100, 0i64..9, -9i64..9), 4)).prop_map(|(layout, states)| {
        let mut pools = arranged(&[], &DEVICES, &layout);
        for (pool, (clock, ahead, origin)) in pools.iter_mut().zip(states) {
            claimed(pool, clock, &[("ann", clock + ahead + 1), ("ben", clock + 1)]);
            pool.lines.values_mut().for_each(|line| *line = origin);
        }
        pools
    })
}

/// How far a line's origin is from the clock of its pool.
fn distances(pools: &[Pool]) -> BTreeMap<String, Tag> {
    let of = |pool: &Pool| {
        let clock = pool.clock;
        pool.lines.clone().into_iter().map(move |(name, origin)| (name, origin - clock)).collect::<Vec<_>>()
    };
    pools.iter().flat_map(of).collect()
}

proptest! {
    #[test]
    fn every_device_is_in_one_pool_and_every_backend_has_all_its_devices_there(known in known(), layout in layout()) {
        let pools = arranged(&known, &DEVICES, &layout);
        for device in DEVICES {
            prop_assert_eq!(pools.iter().filter(|pool| pool.devices.contains(device)).count(), 1);
        }
        for (backend, devices) in backends(&layout).into_iter().filter(|(_, devices)| !devices.is_empty()) {
            let pool = pools.iter().find(|pool| pool.lines.contains_key(&backend)).unwrap();
            prop_assert!(devices.is_subset(&pool.devices));
        }
    }

    /// No pool could be taken apart without parting the devices of a backend.
    #[test]
    fn devices_are_one_pool_only_as_far_as_they_share_backends(layout in layout(), cut in layout()) {
        for pool in arranged(&[], &DEVICES, &layout) {
            let (one, other): (BTreeSet<_>, BTreeSet<_>) =
                pool.devices.iter().cloned().partition(|device| cut[0].contains(device));
            let both = |devices: &BTreeSet<String>| !devices.is_disjoint(&one) && !devices.is_disjoint(&other);
            prop_assert!(one.is_empty() || other.is_empty() || layout.iter().any(both), "{:?} in {:?}", pool, layout);
        }
    }

    #[test]
    fn no_line_is_lost_and_each_stays_as_far_from_the_clock_as_it_was(known in known(), layout in layout()) {
        let before = distances(&known);
        let after = distances(&arranged(&known, &DEVICES, &layout));
        for (backend, distance) in before {
            prop_assert_eq!(after.get(&backend), Some(&distance));
        }
    }

    #[test]
    fn what_is_arranged_stays_as_it_is(known in known(), layout in layout()) {
        let pools = arranged(&known, &DEVICES, &layout);
        prop_assert_eq!(arranged(&pools, &DEVICES, &layout), pools);
    }
}

#[test]
fn pools_that_join_go_by_the_clock_that_is_ahead_and_nobody_forgets_a_claim() {
    let mut known = arranged(&[], &["gpu0", "gpu1"], &vec![names(&["gpu0"]), names(&["gpu1"])]);
    claimed(&mut known[0], 100, &[("ann", 105), ("ben", 101)]);
    claimed(&mut known[1], 10, &[("ben", 17), ("cat", 12)]);
    let pools = arranged(&known, &["gpu0", "gpu1"], &vec![names(&["gpu0", "gpu1"]), names(&["gpu1"])]);
    let [pool] = pools.as_slice() else { panic!("{pools:?}") };
    let mut joined = Pool::default();
    claimed(&mut joined, 100, &[("ben", 107), ("ann", 105), ("cat", 102)]);
    assert_eq!((pool.clock, &pool.shares), (100, &joined.shares));
    assert_eq!(pool.lines, [("a".into(), 0), ("b".into(), 90)].into());
    assert_eq!(pool.name(), "gpu0");
}

#[test]
fn pools_that_part_both_know_what_was_claimed() {
    let mut known = arranged(&[], &["gpu0", "gpu1"], &vec![names(&["gpu0", "gpu1"])]);
    claimed(&mut known[0], 100, &[("ann", 105)]);
    let pools = arranged(&known, &["gpu0", "gpu1"], &vec![names(&["gpu1"])]);
    let shares = &known[0].shares;
    assert!(pools.iter().all(|pool| (pool.clock, &pool.shares) == (100, shares)), "{pools:?}");
    assert_eq!(pools.iter().map(|pool| pool.lines.len()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_line_without_a_device_waits_where_the_first_device_of_its_pool_goes() {
    let mut known = arranged(&[], &["gpu1", "gpu2"], &vec![names(&["gpu1", "gpu2"])]);
    claimed(&mut known[0], 50, &[]);
    known[0].lines.insert("a".into(), 3);
    // The backend is gone, and `gpu1` is in a pool with a newcomer that sorts first.
    let layout = vec![BTreeSet::new(), names(&["gpu0", "gpu2"])];
    let pools = arranged(&known, &["gpu0", "gpu1", "gpu2"], &layout);
    let homes: Vec<_> =
        pools.iter().map(|pool| (pool.name(), pool.lines.keys().cloned().collect::<Vec<_>>())).collect();
    assert_eq!(homes, [("gpu0", vec!["b".to_owned()]), ("gpu1", vec!["a".to_owned()])]);
}

#[test]
fn a_line_outlives_all_its_devices() {
    let mut known = arranged(&[], &["gpu0", "gpu1"], &vec![names(&["gpu1"])]);
    claimed(&mut known[1], 50, &[("ann", 52)]);
    known[1].lines.insert("a".into(), 30);
    // Neither the backend nor the device is configured; later, on another device, both are.
    let without = arranged(&known, &["gpu0"], &Vec::new());
    assert_eq!(without.last(), known.get(1));
    let back = arranged(&without, &["gpu0"], &vec![names(&["gpu0"])]);
    assert_eq!(back.first().unwrap().lines, [("a".into(), -20)].into(), "20 behind a clock that has not moved yet");
    assert_eq!(back.len(), 1, "nothing is kept of a pool that has neither devices nor lines");
}
