//! What is printed: the machine, its limits, the table, all as Markdown.

use crate::bench::Bench;
use crate::format::{figure, times};
use crate::limits::Limits;
use crate::machine::{self, Machine};
use crate::row::{Row, Section, Unit};

pub struct Report {
    machine: Machine,
    limits: Vec<Row>,
    sections: Vec<Section>,
    /// What could not be measured, and why.
    failed: Vec<String>,
}

impl Report {
    pub fn begin(bench: &Bench) -> Self {
        Self { machine: Machine::look(bench.directory()), limits: Vec::new(), sections: Vec::new(), failed: Vec::new() }
    }

    pub fn limits(&mut self, limits: &Limits) {
        self.limits = limits.rows();
    }

    pub fn add(&mut self, name: &str, measured: anyhow::Result<Section>) {
        match measured {
            Ok(section) => self.sections.push(section),
            Err(error) => self.failed.push(format!("{name}: {error:#}")),
        }
    }

    /// Prints all of it. An error if something could not be measured.
    pub fn print(&self) -> anyhow::Result<()> {
        println!("{}\n", self.machine);
        println!("Load average: {} before, {} after.\n", self.machine.load, machine::load());

        println!("| the machine's own limits | median | runs |\n|---|---|---|");
        for row in &self.limits {
            println!("| {} | {} | {} |", row.what, figure(row.figure.median, row.unit), runs(row));
        }
        println!(
            "\n| what | goal | median | runs | of the goal | beside it | of that |\n|---|---|---|---|---|---|---|"
        );
        for row in self.sections.iter().flat_map(|section| &section.rows) {
            println!("{}", line(row));
        }
        println!();
        for note in self.sections.iter().flat_map(|section| &section.notes) {
            println!("- {note}");
        }
        for failed in &self.failed {
            println!("- not measured: {failed}");
        }
        anyhow::ensure!(self.failed.is_empty(), "{} measurements could not be made", self.failed.len());
        Ok(())
    }
}

fn line(row: &Row) -> String {
    let goal = row.goal.map_or_else(|| "–".to_owned(), |goal| bound(row.unit, goal));
    let of_goal = match (row.goal, row.reached()) {
        (Some(goal), Some(true)) => times(row.figure.median / goal),
        (Some(goal), _) => format!("**{}** missed", times(row.figure.median / goal)),
        (None, _) => "–".to_owned(),
    };
    let (limit, of_limit) = match &row.limit {
        Some(limit) => {
            (format!("{} {}", limit.what, figure(limit.value, row.unit)), times(row.figure.median / limit.value))
        }
        None => ("–".to_owned(), "–".to_owned()),
    };
    format!(
        "| {} | {goal} | **{}** | {} | {of_goal} | {limit} | {of_limit} |",
        row.what,
        figure(row.figure.median, row.unit),
        runs(row)
    )
}

fn bound(unit: Unit, goal: f64) -> String {
    let least = if unit == Unit::PerSecond { "≥" } else { "≤" };
    format!("{least} {}", figure(goal, unit))
}

fn runs(row: &Row) -> String {
    let (least, most) = (figure(row.figure.least, row.unit), figure(row.figure.most, row.unit));
    format!("{}: {least} to {most}", row.figure.runs)
}
