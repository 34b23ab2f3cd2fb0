//! A set that knows the place of each of its members, and what lies before it: insert, remove, rank and nth in O(log n).
//!
//! It is a weight-balanced tree (Adams 1993; the parameters 3 and 2 are those proven by Hirai and Yamamoto, *Balancing
//! weight-balanced trees*, JFP 2011) whose nodes are shared between versions: a clone is one pointer, and a change copies
//! one path. That is what lets the writer draft the next state while readers hold this one.
//!
//! The members are in the leaves, up to 16 in each, and a branch knows what its left side comes to: among a million members
//! a step of a way is a miss of the caches, and this takes few.

use std::sync::Arc;

/// The weights of siblings, in leaves, differ by this factor at the most.
const DELTA: usize = 3;
/// Which of the two rotations restores that.
const RATIO: usize = 2;
/// Members of a leaf at the most; few where these tests are to see many leaves.
const LEAF: usize = if cfg!(test) { 4 } else { 16 };

type Link<T> = Arc<Node<T>>;

/// What some members weigh together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many of them have a weight.
    pub measured: usize,
    /// The sum of the weights.
    pub work: u64,
    /// The least and the greatest of them, if there are any.
    pub range: Option<(u64, u64)>,
}

impl Load {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        let range = match (self.range, other.range) {
            (Some((least, most)), Some(theirs)) => Some((least.min(theirs.0), most.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        Self { measured: self.measured + other.measured, work: self.work.saturating_add(other.work), range }
    }
}

/// What a set may hold.
pub trait Member: Ord + Clone {
    /// What it weighs, if that is known.
    fn work(&self) -> Option<u64>;

    /// The same as a sum.
    fn load(&self) -> Load {
        self.work().map_or(Load::default(), |work| Load { measured: 1, work, range: Some((work, work)) })
    }
}

/// How many members there are somewhere, and what they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    size: usize,
    load: Load,
}

impl Sum {
    fn of<T: Member>(members: &[T]) -> Self {
        Self { size: members.len(), load: members.iter().map(Member::load).fold(Load::default(), Load::and) }
    }

    fn and(self, other: Self) -> Self {
        Self { size: self.size + other.size, load: self.load.and(other.load) }
    }
}

#[derive(Debug)]
enum Node<T> {
    /// At least one, in order.
    Leaf(Box<[T]>),
    Branch(Branch<T>),
}

#[derive(Debug)]
struct Branch<T> {
    /// What is less is on the left.
    split: T,
    leaves: usize,
    /// On the left, and on both sides.
    before: Sum,
    all: Sum,
    left: Link<T>,
    right: Link<T>,
}

impl<T: Member> Node<T> {
    fn sum(&self) -> Sum {
        match self {
            Self::Leaf(members) => Sum::of(members),
            Self::Branch(branch) => branch.all,
        }
    }

    fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Branch(branch) => branch.leaves,
        }
    }
}

/// An ordered set with order statistics. Cloning is O(1).
#[derive(Debug)]
pub struct RankSet<T> {
    root: Option<Link<T>>,
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
        self.root.as_ref().map_or(0, |root| root.sum().size)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Adds `value`; false if it was there.
    pub fn insert(&mut self, value: T) -> bool {
        let root = match &self.root {
            Some(root) => insert(root, value),
            None => Some(leaf(&[value])),
        };
        let new = root.is_some();
        self.root = root.or(self.root.take());
        new
    }

    /// Removes `value`; false if it was not there.
    pub fn remove(&mut self, value: &T) -> bool {
        match self.root.as_ref().and_then(|root| remove(root, value)) {
            Some(root) => {
                self.root = root;
                true
            }
            None => false,
        }
    }

    /// How many members are less than `value`, which need not be one.
    pub fn rank(&self, value: &T) -> usize {
        let (before, rest) = self.descend(value);
        before.size + rest.len()
    }

    /// How many members are less than `value`, which need not be one, and what they weigh.
    pub fn before(&self, value: &T) -> (usize, Load) {
        let (before, rest) = self.descend(value);
        let Sum { size, load } = before.and(Sum::of(rest));
        (size, load)
    }

    /// What lies in the leaves before that of `value`, and what is less in its own.
    fn descend(&self, value: &T) -> (Sum, &[T]) {
        let mut before = Sum::default();
        let Some(mut link) = self.root.as_ref() else { return (before, &[]) };
        loop {
            match &**link {
                Node::Leaf(members) => {
                    let less = members.partition_point(|member| member < value);
                    return (before, members.get(..less).unwrap_or_default());
                }
                Node::Branch(branch) if *value < branch.split => link = &branch.left,
                Node::Branch(branch) => {
                    before = before.and(branch.before);
                    link = &branch.right;
                }
            }
        }
    }

    /// The member that `index` others are less than.
    pub fn nth(&self, mut index: usize) -> Option<&T> {
        let mut link = self.root.as_ref()?;
        loop {
            match &**link {
                Node::Leaf(members) => return members.get(index),
                Node::Branch(branch) if index < branch.before.size => link = &branch.left,
                Node::Branch(branch) => {
                    index -= branch.before.size;
                    link = &branch.right;
                }
            }
        }
    }

    /// The least member.
    pub fn first(&self) -> Option<&T> {
        self.nth(0)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut rest: Vec<&Link<T>> = self.root.iter().collect();
        std::iter::from_fn(move || {
            loop {
                match &**rest.pop()? {
                    Node::Leaf(members) => return Some(members.iter()),
                    Node::Branch(branch) => rest.extend([&branch.right, &branch.left]),
                }
            }
        })
        .flatten()
    }
}

fn leaf<T: Clone>(members: &[T]) -> Link<T> {
    Arc::new(Node::Leaf(members.into()))
}

fn branch<T: Member>(left: Link<T>, split: T, right: Link<T>) -> Link<T> {
    let (before, leaves) = (left.sum(), left.leaves() + right.leaves());
    Arc::new(Node::Branch(Branch { split, leaves, before, all: before.and(right.sum()), left, right }))
}

/// None if the value was there.
fn insert<T: Member>(link: &Link<T>, value: T) -> Option<Link<T>> {
    match &**link {
        Node::Leaf(members) => Some(with(members, members.binary_search(&value).err()?, value)),
        Node::Branch(at) if value < at.split => {
            Some(balance(insert(&at.left, value)?, at.split.clone(), at.right.clone()))
        }
        Node::Branch(at) => Some(balance(at.left.clone(), at.split.clone(), insert(&at.right, value)?)),
    }
}

/// Another member at this place of a leaf, which becomes two if it was full.
fn with<T: Member>(members: &[T], place: usize, value: T) -> Link<T> {
    // Most arrive at the end of the line: what lies before them stays full.
    let half = if place == LEAF { LEAF } else { LEAF / 2 };
    let mut all = Vec::with_capacity(members.len() + 1);
    all.extend_from_slice(members);
    all.insert(place, value);
    match all.get(half).filter(|_| members.len() >= LEAF).cloned() {
        Some(split) => {
            let right = all.split_off(half);
            branch(Arc::new(Node::Leaf(all.into())), split, Arc::new(Node::Leaf(right.into())))
        }
        None => Arc::new(Node::Leaf(all.into())),
    }
}

/// None if the value was not there; else what is left, if anything is.
fn remove<T: Member>(link: &Link<T>, value: &T) -> Option<Option<Link<T>>> {
    match &**link {
        Node::Leaf(members) => {
            let place = members.binary_search(value).ok()?;
            let rest: Box<[T]> = members.iter().take(place).chain(members.iter().skip(place + 1)).cloned().collect();
            Some((!rest.is_empty()).then(|| Arc::new(Node::Leaf(rest))))
        }
        Node::Branch(at) if *value < at.split => Some(Some(match remove(&at.left, value)? {
            Some(left) => join(left, at.split.clone(), at.right.clone()),
            None => at.right.clone(),
        })),
        Node::Branch(at) => Some(Some(match remove(&at.right, value)? {
            Some(right) => join(at.left.clone(), at.split.clone(), right),
            None => at.left.clone(),
        })),
    }
}

/// A branch of these parts, or a leaf if a half empty one has room for both.
fn join<T: Member>(left: Link<T>, split: T, right: Link<T>) -> Link<T> {
    match (&*left, &*right) {
        (Node::Leaf(l), Node::Leaf(r)) if l.len() + r.len() <= LEAF / 2 => {
            Arc::new(Node::Leaf(l.iter().chain(r).cloned().collect()))
        }
        _ => balance(left, split, right),
    }
}

/// A branch of these parts, one of which may have a leaf more or less than when they were balanced.
fn balance<T: Member>(left: Link<T>, split: T, right: Link<T>) -> Link<T> {
    let (l, r) = (left.leaves(), right.leaves());
    match (&*left, &*right) {
        (_, Node::Branch(heavy)) if r > DELTA * l => match &*heavy.left {
            Node::Branch(middle) if middle.leaves >= RATIO * heavy.right.leaves() => branch(
                branch(left, split, middle.left.clone()),
                middle.split.clone(),
                branch(middle.right.clone(), heavy.split.clone(), heavy.right.clone()),
            ),
            _ => branch(branch(left, split, heavy.left.clone()), heavy.split.clone(), heavy.right.clone()),
        },
        (Node::Branch(heavy), _) if l > DELTA * r => match &*heavy.right {
            Node::Branch(middle) if middle.leaves >= RATIO * heavy.left.leaves() => branch(
                branch(heavy.left.clone(), heavy.split.clone(), middle.left.clone()),
                middle.split.clone(),
                branch(middle.right.clone(), split, right),
            ),
            _ => branch(heavy.left.clone(), heavy.split.clone(), branch(heavy.right.clone(), split, right)),
        },
        _ => branch(left, split, right),
    }
}

#[cfg(test)]
mod tests;
