//! Reading JSON that others wrote, with numbers to the letter, and saying in plain words what is wrong with it.
//!
//! A name that stands twice in an object is refused at any depth: which of the two was meant, nobody can know.

use std::fmt;

use hifijson::num::LexWrite as _;
use hifijson::str::LexAlloc as _;
use hifijson::token::Lex as _;
use hifijson::{Error as Wrong, Expect, SliceLexer, escape, num, str};
use serde_json::{Map, Value};

use super::letters;

/// How deep lists and objects may be inside one another. serde_json has the same limit.
const DEPTH: usize = 127;

/// Windows puts it at the beginning of files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a text is not JSON that Easel takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is none.
    #[error("line {line}, column {column}: {what}")]
    At {
        /// The line, from 1.
        line: usize,
        /// The character of that line, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A name stands twice in an object.
    #[error("{0} appears twice")]
    Twice(
        /// The field, dotted.
        String,
    ),
}

/// Reads a JSON document. A byte order mark in front of it is passed over.
pub fn read(bytes: &[u8]) -> Result<Value, Unreadable> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Unreadable::At { line: 1, column: 1, what: "the text is UTF-16: save it as UTF-8".to_owned() });
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut reader = Reader { path: Vec::new(), twice: None };
    let mut lexer = SliceLexer::new(bytes);
    let read = lexer.exactly_one(SliceLexer::ws_peek, |next, lexer| reader.value(next, lexer, DEPTH));
    match (read, reader.twice) {
        (Err(wrong), _) => Err(located(bytes, lexer.as_slice().len(), &wrong)),
        (Ok(_), Some(field)) => Err(Unreadable::Twice(field)),
        (Ok(value), None) => Ok(value),
    }
}

struct Reader {
    /// Where it reads.
    path: Vec<Part>,
    /// The first field that stands twice.
    twice: Option<String>,
}

enum Part {
    Index(usize),
    Name(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Reader {
    fn value(&mut self, next: u8, lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Wrong> {
        match next {
            b'a'..=b'z' => match lexer.null_or_bool().ok_or(Expect::Value)? {
                Some(bool) => Ok(Value::Bool(bool)),
                None => Ok(Value::Null),
            },
            b'0'..=b'9' | b'-' => Ok(letters::number(lexer.num_string().validated()?.0)),
            b'"' => Ok(Value::String(lexer.discarded().str_string()?.into_owned())),
            b'[' => self.array(lexer.discarded(), depth.checked_sub(1).ok_or(Wrong::Depth)?),
            b'{' => self.object(lexer.discarded(), depth.checked_sub(1).ok_or(Wrong::Depth)?),
            _ => Err(Expect::Value)?,
        }
    }

    fn array(&mut self, lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        lexer.seq(b']', SliceLexer::ws_peek, |next, lexer| {
            self.path.push(Part::Index(items.len()));
            items.push(self.value(next, lexer, depth)?);
            self.path.pop();
            Ok::<_, Wrong>(())
        })?;
        Ok(Value::Array(items))
    }

    fn object(&mut self, lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Value, Wrong> {
        let mut fields = Map::new();
        lexer.seq(b'}', SliceLexer::ws_peek, |next, lexer| {
            lexer.expect(|_| Some(next), b'"').ok_or(Expect::String)?;
            let name = lexer.str_string()?.into_owned();
            lexer.expect(SliceLexer::ws_peek, b':').ok_or(Expect::Colon)?;
            let next = lexer.ws_peek().ok_or(Expect::Value)?;
            self.path.push(Part::Name(name.clone()));
            let value = self.value(next, lexer, depth)?;
            // What numbers to the letter are called is nobody's name.
            if (fields.insert(name.clone(), value).is_some() || name == letters::NAME) && self.twice.is_none() {
                let path: Vec<_> = self.path.iter().map(ToString::to_string).collect();
                self.twice = Some(path.join("."));
            }
            self.path.pop();
            Ok::<_, Wrong>(())
        })?;
        Ok(Value::Object(fields))
    }
}

fn located(bytes: &[u8], left: usize, wrong: &Wrong) -> Unreadable {
    let ended = left == 0;
    // Strings are found out about when their bad part has been taken.
    let taken = usize::from(matches!(wrong, Wrong::Str(_)) && !ended);
    let before = bytes.get(..bytes.len().saturating_sub(left + taken)).unwrap_or_default();
    let line =
        before.iter().rposition(|byte| *byte == b'\n').map_or(before, |end| before.get(end + 1..).unwrap_or_default());
    Unreadable::At {
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        column: 1 + String::from_utf8_lossy(line).chars().count(),
        what: words(wrong, ended),
    }
}

fn words(wrong: &Wrong, ended: bool) -> String {
    let what = match wrong {
        Wrong::Depth => return format!("more than {DEPTH} lists and objects inside one another"),
        Wrong::Num(num::Error::ExpectedDigit) => "a digit is missing in this number",
        Wrong::Token(_) | Wrong::Str(str::Error::Eof | str::Error::Escape(escape::Error::Eof)) if ended => {
            "the JSON ends too early here"
        }
        Wrong::Token(Expect::Value) => "this is not a JSON value: a text needs quotes",
        Wrong::Token(Expect::ValueOrEnd) => "a value or the end of the list is missing here",
        Wrong::Token(Expect::CommaOrEnd) => "a comma or a closing bracket is missing here",
        Wrong::Token(Expect::String) => "the name of a field must be a text in double quotes",
        Wrong::Token(Expect::Colon) => "a colon is missing here, between a field's name and its value",
        Wrong::Token(Expect::Eof) => "the JSON has ended before this: there is more than one value",
        Wrong::Str(str::Error::Control) => "a text may not have a control character or a line break: write \\n",
        Wrong::Str(str::Error::Utf8(_)) => "this text is not UTF-8",
        Wrong::Str(str::Error::Eof | str::Error::Escape(escape::Error::Eof)) => {
            "this text is not closed: a double quote is missing"
        }
        Wrong::Str(str::Error::Escape(escape::Error::InvalidKind(_))) => {
            "a backslash is followed by a character that means nothing there: write \\\\ for a backslash"
        }
        Wrong::Str(str::Error::Escape(escape::Error::InvalidHex(_))) => "\\u needs four hexadecimal digits",
        Wrong::Str(str::Error::Escape(escape::Error::InvalidChar(_) | escape::Error::ExpectedLowSurrogate)) => {
            "half an emoji: \\ud800 to \\udfff come in pairs"
        }
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::text;

    fn wrong(bytes: impl AsRef<[u8]>) -> String {
        read(bytes.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_read_is_written_to_the_letter() {
        let digits = "9".repeat(400);
        for kept in [
            r#"{"seed":12345678901234567890123,"a":[1e400,-0,1.10,1E5,1e+2,-1.5e-7],"b":{"c":20,"d":2.0}}"#.to_owned(),
            format!(r#"[{digits},-{digits},0.{digits}]"#),
            r#"["\"\\/\b\f\n\r\t\u0001 ü 🦊",null,true,false,{},[],""]"#.to_owned(),
        ] {
            let value = read(kept.as_bytes()).unwrap();
            let again = read(text(&value).as_bytes()).unwrap();
            assert_eq!(again, value);
            let bare = |text: &str| text.replace("\\/", "/").len();
            assert_eq!(bare(&text(&value)), bare(&kept), "{value}");
        }
    }

    #[test]
    fn what_has_no_odd_numbers_is_read_and_written_as_serde_json_does() {
        for document in [
            r#" { "b" : [ 1 , -2.5 , 1e21 , true , null , "x\u00e4\ud83e\udd8a" ] , "a" : { } } "#,
            "\"\\u007f\\u2028/\"",
            "7",
        ] {
            let theirs: Value = serde_json::from_str(document).unwrap();
            let ours = read(document.as_bytes()).unwrap();
            assert_eq!(crate::json::letters::approximate(&ours), theirs);
            assert_eq!(text(&theirs), theirs.to_string());
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_only_in_front() {
        assert_eq!(read("\u{feff}{\"a\": 1}".as_bytes()), Ok(json!({"a": 1})));
        assert!(wrong("{\u{feff}}").contains("column 2"));
    }

    #[test]
    fn a_name_that_stands_twice_is_told_by_its_place() {
        for (document, field) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": {"b": [0, {"c": 1, "d": 2, "c": 3}]}}"#, "a.b.1.c"),
            (r#"{"a": {"\u0062": 1, "b": 2}}"#, "a.b"),
            (r#"[{"x": {"y": {}, "y": {"z": 1, "z": 2}}}]"#, "0.x.y.z"),
        ] {
            assert_eq!(read(document.as_bytes()), Err(Unreadable::Twice(field.to_owned())), "{document}");
        }
        assert!(read(br#"{"a": {"x": 1}, "b": {"x": 1}}"#).is_ok());
        assert!(matches!(read(br#"{"\u0000number": "7"}"#), Err(Unreadable::Twice(_))));
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words_at_its_place() {
        for (document, told) in [
            ("", "line 1, column 1: the JSON ends too early here"),
            ("{\n  \"a\": 1,\n  \"b\" 2}", "line 3, column 7: a colon is missing here"),
            ("{\"ä\": tru}", "not a JSON value"),
            ("[1 2]", "line 1, column 4: a comma or a closing bracket is missing here"),
            ("[1,]", "not a JSON value"),
            ("{a: 1}", "line 1, column 2: the name of a field must be a text in double quotes"),
            ("{'a': 1}", "double quotes"),
            ("{} {}", "line 1, column 4: the JSON has ended before this"),
            ("{\"a\": \"x", "the JSON ends too early here"),
            ("{\"a\"", "too early"),
            ("[\"a\nb\"]", "line break"),
            ("[\"\\x\"]", "a backslash"),
            ("[\"\\u12g4\"]", "four hexadecimal digits"),
            ("[\"\\ud83e\"]", "half an emoji"),
            ("[\"\\udd8a\"]", "half an emoji"),
            ("[\"\\ud83e\\n\"]", "half an emoji"),
            ("[1.]", "a digit is missing"),
            ("[-]", "a digit is missing"),
            ("[01]", "comma"),
            ("[+1]", "not a JSON value"),
            ("[NaN]", "not a JSON value"),
        ] {
            assert!(wrong(document).contains(told), "{document:?}: {}", wrong(document));
        }
        assert!(wrong(b"[\"\xff\"]").contains("UTF-8"));
        assert!(wrong(b"\xff\xfe{\0}\0").contains("UTF-16"));
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(deep(DEPTH).as_bytes()).is_ok() && serde_json::from_str::<Value>(&deep(DEPTH)).is_ok());
        assert!(wrong(deep(DEPTH + 1)).contains("127 lists"));
        assert!(wrong("[".repeat(1_000_000)).contains("127 lists"));
    }

    #[test]
    fn the_column_of_half_an_emoji_is_that_of_its_escape() {
        let told = wrong(r#"{"prompt": "a fox \ud83e"}"#);
        assert!(told.starts_with("line 1, column 2"), "{told}");
    }
}
