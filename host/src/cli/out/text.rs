//! Texts of somebody else's: a prompt, a log line, an error. On the way in they lose the control characters that would
//! let them move the cursor, rename the window or type for the reader, and those that make text read backwards.

use easel_core::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether a character tells a terminal something, or turns around the order in which others are read.
pub(in crate::cli) fn steers(character: char) -> bool {
    let turns =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// What a host sent, as a `T` of which every text is safe to print. The error is for people.
pub(in crate::cli) fn read<T: DeserializeOwned>(sent: &str) -> Result<T, String> {
    let value = json::read(sent.as_bytes()).map_err(|error| error.to_string())?;
    serde_json::from_value(all_safe(value)).map_err(|error| error.to_string())
}

fn all_safe(value: Value) -> Value {
    match value {
        Value::String(text) => safe(&text).into(),
        Value::Array(items) => items.into_iter().map(all_safe).collect(),
        Value::Object(fields) if json::letters::is_number(&fields) => Value::Object(fields),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (safe(&name), all_safe(field))).collect(),
        other => other,
    }
}

/// The text, safe to print.
pub(in crate::cli) fn safe(text: &str) -> String {
    text.chars().map(|character| if steers(character) { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

/// What the system says of an error, without its number, which tells people nothing.
pub(in crate::cli) fn cause(error: &(impl std::fmt::Display + ?Sized)) -> String {
    let told = error.to_string();
    told.split_once(" (os error ").map_or(told.as_str(), |(words, _)| words).to_owned()
}

/// A text on a single line, for tables.
pub(in crate::cli) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_cannot_send_control_sequences_to_the_terminal() {
        assert_eq!(safe("a\x1b[2Jb\u{9b}c\td\n"), "a\u{fffd}[2Jb\u{fffd}c\td\n");
        assert_eq!(safe("a\u{202e}gnp.exe"), "a\u{fffd}gnp.exe");
        assert_eq!(one_line(&safe("a\r\n  b")), "a\u{fffd} b");
    }

    #[test]
    fn what_the_system_says_has_no_number() {
        assert_eq!(cause(&std::io::Error::from_raw_os_error(111)), "Connection refused");
        assert_eq!(cause("closed"), "closed");
    }

    #[test]
    fn nothing_that_a_host_sends_can_wherever_it_stands_and_numbers_stay_to_the_letter() {
        let sent = r#"{"a\u001b": [{"b": "\u009b31m"}], "n": 1.10, "m": 1e400}"#;
        let read: Value = read(sent).expect("JSON");
        assert_eq!(read["a\u{fffd}"], json!([{"b": "\u{fffd}31m"}]));
        assert_eq!(json::text(&read["n"]), "1.10");
        assert_eq!(json::text(&read["m"]), "1e400");
    }
}
