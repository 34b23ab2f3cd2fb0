//! A set that knows the place of each of its members, and what lies before it: insert, remove, rank and nth in O(log n).
//!
//! It is a weight-balanced tree (Adams 1993; the parameters 3 and 2 are those proven by Hirai and Yamamoto, *Balancing
//! weight-balanced trees*, JFP 2011) whose nodes are shared between versions: a clone is one pointer, and a change copies
//! one path. That is what lets the writer draft the next state while readers hold this one.

use std::cmp::Ordering;
use std::sync::Arc;

/// Siblings' weights (size + 1) differ by this factor at the most.
const DELTA: usize = 3;
/// Which of the two rotations restores that.
const RATIO: usize = 2;

type Link<T> = Option<Arc<Node<T>>>;

/// What some members weigh together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many of them have a weight.
    pub measured: usize,
    /// The sum of the weights.
    pub work: u64,
}

impl Load {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self { measured: self.measured + other.measured, work: self.work.saturating_add(other.work) }
    }
}

/// What a set may hold.
pub trait Member: Ord + Clone {
    /// What it weighs, if that is known.
    fn work(&self) -> Option<u64>;

    /// The same as a sum.
    fn load(&self) -> Load {
        self.work().map_or(Load::default(), |work| Load { measured: 1, work })
    }
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    size: usize,
    load: Load,
    left: Link<T>,
    right: Link<T>,
}

/// An ordered set with order statistics. Cloning is O(1).
#[derive(Debug)]
pub struct RankSet<T> {
    root: Link<T>,
}

impl<T> Clone for RankSet<T> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone() }
    }
}

impl<T> Default for RankSet<T> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<T: Member> RankSet<T> {
    /// How many members there are.
    pub fn len(&self) -> usize {
        size(&self.root)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Adds `value`; false if it was there.
    pub fn insert(&mut self, value: T) -> bool {
        match insert(&self.root, value) {
            Some(root) => {
                self.root = root;
                true
            }
            None => false,
        }
    }

    /// Removes `value`; false if it was not there.
    pub fn remove(&mut self, value: &T) -> bool {
        match remove(&self.root, value) {
            Some(root) => {
                self.root = root;
                true
            }
            None => false,
        }
    }

    /// How many members are less than `value`, which need not be one.
    pub fn rank(&self, value: &T) -> usize {
        self.before(value).0
    }

    /// How many members are less than `value`, which need not be one, and what they weigh.
    pub fn before(&self, value: &T) -> (usize, Load) {
        let (mut link, mut before, mut weighs) = (&self.root, 0, Load::default());
        while let Some(node) = link {
            match value.cmp(&node.value) {
                Ordering::Less => link = &node.left,
                Ordering::Equal => return (before + size(&node.left), weighs.and(load(&node.left))),
                Ordering::Greater => {
                    before += size(&node.left) + 1;
                    weighs = weighs.and(load(&node.left)).and(node.value.load());
                    link = &node.right;
                }
            }
        }
        (before, weighs)
    }

    /// The member that `index` others are less than.
    pub fn nth(&self, mut index: usize) -> Option<&T> {
        let mut link = &self.root;
        while let Some(node) = link {
            let before = size(&node.left);
            match index.cmp(&before) {
                Ordering::Less => link = &node.left,
                Ordering::Equal => return Some(&node.value),
                Ordering::Greater => {
                    index -= before + 1;
                    link = &node.right;
                }
            }
        }
        None
    }

    /// The least member.
    pub fn first(&self) -> Option<&T> {
        self.nth(0)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut path = Vec::new();
        descend(&mut path, &self.root);
        std::iter::from_fn(move || {
            let node: &Node<T> = path.pop()?;
            descend(&mut path, &node.right);
            Some(&node.value)
        })
    }
}

/// Walks to the least node below `link`, leaving the way back in `path`.
fn descend<'a, T>(path: &mut Vec<&'a Node<T>>, mut link: &'a Link<T>) {
    while let Some(node) = link {
        path.push(node);
        link = &node.left;
    }
}

fn size<T>(link: &Link<T>) -> usize {
    link.as_ref().map_or(0, |node| node.size)
}

fn load<T>(link: &Link<T>) -> Load {
    link.as_ref().map_or(Load::default(), |node| node.load)
}

fn node<T: Member>(left: Link<T>, value: T, right: Link<T>) -> Link<T> {
    let load = load(&left).and(value.load()).and(load(&right));
    Some(Arc::new(Node { size: size(&left) + size(&right) + 1, load, value, left, right }))
}

/// None if the value was there.
fn insert<T: Member>(link: &Link<T>, value: T) -> Option<Link<T>> {
    let Some(at) = link else { return Some(node(None, value, None)) };
    match value.cmp(&at.value) {
        Ordering::Less => Some(balance(insert(&at.left, value)?, at.value.clone(), at.right.clone())),
        Ordering::Equal => None,
        Ordering::Greater => Some(balance(at.left.clone(), at.value.clone(), insert(&at.right, value)?)),
    }
}

/// None if the value was not there.
fn remove<T: Member>(link: &Link<T>, value: &T) -> Option<Link<T>> {
    let at = link.as_ref()?;
    match value.cmp(&at.value) {
        Ordering::Less => Some(balance(remove(&at.left, value)?, at.value.clone(), at.right.clone())),
        Ordering::Greater => Some(balance(at.left.clone(), at.value.clone(), remove(&at.right, value)?)),
        Ordering::Equal => Some(match remove_first(&at.right) {
            None => at.left.clone(),
            Some((next, rest)) => balance(at.left.clone(), next, rest),
        }),
    }
}

/// The least member and the rest.
fn remove_first<T: Member>(link: &Link<T>) -> Option<(T, Link<T>)> {
    let at = link.as_ref()?;
    match remove_first(&at.left) {
        None => Some((at.value.clone(), at.right.clone())),
        Some((first, rest)) => Some((first, balance(rest, at.value.clone(), at.right.clone()))),
    }
}

/// A node of these parts, one of which may have grown or shrunk by one.
fn balance<T: Member>(left: Link<T>, value: T, right: Link<T>) -> Link<T> {
    let (l, r) = (size(&left) + 1, size(&right) + 1);
    match (&left, &right) {
        (_, Some(heavy)) if r > DELTA * l => {
            let (inner, outer) = (heavy.left.clone(), heavy.right.clone());
            match &inner {
                Some(middle) if size(&inner) + 1 >= RATIO * (size(&outer) + 1) => node(
                    node(left, value, middle.left.clone()),
                    middle.value.clone(),
                    node(middle.right.clone(), heavy.value.clone(), outer),
                ),
                _ => node(node(left, value, inner), heavy.value.clone(), outer),
            }
        }
        (Some(heavy), _) if l > DELTA * r => {
            let (outer, inner) = (heavy.left.clone(), heavy.right.clone());
            match &inner {
                Some(middle) if size(&inner) + 1 >= RATIO * (size(&outer) + 1) => node(
                    node(outer, heavy.value.clone(), middle.left.clone()),
                    middle.value.clone(),
                    node(middle.right.clone(), value, right),
                ),
                _ => node(outer, heavy.value.clone(), node(inner, value, right)),
            }
        }
        _ => node(left, value, right),
    }
}

#[cfg(test)]
mod tests;
