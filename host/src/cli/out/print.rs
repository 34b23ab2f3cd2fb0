//! What people read: lines, tables, times. Nothing here knows what it prints.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use chrono::{DateTime, Local, Utc};
use console::{Term, measure_text_width, style, truncate_str};
use serde::Serialize;

use super::stderr;
use super::text::steers;
use crate::show;

/// The reader of the output has gone, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("the output is closed")]
pub(in crate::cli) struct OutputClosed;

/// Prints a line. Unlike `println!`, it does not panic when a pipe closes.
pub(in crate::cli) fn line(text: impl Display) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        outcome => Ok(outcome?),
    }
}

/// A word beside the output, on stderr. Nothing fails because nobody listens there.
pub(in crate::cli) fn aside(text: impl Display) {
    stderr::say(text);
}

/// Prints JSON as it came, except that no character in it can steer a terminal: within its texts, which is the only place for
/// them, such characters are written as escapes.
pub(in crate::cli) fn json(text: &str) -> anyhow::Result<()> {
    line(escaped(text))
}

/// Prints a shape of ours as JSON.
pub(in crate::cli) fn shape(shape: &impl Serialize) -> anyhow::Result<()> {
    json(&show::text(shape))
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        if steers(character) {
            safe += &format!("\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A table: aligned, two spaces between columns, the last one cut where the terminal ends. Columns in which nothing stands are
/// left out.
pub(in crate::cli) struct Table {
    rows: Vec<Vec<String>>,
    cut: bool,
}

impl Table {
    pub(in crate::cli) fn new<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Self {
        Self { rows: vec![header.map(|title| style(title).dim().to_string()).to_vec()], cut: true }
    }

    /// The same with all of its lines, however long.
    pub(in crate::cli) fn uncut(self, uncut: bool) -> Self {
        Self { cut: !uncut, ..self }
    }

    pub(in crate::cli) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.to_vec());
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let term = Term::stdout();
        let room = if term.is_term() && self.cut { usize::from(term.size().1) } else { usize::MAX };
        write!(f, "{}", lay_out(&self.rows, room).join("\n"))
    }
}

fn lay_out(rows: &[Vec<String>], room: usize) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    // The first row is the header, which is no reason for a column.
    for row in rows.iter().skip(1) {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = measure_text_width(cell).max(*width);
        }
    }
    if let Some(header) = rows.first() {
        for (width, title) in widths.iter_mut().zip(header).filter(|(width, _)| **width > 0) {
            *width = measure_text_width(title).max(*width);
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                line += cell;
                line += &" ".repeat(width - measure_text_width(cell) + 2);
            }
            truncate_str(line.trim_end(), room, "…").into_owned()
        })
        .collect()
}

/// Names and values under each other, without those that have no value.
pub(in crate::cli) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = fields.iter().map(|(name, value)| {
        let value = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        format!("{}{}  {value}", style(name).dim(), " ".repeat(width - name.len()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `1 job`, `2 jobs`.
pub(in crate::cli) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// How long ago something was, as roughly as people say it.
pub(in crate::cli) fn ago(time: DateTime<Utc>) -> String {
    match (Utc::now() - time).num_seconds() {
        ..=0 => "just now".to_owned(),
        _ => format!("{} ago", age(time)),
    }
}

/// The same for a column.
pub(in crate::cli) fn age(time: DateTime<Utc>) -> String {
    let seconds = (Utc::now() - time).num_seconds().max(0);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// When something was or will be, on the reader's own clock.
pub(in crate::cli) fn when(time: DateTime<Utc>) -> String {
    let now = Utc::now();
    let far = if time > now { ahead(time, now) } else { ago(time) };
    format!("{} ({far})", time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S"))
}

/// Until when, on the reader's own clock, and how long that is: `until 14:03:10, in 4 min`.
pub(in crate::cli) fn until(time: DateTime<Utc>) -> String {
    until_from(time, Utc::now())
}

fn until_from(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let [then, today] = [time, now].map(|time| time.with_timezone(&Local));
    let same_day = then.date_naive() == today.date_naive();
    format!("until {}, {}", then.format(if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" }), ahead(time, now))
}

/// In how long something will be, as roughly as people say it.
fn ahead(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    // To the nearest: what is 3 min 59 s away is not 3 min away.
    let nearest = |seconds: i64, unit: i64| (seconds + unit / 2) / unit;
    match (time - now).num_milliseconds().div_euclid(1_000) {
        ..=0 => "any moment now".to_owned(),
        seconds @ ..90 => format!("in {seconds} s"),
        seconds @ ..5_400 => format!("in {} min", nearest(seconds, 60)),
        seconds @ ..172_800 => format!("in {} h", nearest(seconds, 3_600)),
        seconds => format!("in {} days", nearest(seconds, 86_400)),
    }
}

/// The time of day, on the reader's own clock.
pub(in crate::cli) fn clock(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%H:%M:%S").to_string()
}

/// A duration in seconds, with as many digits as matter.
pub(in crate::cli) fn seconds(seconds: f64) -> String {
    match seconds {
        ..10.0 => format!("{seconds:.1}s"),
        ..120.0 => format!("{seconds:.0}s"),
        _ => format!("{:.0}m", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_the_screen() {
        let lines = lay_out(&[row(["A", "B"]), row(["漢字", "x"]), row(["a", "y"])], usize::MAX);
        assert_eq!(lines, ["A     B", "漢字  x", "a     y"]);
    }

    #[test]
    fn a_column_in_which_nothing_stands_is_left_out() {
        assert_eq!(lay_out(&[row(["USER", "B"]), row(["", "x"])], usize::MAX), ["B", "x"]);
    }

    #[test]
    fn what_is_to_come_has_its_time_and_how_long_that_is() {
        let now: DateTime<Utc> = "2026-03-10T12:00:00Z".parse().expect("a time");
        for (seconds, told) in [
            (0, "any moment now"),
            (30, "in 30 s"),
            (239, "in 4 min"),
            (3 * 3_600 - 1, "in 3 h"),
            (10 * 86_400, "in 10 days"),
        ] {
            let time = now + chrono::Duration::seconds(seconds);
            let until = until_from(time, now);
            assert!(until.starts_with("until ") && until.ends_with(&format!(", {told}")), "{until}");
            let same_day = time.with_timezone(&Local).date_naive() == now.with_timezone(&Local).date_naive();
            assert_eq!(until.contains(&clock(time)), same_day, "{until}");
        }
    }

    #[test]
    fn json_cannot_steer_a_terminal_and_means_the_same() {
        let text = "{\"prompt\":\"a\u{9b}31m\u{202e}b ä\"}";
        let shown = escaped(text);
        assert_eq!(shown, "{\"prompt\":\"a\\u009b31m\\u202eb ä\"}");
        let [was, is] = [text, &shown].map(|text| serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
        assert_eq!(was, is);
    }

    #[test]
    fn a_line_ends_where_the_terminal_does() {
        assert_eq!(lay_out(&[row(["A", "B"]), row(["id", "a long prompt"])], 9), ["A   B", "id  a lo…"]);
    }

    #[test]
    fn fields_without_a_value_are_left_out_and_lines_of_one_value_stay_under_each_other() {
        let text = fields([("id", "1".to_owned()), ("error", "a\nb".to_owned()), ("result", String::new())]);
        assert_eq!(console::strip_ansi_codes(&text), "id     1\nerror  a\n       b");
    }
}
