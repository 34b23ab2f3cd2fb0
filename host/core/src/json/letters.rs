//! Numbers to the letter, in trees that have no place for them.
//!
//! A seed of 20 digits, `1.10` or `1e400` is not what serde_json makes of it. Such a number stands in the tree as an object
//! with one field of a name that no document has ([`read`](super::read()) refuses it), and is written as it came. A number that
//! serde_json writes as it was read is left to it.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// The name of that field.
pub(super) const NAME: &str = "\0number";

/// The value of a number that is written like this.
pub fn number(written: &str) -> Value {
    match written.parse::<Number>() {
        Ok(number) if number.to_string() == written => Value::Number(number),
        _ => Value::Object(Map::from_iter([(NAME.to_owned(), written.into())])),
    }
}

/// How a number is written that is kept to the letter; none for any other value.
pub fn letters(value: &Value) -> Option<&str> {
    value.as_object().and_then(letters_of)
}

/// Whether what looks like an object is a number that is kept to the letter.
pub fn is_number(object: &Map<String, Value>) -> bool {
    letters_of(object).is_some()
}

fn letters_of(object: &Map<String, Value>) -> Option<&str> {
    let written = object.get(NAME).filter(|_| object.len() == 1)?;
    // Whoever read this by other means may have been sent anything.
    written.as_str().filter(|written| is_written_right(written))
}

/// How a number is written, if this is one.
pub fn written(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        other => letters(other).map(str::to_owned),
    }
}

fn is_written_right(written: &str) -> bool {
    use hifijson::num::Lex as _;
    let mut lexer = hifijson::SliceLexer::new(written.as_bytes());
    lexer.num_ignore().validate().is_ok() && lexer.as_slice().is_empty()
}

/// The compact text of a value.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The compact text of an object.
pub fn text_of(fields: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_fields(fields, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    if let Some(letters) = letters(value) {
        return out.push_str(letters);
    }
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => write_fields(fields, out),
        other => plain(other, out),
    }
}

fn write_fields(fields: &Map<String, Value>, out: &mut String) {
    out.push('{');
    for (index, (name, field)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        plain(&Value::String(name.clone()), out);
        out.push(':');
        write(field, out);
    }
    out.push('}');
}

fn plain(value: &Value, out: &mut String) {
    // Into a string: it cannot fail.
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok());
}

/// The value as near as serde_json's numbers come: for whoever calculates with it. What is too large for them is the
/// largest of them, and what is too small the smallest.
pub fn approximate(value: &Value) -> Value {
    if let Some(letters) = letters(value) {
        return near(letters);
    }
    match value {
        Value::Array(items) => items.iter().map(approximate).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), approximate(field))).collect())
        }
        other => other.clone(),
    }
}

fn near(written: &str) -> Value {
    if let Some(whole) = whole(written) {
        if let Ok(whole) = whole.parse::<u64>() {
            return whole.into();
        }
        if let Ok(whole) = whole.parse::<i64>() {
            return whole.into();
        }
    }
    let float = written.parse::<f64>().unwrap_or_default();
    let smallest = f64::from_bits(1);
    let float = match float {
        0.0 if !is_zero(written) => smallest.copysign(float),
        float => float.clamp(f64::MIN, f64::MAX),
    };
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

fn is_zero(written: &str) -> bool {
    let digits = written.split(['e', 'E']).next().unwrap_or_default();
    digits.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0'))
}

/// The longest whole number that is written out, in digits.
const LONGEST: usize = 1_000;

/// A number without point and exponent, if it is a whole one: `20` of `20.0`, `2e1` or `200e-1`. None as well for one of more
/// than a thousand digits which is written shorter than that.
pub fn whole(written: &str) -> Option<String> {
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written),
    };
    if !digits.contains(['.', 'e', 'E']) {
        return Some(if digits == "0" { digits.to_owned() } else { written.to_owned() });
    }
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    if is_zero(digits) {
        return Some("0".to_owned());
    }
    let exponent: i64 = exponent.parse().ok()?;
    // Of all digits in a row, how many stand before the point.
    let all = format!("{before}{after}");
    let point = i64::try_from(before.len()).ok()?.checked_add(exponent)?;
    let significant = all.trim_end_matches('0');
    let point = usize::try_from(point).ok().filter(|point| *point >= significant.len())?;
    if point > LONGEST.max(all.len()) {
        return None;
    }
    let whole = format!("{significant:0<point$}");
    Some(format!("{sign}{}", whole.trim_start_matches('0')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_would_be_written_otherwise_is_kept_to_the_letter() {
        for plain in ["0", "20", "-7", "18446744073709551615", "-9223372036854775808", "7.5", "2.0", "0.1", "1e+21"] {
            assert_eq!(letters(&number(plain)), None, "{plain}");
        }
        for kept in ["-0", "1.10", "1E5", "1e400", "-1e-400", "12345678901234567890123", "0.30000000000000001", "1e2"] {
            assert_eq!(letters(&number(kept)), Some(kept));
        }
        for any in ["-0", "1.10", "20", "1e400"] {
            assert_eq!(text(&json!([number(any)])), format!("[{any}]"));
        }
    }

    #[test]
    fn what_only_looks_like_a_number_to_the_letter_is_none() {
        for forged in [json!("1, 2"), json!("\"x\""), json!(""), json!("1 "), json!(7), json!("01")] {
            let value = json!({ NAME: forged });
            assert_eq!(letters(&value), None, "{value}");
            assert_eq!(text(&value), value.to_string());
        }
        assert_eq!(letters(&json!({ NAME: "1e400", "other": 1 })), None);
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (written, expected) in [
            ("2.0", Some("2")),
            ("2e0", Some("2")),
            ("20e-1", Some("2")),
            ("2E+1", Some("20")),
            ("0.2e1", Some("2")),
            ("-3.000", Some("-3")),
            ("-0", Some("0")),
            ("-0.0e5", Some("0")),
            ("0e999999999999", Some("0")),
            ("12345678901234567890.0", Some("12345678901234567890")),
            ("7", Some("7")),
            ("1.5", None),
            ("2e-1", None),
            ("1e-400", None),
            ("1e9999999", None),
            ("1e99999999999999999999", None),
            ("10.010e2", Some("1001")),
        ] {
            assert_eq!(whole(written).as_deref(), expected, "{written}");
        }
        assert_eq!(whole("1e999").map(|digits| digits.len()), Some(1000));
        let long = "7".repeat(4_000);
        assert_eq!(whole(&format!("{long}.0")), Some(long));
    }

    #[test]
    fn an_approximation_is_as_near_as_numbers_come() {
        let near = |written: &str| approximate(&number(written));
        assert_eq!(near("1e2"), json!(100));
        assert_eq!(near("1.10"), json!(1.1));
        assert_eq!(near("1e400"), json!(f64::MAX));
        assert_eq!(near("-1e400"), json!(f64::MIN));
        assert!(near("1e-400").as_f64().is_some_and(|small| small > 0.0));
        assert_eq!(near("12345678901234567890123").as_f64(), Some(12345678901234567890123.0));
        assert_eq!(approximate(&json!({"a": [number("1e2"), "x"]})), json!({"a": [100, "x"]}));
    }
}
