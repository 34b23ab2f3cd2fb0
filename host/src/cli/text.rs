//! Texts of somebody else's: a prompt, a log line, an error. On the way in they lose the control characters that would
//! let them move the cursor, rename the window or type for the reader, and those that make text read backwards.

use serde::{Deserialize, Deserializer};

/// Such a text, safe to print.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(String);

/// Whether a character tells a terminal something, or turns around the order in which others are read.
pub(super) fn steers(character: char) -> bool {
    let turns =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t'))
}

impl Text {
    pub(super) fn of(text: &str) -> Self {
        Self(
            text.chars()
                .map(|character| if steers(character) { char::REPLACEMENT_CHARACTER } else { character })
                .collect(),
        )
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
        assert_eq!(&*Text::of("a\u{202e}gnp.exe"), "a\u{fffd}gnp.exe");
        assert_eq!(Text::of("a\r\n  b").one_line(), "a\u{fffd} b");
    }
}
