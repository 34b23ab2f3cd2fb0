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

/// The depth, if everything is as it has to be below.
fn check(link: &Link<u16>) -> usize {
    let at = match &**link {
        Node::Leaf(members) => {
            assert!((1..=LEAF).contains(&members.len()) && members.is_sorted(), "{members:?}");
            return 1;
        }
        Node::Branch(branch) => branch,
    };
    assert_eq!((at.before, at.all), (at.left.sum(), at.left.sum().and(at.right.sum())));
    let (l, r) = (at.left.leaves(), at.right.leaves());
    assert_eq!(at.leaves, l + r);
    assert!(l <= DELTA * r && r <= DELTA * l, "unbalanced: {l} beside {r}");
    let (left, right) = (RankSet { root: Some(at.left.clone()) }, RankSet { root: Some(at.right.clone()) });
    assert!(left.iter().all(|value| *value < at.split) && right.iter().all(|value| *value >= at.split));
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
            set.root.as_ref().map(check);
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

/// Every balanced tree of so many leaves, each of `members` odd numbers, from `first` on.
fn shapes(first: u16, leaves: u16, members: u16) -> Vec<Link<u16>> {
    let from = |leaves: u16| first + 2 * leaves * members;
    if leaves == 1 {
        return vec![leaf(&(0..members).map(|n| first + 2 * n).collect::<Vec<_>>())];
    }
    let mut all = Vec::new();
    for l in 1..leaves {
        let r = leaves - l;
        if usize::from(l) <= DELTA * usize::from(r) && usize::from(r) <= DELTA * usize::from(l) {
            let rights = shapes(from(l), r, members);
            for left in shapes(first, l, members) {
                all.extend(rights.iter().map(|right| branch(left.clone(), from(l), right.clone())));
            }
        }
    }
    all
}

#[test]
fn whatever_its_shape_a_small_tree_stays_balanced() {
    for leaves in 1..=9 {
        for root in shapes(1, leaves, LEAF as u16) {
            for value in 0..=leaves * LEAF as u16 {
                let mut set = RankSet { root: Some(root.clone()) };
                assert!(set.insert(2 * value));
                check(set.root.as_ref().unwrap());
            }
        }
        for root in shapes(1, leaves, 1) {
            for value in 0..leaves {
                let mut set = RankSet { root: Some(root.clone()) };
                assert!(set.remove(&(2 * value + 1)));
                set.root.as_ref().map(check);
            }
        }
    }
}

/// Leaves of one number each.
fn evenly(values: Range<u16>) -> Link<u16> {
    let middle = values.start + values.len() as u16 / 2;
    if values.len() == 1 {
        leaf(&[middle])
    } else {
        branch(evenly(values.start..middle), middle, evenly(middle..values.end))
    }
}

/// The least trees in which two rotations instead of one would leave a side too light.
#[test]
fn one_rotation_is_enough_where_the_inner_side_is_not_twice_the_outer() {
    let inner = branch(evenly(8..17), 17, evenly(17..20));
    let right_heavy = branch(evenly(0..8), 8, branch(inner, 20, evenly(20..30)));
    let inner = branch(evenly(10..13), 13, evenly(13..22));
    let left_heavy = branch(branch(evenly(0..10), 10, inner), 22, evenly(22..30));
    for (root, value) in [(right_heavy, 0), (left_heavy, 29)] {
        check(&root);
        let mut set = RankSet { root: Some(root) };
        assert!(set.remove(&value));
        check(set.root.as_ref().unwrap());
    }
}

#[test]
fn a_line_that_only_grows_at_its_end_stays_shallow_and_its_leaves_full() {
    let mut set = RankSet::default();
    for value in 0..10_000 {
        set.insert(value);
    }
    let root = set.root.as_ref().unwrap();
    assert!(check(root) <= 22, "depth {}", check(root));
    assert_eq!(root.leaves(), 10_000 / LEAF);
}

#[test]
fn leaves_that_are_nearly_empty_become_one() {
    let mut set = RankSet { root: Some(evenly(0..2)) };
    set.insert(2);
    set.insert(3);
    assert_eq!(set.root.as_ref().unwrap().leaves(), 2);
    set.remove(&2);
    assert_eq!(set.root.as_ref().unwrap().leaves(), 2);
    set.remove(&3);
    assert_eq!(set.root.as_ref().unwrap().leaves(), 1);
    assert!(set.iter().eq(&[0, 1]));
}
