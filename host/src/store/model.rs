//! All that can happen to a log, its rows and its tail, in every order up to a depth: commits, slices, cuts, and a crash anywhere. The
//! tail is the real one, the database a map. Each rule of the store is broken once as well, and has to be missed.

use std::collections::BTreeMap;

use serde_json::json;

use super::log::Head;
use super::rows::{Row, RowName, Table};
use super::tail::Tail;

const DEPTH: u32 = 6;

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A commit writes a row.
    Write(&'static str),
    /// A commit removes a row.
    Remove(&'static str),
    /// A slice of about so many rows is written.
    Project(usize),
    /// The same, and the process ends in the middle of it.
    Tear,
    /// The log is cut as far as it may be.
    Cut,
    /// The process ends, and another one begins.
    Crash,
}

const STEPS: [Step; 8] = [
    Step::Write("a"),
    Step::Write("b"),
    Step::Remove("a"),
    Step::Project(1),
    Step::Project(9),
    Step::Tear,
    Step::Cut,
    Step::Crash,
];

/// What the store keeps to; or which of that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    All,
    /// The mark moves on before the rows are written, and not in one transaction with them.
    MarkFirst,
    /// The log is cut up to its end.
    CutsEverything,
    /// A slice says that it has all commits, although it ends with an earlier one.
    SaysTooMuch,
    /// A row that went leaves no trace in the tail.
    ForgetsWhatWent,
    /// A start does not read what is not in the rows yet.
    StartsAtTheRows,
}

type Rows = BTreeMap<&'static str, u64>;

/// The disk, the process, and what should be.
struct World {
    rule: Rule,
    log: BTreeMap<u64, (&'static str, Option<u64>)>,
    rows: Rows,
    mark: u64,
    tail: Tail,
    truth: Rows,
    last: u64,
}

fn name(id: &str) -> RowName {
    RowName::new(Table::Message, &id)
}

impl World {
    fn new(rule: Rule) -> Self {
        let (log, rows, truth) = Default::default();
        Self { rule, log, rows, mark: 0, tail: Tail::new(0, 1, Head::default()), truth, last: 0 }
    }

    fn commit(&mut self, id: &'static str, row: Option<u64>) {
        self.last += 1;
        self.log.insert(self.last, (id, row));
        self.push(self.last, id, row);
        match row {
            Some(row) => _ = self.truth.insert(id, row),
            None => _ = self.truth.remove(id),
        }
    }

    fn push(&self, commit: u64, id: &'static str, row: Option<u64>) {
        let told = (name(id), row.map(|row| Row::Document(json!(row))));
        let rows = (self.rule != Rule::ForgetsWhatWent || row.is_some()).then_some(told);
        self.tail.push(commit, Head::default(), rows);
    }

    /// Writes a slice; as much of that as takes place before the process ends, if it does.
    fn project(&mut self, limit: usize, torn: bool) {
        let slice = self.tail.oldest(limit, usize::MAX);
        let mark = if self.rule == Rule::SaysTooMuch { self.last } else { slice.commit };
        if self.rule == Rule::MarkFirst {
            self.mark = mark;
        }
        if torn {
            return;
        }
        for (RowName(_, id), row) in slice.rows {
            let id = if id == "a" { "a" } else { "b" };
            match row {
                Some(row) => _ = self.rows.insert(id, row.content().as_u64().unwrap()),
                None => _ = self.rows.remove(id),
            }
        }
        self.mark = mark;
        self.tail.projected(mark, 1);
    }

    fn crash(&mut self) {
        self.tail = Tail::new(self.mark, 1, Head::default());
        if self.rule != Rule::StartsAtTheRows {
            for (commit, (id, row)) in self.log.range(self.mark + 1..) {
                self.push(*commit, id, *row);
            }
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Write(id) => self.commit(id, Some(self.last + 1)),
            Step::Remove(id) => self.commit(id, None),
            Step::Project(limit) => self.project(limit, false),
            Step::Tear => {
                self.project(1, true);
                self.crash();
            }
            Step::Cut => {
                let until = if self.rule == Rule::CutsEverything { self.last + 1 } else { self.mark };
                self.log = self.log.split_off(&until);
            }
            Step::Crash => self.crash(),
        }
    }

    /// What readers see: the tail over the rows.
    fn seen(&self) -> Rows {
        let row = |id: &'static str| match self.tail.row(&name(id)) {
            Some(row) => row.and_then(|row| row.content().as_u64()),
            None => self.rows.get(id).copied(),
        };
        ["a", "b"].into_iter().filter_map(|id| Some((id, row(id)?))).collect()
    }
}

/// The first order of steps after which readers do not see what was committed.
fn counterexample(rule: Rule) -> Option<Vec<Step>> {
    for number in 0..STEPS.len().pow(DEPTH) {
        let (mut world, mut number, mut taken) = (World::new(rule), number, Vec::new());
        for _ in 0..DEPTH {
            let step = STEPS[number % STEPS.len()];
            number /= STEPS.len();
            taken.push(step);
            world.take(step);
            if world.seen() != world.truth {
                return Some(taken);
            }
        }
    }
    None
}

#[test]
fn whatever_happens_readers_see_what_was_committed() {
    assert!(counterexample(Rule::All).is_none(), "{:?}", counterexample(Rule::All));
}

#[test]
fn each_rule_is_needed() {
    let broken =
        [Rule::MarkFirst, Rule::CutsEverything, Rule::SaysTooMuch, Rule::ForgetsWhatWent, Rule::StartsAtTheRows];
    for rule in broken {
        assert!(counterexample(rule).is_some(), "{rule:?} is missed by nothing");
    }
}
