//! A line of the table: what was measured, what it was to be, and what the machine could do at best.

use crate::statistics::Spread;

/// What a figure counts, and so whether more of it is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Per second: the more the better.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub what: String,
    pub unit: Unit,
    pub goal: Option<f64>,
    pub figure: Spread,
    pub limit: Option<Limit>,
}

/// What something costs at best, or costs elsewhere: to hold a figure against.
#[derive(Clone, Debug)]
pub struct Limit {
    pub what: &'static str,
    pub value: f64,
}

/// What one measurement came to.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub rows: Vec<Row>,
    /// What a reader has to know besides.
    pub notes: Vec<String>,
}

impl Row {
    pub fn new(what: impl Into<String>, unit: Unit, figure: Spread) -> Self {
        Self { what: what.into(), unit, goal: None, figure, limit: None }
    }

    pub fn goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    pub fn limit(mut self, what: &'static str, value: f64) -> Self {
        self.limit = Some(Limit { what, value });
        self
    }

    /// Whether the goal is reached, if there is one.
    pub fn reached(&self) -> Option<bool> {
        let goal = self.goal?;
        Some(if self.unit == Unit::PerSecond { self.figure.median >= goal } else { self.figure.median <= goal })
    }
}
