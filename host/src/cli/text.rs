//! Texts of somebody else's: a prompt, a log line, an error. On the way in they lose the control characters that would
//! let them move the cursor, rename the window or type for the reader.

use serde::{Deserialize, Deserializer};

/// Such a text, safe to print.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn of(text: &str) -> Self {
        let safe = |character: char| match character {
            '\n' | '\t' => character,
            control if control.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        };
        Self(text.chars().map(safe).collect())
    }

    /// The text on a single line, for tables.
    pub(super) fn one_line(&self) -> String {
        self.0.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_send_control_sequences_to_the_terminal() {
        assert_eq!(&*Text::of("a\x1b[2Jb\u{9b}c\td\n"), "a\u{fffd}[2Jb\u{fffd}c\td\n");
        assert_eq!(Text::of("a\r\n  b").one_line(), "a\u{fffd} b");
    }
}
