//! Text from guests, made fit for logs, rows and terminals.

/// At most `most` bytes of `text`, cut between characters.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// One line of at most `most` bytes in which nothing moves a cursor, starts another line or reverses the reading
/// direction: such characters are shown as their escapes. A guest can then not forge lines of a log.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(most));
    for character in text.chars() {
        if misleads(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
        if safe.len() > most {
            break;
        }
    }
    cut(safe, most)
}

fn misleads(character: char) -> bool {
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && character != '\t') || reorders
}

/// Text for users, at most `most` bytes: lines may break, nothing else may happen.
pub(crate) fn paragraph(text: &str, most: usize) -> String {
    let safe = text.chars().filter(|character| *character == '\n' || !misleads(*character)).collect();
    cut(safe, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aä".into(), 2), "a");
        assert_eq!(cut("aä".into(), 3), "aä");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\nb\u{1b}[31m\0\tc\u{202e}", 100), "a\\nb\\u{1b}[31m\\u{0}\tc\\u{202e}");
        assert_eq!(line(&"x".repeat(100), 10), "x".repeat(10));
    }

    #[test]
    fn a_paragraph_keeps_its_lines_and_loses_the_rest() {
        assert_eq!(paragraph("a\nb\0\u{1b}c", 100), "a\nbc");
        assert_eq!(paragraph(&"x".repeat(100), 10), "x".repeat(10));
    }
}
