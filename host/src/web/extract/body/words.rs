//! What is wrong with a field, in our own words: what it is, what it must be, and an example. Of what serde says only the kind
//! of mistake is read; the value is quoted from the document, as it was sent.

use easel_core::json::quoted;
use serde_json::Value;

use crate::choice::one_of;

/// How serde's message about a field begins that takes a value or a list of values.
const ONE_OR_MANY: &str = "must be a value or a list of values";

/// What the fields of requests must be, whatever type they are read as.
const FIELDS: [(&str, &str); 21] = [
    ("params", r#"an object, such as {"prompt": "a red fox"}"#),
    ("metadata", r#"an object, such as {"client_ref": 7}"#),
    ("extra_metadata", r#"an object, such as {"pinned": true}"#),
    ("priority", "a whole number from -100 to 100, such as 5"),
    ("max_attempts", "a whole number from 1 to 100, such as 3"),
    ("timeout_s", "a whole number of seconds from 1 to 604800, such as 120"),
    ("not_before", r#"a time in quotes, such as "2026-01-31T12:00:00Z""#),
    ("depends_on", "a list of job ids"),
    ("inputs", r#"a list of objects, such as [{"name": "init", "upload": "ID"}]"#),
    ("jobs", r#"a list of objects, such as [{"params": {"prompt": "a red fox"}}]"#),
    ("atomic", "true, or left out"),
    ("unload", "true or false"),
    ("reason", r#"a text in quotes, such as "maintenance""#),
    ("before", ID),
    ("id", ID),
    ("message_id", ID),
    ("upload", ID),
    ("batch_id", ID),
    ("attempt", "a whole number, such as 1"),
    ("exit_code", "a whole number, such as 0, or null"),
    ("signal", "a whole number, such as 9, or null"),
];

/// What names a job, a message, a batch or an upload.
pub(in crate::web) const ID: &str = "a UUID, such as 0198c0de-0000-7000-8000-000000000000";

/// What the fields of a filter must be, where each takes a value or a list of values.
const FILTERS: [(&str, &str); 4] = [
    ("ids", "a UUID or a list of UUIDs"),
    ("batch_id", "a UUID or a list of UUIDs"),
    ("message_id", "a UUID or a list of UUIDs"),
    ("status", "one of pending, queued, processing, complete, error and cancelled, or a list of them"),
];

/// What is wrong with `field`, dotted, which is `found` in the document, where serde says this of it.
pub(in crate::web) fn wrong(field: &str, found: Option<&Value>, message: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or_default();
    let message = message.rsplit_once(" at line ").map_or(message, |(what, _)| what);
    let one_of_ours = || FIELDS.iter().find(|(known, _)| *known == name).map(|(_, wanted)| (*wanted).to_owned());
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = names(rest.split_once('`').map_or("", |(_, rest)| rest));
        return format!("{field} is unknown; use {known}");
    }
    if message.starts_with("missing field `") {
        let wanted = one_of_ours().map(|wanted| format!(": it must be {wanted}")).unwrap_or_default();
        return format!("{field} is required{wanted}");
    }
    let wanted = if message.starts_with(ONE_OR_MANY) {
        let known = FILTERS.iter().find(|(known, _)| *known == name).map(|(_, wanted)| *wanted);
        format!("{}. Leave it out to not filter by it", known.unwrap_or("a text or a list of texts"))
    } else if let Some(rest) = message.strip_prefix("unknown variant `") {
        names(rest.split_once('`').map_or("", |(_, rest)| rest))
    } else {
        let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
        one_of_ours().or_else(|| by_type(expected, message)).unwrap_or_else(|| "something else".to_owned())
    };
    match found {
        Some(found) => format!("{field} is {} and must be {wanted}", quoted(found)),
        None => format!("{field} must be {wanted}"),
    }
}

/// What a value must be that is read as this.
fn by_type(expected: &str, message: &str) -> Option<String> {
    let wanted = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on, such as 1",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, such as 1",
        "f32" | "f64" => "a number, such as 1.5",
        "a string" | "string" | "str" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" | "an object" => "an object",
        "a UUID string" => ID,
        other if other.starts_with("struct ") => "an object",
        _ if message.starts_with("UUID parsing failed") => ID,
        _ => return None,
    };
    Some(wanted.to_owned())
}

/// The names in backquotes, to choose from.
fn names(quoted: &str) -> String {
    one_of(quoted.split('`').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use easel_core::json;
    use serde::de::DeserializeOwned;

    use super::*;

    fn said<T: DeserializeOwned>(field: &str, sent: &str) -> String {
        let value = json::read(sent.as_bytes()).unwrap();
        wrong(field, Some(&value), &serde_json::from_str::<T>(sent).map(drop).unwrap_err().to_string())
    }

    #[test]
    fn what_is_wrong_is_quoted_and_what_is_right_is_shown() {
        for (told, wanted) in [
            (
                said::<u32>("max_attempts", "1.5"),
                "max_attempts is 1.5 and must be a whole number from 1 to 100, such as 3",
            ),
            (
                said::<u32>("timeout_s", "-5"),
                "timeout_s is -5 and must be a whole number of seconds from 1 to 604800, such as 120",
            ),
            (
                said::<i32>("priority", "1e400"),
                "priority is 1e400 and must be a whole number from -100 to 100, such as 5",
            ),
            (
                said::<i32>("priority", "-99999999999999999999"),
                "priority is -99999999999999999999 and must be a whole number from -100 to 100, such as 5",
            ),
            (
                said::<uuid::Uuid>("message_id", "\"no-uuid\""),
                "message_id is \"no-uuid\" and must be a UUID, such as 0198c0de-0000-7000-8000-000000000000",
            ),
            (
                said::<uuid::Uuid>("inputs.0.upload", "7"),
                "inputs.0.upload is 7 and must be a UUID, such as 0198c0de-0000-7000-8000-000000000000",
            ),
            (said::<String>("user", "{}"), "user is an object and must be a text in quotes"),
            (said::<bool>("unload", "\"yes\""), "unload is \"yes\" and must be true or false"),
            (said::<Vec<String>>("depends_on", "\"x\""), "depends_on is \"x\" and must be a list of job ids"),
            (said::<String>("depends_on.0", "null"), "depends_on.0 is null and must be a text in quotes"),
            (said::<easel_wire::End>("to", "\"up\""), "to is \"up\" and must be one of front, back"),
            (said::<u16>("port", "70000"), "port is 70000 and must be a whole number from 0 on, such as 1"),
        ] {
            assert_eq!(told, wanted);
        }
    }

    #[test]
    fn a_filter_says_that_it_takes_a_value_or_a_list() {
        let sent = r#"{"ids": ["x"]}"#;
        let message = serde_json::from_str::<easel_wire::CancelMany>(sent).unwrap_err().to_string();
        let value = json::read(br#"["x"]"#).unwrap();
        assert_eq!(
            wrong("ids", Some(&value), &message),
            "ids is a list and must be a UUID or a list of UUIDs. Leave it out to not filter by it"
        );
    }

    #[test]
    fn no_word_of_serdes_is_passed_on_whatever_it_says() {
        for message in ["invalid length 3, expected a tuple of size 2", "data did not match any variant", ""] {
            assert_eq!(wrong("a.b", Some(&Value::Null), message), "a.b is null and must be something else");
        }
    }
}
