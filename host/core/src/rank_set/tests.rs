use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// Odd numbers weigh what they are.
impl Member for u16 {
    fn work(&self) -> Option<u64> {
        (self % 2 == 1).then_some(u64::from(*self))
    }
}

fn load_of<'a>(values: impl IntoIterator<Item = &'a u16>) -> Load {
    values.into_iter().fold(Load::default(), |sum, value| sum.and(value.load()))
}

/// The depth, if sizes are right and siblings balanced everywhere below.
fn check(link: &Link<u16>) -> usize {
    let Some(at) = link else { return 0 };
    let (l, r) = (size(&at.left), size(&at.right));
    assert_eq!(at.size, l + r + 1);
    assert!(l < DELTA * (r + 1) && r < DELTA * (l + 1), "unbalanced: {l} beside {r}");
    1 + check(&at.left).max(check(&at.right))
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_list_and_stays_balanced(steps in prop::collection::vec((any::<bool>(), 0u16..200), 0..600)) {
        let (mut set, mut naive) = (RankSet::default(), BTreeSet::new());
        for (add, value) in steps {
            let before = set.clone();
            let sorted: Vec<u16> = naive.iter().copied().collect();
            if add {
                prop_assert_eq!(set.insert(value), naive.insert(value));
            } else {
                prop_assert_eq!(set.remove(&value), naive.remove(&value));
            }
            check(&set.root);
            prop_assert_eq!(before.iter().copied().collect::<Vec<_>>(), sorted, "an old version changed");
            prop_assert_eq!(set.len(), naive.len());
            prop_assert_eq!(set.is_empty(), naive.is_empty());
            prop_assert_eq!(set.first(), naive.first());
            prop_assert_eq!(set.rank(&value), naive.range(..value).count());
            prop_assert_eq!(set.before(&value).1, load_of(naive.range(..value)));
        }
        let sorted: Vec<u16> = naive.into_iter().collect();
        prop_assert_eq!(set.iter().copied().collect::<Vec<_>>(), sorted.clone());
        for (place, value) in sorted.iter().enumerate() {
            prop_assert_eq!(set.nth(place), Some(value));
            prop_assert_eq!(set.rank(value), place);
        }
        prop_assert_eq!(set.nth(sorted.len()), None);
    }
}

/// Every balanced tree of the odd numbers from `first`, `size` of them.
fn shapes(first: u16, size: usize) -> Vec<Link<u16>> {
    if size == 0 {
        return vec![None];
    }
    let mut all = Vec::new();
    for l in 0..size {
        let r = size - 1 - l;
        if l < DELTA * (r + 1) && r < DELTA * (l + 1) {
            let root = first + 2 * l as u16;
            let rights = shapes(root + 2, r);
            for left in shapes(first, l) {
                all.extend(rights.iter().map(|right| node(left.clone(), root, right.clone())));
            }
        }
    }
    all
}

#[test]
fn whatever_its_shape_a_small_tree_stays_balanced() {
    for size in 0..=9 {
        for root in shapes(1, size) {
            for value in 0..=2 * size as u16 {
                let mut set = RankSet { root: root.clone() };
                assert!(if value % 2 == 0 { set.insert(value) } else { set.remove(&value) });
                check(&set.root);
            }
        }
    }
}

fn evenly(values: Range<u16>) -> Link<u16> {
    let middle = values.start + (values.end - values.start) / 2;
    if values.is_empty() { None } else { node(evenly(values.start..middle), middle, evenly(middle + 1..values.end)) }
}

/// The least trees in which two rotations instead of one would leave a side too light.
#[test]
fn one_rotation_is_enough_where_the_inner_side_is_not_twice_the_outer() {
    let inner = node(evenly(8..16), 16, evenly(17..19));
    let right_heavy = node(evenly(0..7), 7, node(inner, 19, evenly(20..29)));
    let inner = node(evenly(10..12), 12, evenly(13..21));
    let left_heavy = node(node(evenly(0..9), 9, inner), 21, evenly(22..29));
    for (root, value) in [(right_heavy, 0), (left_heavy, 28)] {
        check(&root);
        let mut set = RankSet { root };
        assert!(set.remove(&value));
        check(&set.root);
    }
}

#[test]
fn a_line_that_only_grows_at_its_end_stays_shallow() {
    let mut set = RankSet::default();
    for value in 0..10_000 {
        set.insert(value);
    }
    assert!(check(&set.root) <= 24, "depth {}", check(&set.root));
}
