//! A value as a message quotes it.

use serde_json::Value;

use super::letters;

/// The longest value that is quoted, in bytes.
const LONGEST: usize = 60;

/// A value as it was sent, if it is short enough; else what kind of value it is.
pub fn quoted(value: &Value) -> String {
    match value {
        value if letters::written(value).is_some_and(|written| written.len() > LONGEST) => "a long number".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(fields) if !letters::is_number(fields) => "an object".to_owned(),
        Value::String(text) if text.len() > LONGEST => {
            format!("{:?}…", text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default())
        }
        short => letters::text(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    #[test]
    fn a_short_value_is_quoted_to_the_letter_and_a_long_one_is_cut() {
        for text in ["7", "1.50", "1e400", "null", "true", "\"a red fox\""] {
            assert_eq!(quoted(&read(text.as_bytes()).unwrap()), text);
        }
        for (text, told) in [("[1]", "a list"), ("{\"a\":1}", "an object")] {
            assert_eq!(quoted(&read(text.as_bytes()).unwrap()), told);
        }
        for text in [format!("\"{}\"", "ä".repeat(500)), "1".repeat(500)] {
            assert!(quoted(&read(text.as_bytes()).unwrap()).len() < 100);
        }
    }
}
