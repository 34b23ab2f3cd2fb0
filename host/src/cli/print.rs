//! What people read: lines, tables, times. Nothing here knows what it prints.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use chrono::{DateTime, Local, Utc};
use console::{Term, measure_text_width, style, truncate_str};

/// The reader of the output has gone, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output")]
pub(super) struct OutputClosed;

/// Prints a line. Unlike `println!`, it does not panic when a pipe closes.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        outcome => Ok(outcome?),
    }
}

/// A table: aligned, two spaces between columns, the last one cut where the terminal ends.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(header: [&str; COLUMNS]) -> Self {
        Self { rows: vec![header.map(|title| style(title).dim().to_string())] }
    }

    pub(super) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }
}

impl<const COLUMNS: usize> Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let term = Term::stdout();
        let room = if term.is_term() { usize::from(term.size().1) } else { usize::MAX };
        write!(f, "{}", lay_out(&self.rows, room).join("\n"))
    }
}

fn lay_out<const COLUMNS: usize>(rows: &[[String; COLUMNS]], room: usize) -> Vec<String> {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = measure_text_width(cell).max(*width);
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line += cell;
                line += &" ".repeat(width - measure_text_width(cell) + 2);
            }
            truncate_str(line.trim_end(), room, "…").into_owned()
        })
        .collect()
}

/// Names and values under each other, without those that have no value.
pub(super) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = fields.iter().map(|(name, value)| {
        let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        format!("{}{}  {value}", style(name).dim(), " ".repeat(width - name.len()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `1 job`, `2 jobs`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// How long ago something was, as roughly as people say it.
pub(super) fn ago(time: DateTime<Utc>) -> String {
    let seconds = (Utc::now() - time).num_seconds();
    match seconds {
        ..=0 => "just now".to_owned(),
        1..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// When something was, on the reader's own clock.
pub(super) fn when(time: DateTime<Utc>) -> String {
    format!("{} ({})", time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S"), ago(time))
}

/// The time of day, on the reader's own clock.
pub(super) fn clock(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%H:%M:%S").to_string()
}

/// A duration in seconds, with as many digits as matter.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        ..10.0 => format!("{seconds:.1}s"),
        ..120.0 => format!("{seconds:.0}s"),
        _ => format!("{:.0}m", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> [String; 2] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_the_screen() {
        let lines = lay_out(&[row(["漢字", "x"]), row(["a", "y"])], usize::MAX);
        assert_eq!(lines, ["漢字  x", "a     y"]);
    }

    #[test]
    fn a_line_ends_where_the_terminal_does() {
        assert_eq!(lay_out(&[row(["id", "a long prompt"])], 9), ["id  a lo…"]);
    }

    #[test]
    fn fields_without_a_value_are_left_out_and_lines_of_one_value_stay_under_each_other() {
        let text = fields([("id", "1".to_owned()), ("error", "a\nb".to_owned()), ("result", String::new())]);
        assert_eq!(console::strip_ansi_codes(&text), "id     1\nerror  a\n       b");
    }
}
