//! A schema of each shape, from its fields and their comments; and that none lacks one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::openai::*;
use crate::*;

/// The schema of each shape, by its name.
fn shapes() -> BTreeMap<&'static str, Value> {
    macro_rules! schemas {
        ($($shape:ident $(<$of:ty>)?),+ $(,)?) => {
            BTreeMap::from([$((stringify!($shape), schema::<$shape $(<$of>)?>())),+])
        };
    }
    schemas![
        Accuracy,
        Alive,
        Artifact,
        Attempt,
        Backend,
        BackendEvent,
        Backends,
        Batch,
        BatchJobs,
        CancelMany,
        Cancelled,
        Capabilities,
        ClientFrame,
        Conversation,
        ConversationPage,
        Conversations,
        Device,
        Devices,
        End,
        EndedFor,
        ErrorKind,
        Event,
        Events,
        Failure,
        FailureDetail,
        Filter,
        Following,
        Frame,
        Health,
        HealthStatus,
        HolderFrame,
        Image,
        ImageEvent,
        ImageRequest,
        Images,
        Input,
        Job,
        JobError,
        JobEvent,
        JobPatch,
        Jobs<Job>,
        LeaseFrame,
        LeaseReason,
        Log<LogLine>,
        LogLine,
        Message,
        MessageEvent,
        MessagePatch,
        Model,
        Models,
        Move,
        NewBatch,
        NewInput,
        NewJob,
        NewMessage,
        OnDependencyFailure,
        OneOrMany<String>,
        Outcome,
        Pause,
        Pausing,
        Place,
        Positions,
        Problem,
        Progress,
        Queue,
        Ready,
        Report,
        ResponseFormat,
        Runs,
        Scope,
        Snapshot,
        Standing,
        Status,
        Time,
        Told,
        ToldMessage,
        Upload,
        Waiting,
    ]
}

fn schema<T: ToSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap()
}

/// What clients send: whatever may be null there may as well be left out.
const SENT: [&str; 9] =
    ["CancelMany", "ImageRequest", "MessagePatch", "Move", "NewBatch", "NewJob", "NewMessage", "Pausing", "Report"];

/// What a follower hears is an event or a frame, each of which has its schema.
const TOLD_ELSEWHERE: [&str; 1] = ["Heard"];

#[test]
fn every_shape_has_a_schema_that_says_what_it_is() {
    let shapes = shapes();
    let source = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let mut declared = 0;
    for file in source {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum ")) else {
                continue;
            };
            let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            declared += 1;
            match shapes.get(name) {
                Some(schema) => assert!(described(schema), "{name} has no description: {schema}"),
                None => assert!(TOLD_ELSEWHERE.contains(&name), "{name} has no schema: add it to the list above"),
            }
        }
    }
    assert_eq!(declared, shapes.len() + TOLD_ELSEWHERE.len());
}

#[test]
fn every_field_says_what_it_is_and_when_it_is_null() {
    let mut silent = Vec::new();
    for (name, schema) in shapes() {
        each_field(name, &schema, &mut |field, schema| {
            let words = words(schema).to_lowercase();
            if words.is_empty() {
                silent.push(format!("{field} has no description"));
            } else if may_be_null(schema)
                && !SENT.contains(&name)
                && !words.contains("null")
                && !words.contains("absent")
            {
                silent.push(format!("{field} does not say when it is null: {words:?}"));
            }
        });
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn a_field_that_is_always_there_is_required_also_where_it_may_be_null() {
    let mut optional = Vec::new();
    for (name, schema) in shapes().iter().filter(|(name, _)| !SENT.contains(name)) {
        each_object(schema, &mut |object, fields| {
            let required: Vec<&str> = object
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            for (field, its) in fields {
                let absent = words(its).to_lowercase().contains("absent");
                if absent == required.contains(&field.as_str()) && field != "ref" {
                    optional.push(format!("{name}.{field} may be absent: {absent}, and is required: {}", !absent));
                }
            }
        });
    }
    assert!(optional.is_empty(), "{}", optional.join("\n"));
}

#[test]
fn no_word_is_listed_that_only_a_later_version_says() {
    let listed: Vec<_> = shapes().iter().filter(|(_, schema)| lists_unknown(schema)).map(|(name, _)| *name).collect();
    // There it means something of its own: an engine that has not answered yet.
    assert_eq!(listed, ["HealthStatus"]);
    assert_eq!(crate::Outcome::Unknown.to_string(), "unknown");
    assert_eq!(serde_json::from_str::<crate::Outcome>("\"weather\"").unwrap(), crate::Outcome::Unknown);
}

/// Where the documents speak of a shape: a file and a heading in it. What has no field is not among them.
const DOCUMENTED: [(&str, &str, &[&str]); 14] = [
    ("api", "", &["Problem"]),
    (
        "api",
        "Routes",
        &[
            "Alive",
            "Backends",
            "Batch",
            "BatchJobs",
            "CancelMany",
            "Cancelled",
            "Conversation",
            "ConversationPage",
            "Conversations",
            "Devices",
            "Events",
            "JobPatch",
            "Log",
            "LogLine",
            "MessagePatch",
            "Move",
            "NewBatch",
            "NewMessage",
            "Pausing",
            "Ready",
            "Upload",
        ],
    ),
    ("api", "Listing jobs", &["Jobs"]),
    ("api", "Submitting", &["NewInput", "NewJob"]),
    ("api", "A job", &["Artifact", "Attempt", "Input", "Job", "JobError"]),
    ("api", "The queue", &["Accuracy", "Device", "Pause", "Queue", "Standing"]),
    ("api", "A backend", &["Backend", "Capabilities", "Health"]),
    ("api", "A message", &["Message"]),
    (
        "websocket",
        "Every frame",
        &[
            "BackendEvent",
            "ClientFrame",
            "Event",
            "Filter",
            "Following",
            "Frame",
            "Place",
            "Positions",
            "Progress",
            "Runs",
            "Snapshot",
            "Told",
            "ToldMessage",
        ],
    ),
    ("websocket", "Holding a device", &["HolderFrame", "LeaseFrame", "Report"]),
    ("clients", "What a request may say", &["ImageRequest"]),
    ("clients", "What comes back", &["Image", "Images", "Model", "Models"]),
    ("clients", "Waiting", &["ImageEvent"]),
    ("clients", "What goes wrong", &["Failure", "FailureDetail"]),
];

#[test]
fn the_documents_have_every_field() {
    let documents = |name: &str| match name {
        "api" => include_str!("../../../docs/api.md"),
        "clients" => include_str!("../../../docs/clients.md"),
        _ => include_str!("../../../docs/websocket.md"),
    };
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    for (document, heading, names) in DOCUMENTED {
        let text = documents(document);
        let begun = text.split(&format!("\n## {heading}\n")).nth(1).or((heading.is_empty()).then_some(text));
        let section = begun.unwrap_or_else(|| panic!("{document}.md has no heading {heading}"));
        let section = section.split("\n## ").next().unwrap_or_default();
        told.extend(names.iter().map(|name| (*name, section.to_owned())));
    }
    let mut silent = Vec::new();
    for (name, schema) in shapes() {
        let section = told.get(name).map_or("", String::as_str);
        each_object(&schema, &mut |_, fields| {
            let named =
                |field: &&String| section.contains(&format!("`{field}`")) || section.contains(&format!("\"{field}\""));
            silent.extend(fields.keys().filter(|field| !named(field)).map(|field| format!("{name}.{field}")));
        });
    }
    assert!(silent.is_empty(), "the documents do not have {}", silent.join(", "));
}

/// Whether a schema lists the word `unknown`, wherever.
fn lists_unknown(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(name, its)| {
            let listed = its.as_array().is_some_and(|words| words.iter().any(|word| word == "unknown"));
            (name == "enum" && listed) || lists_unknown(its)
        }),
        Value::Array(items) => items.iter().any(lists_unknown),
        _ => false,
    }
}

/// Calls `look` with each object in a schema that has fields, and with those.
fn each_object(schema: &Value, look: &mut impl FnMut(&Value, &Map<String, Value>)) {
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        look(schema, fields);
        fields.values().for_each(|its| each_object(its, look));
    }
    for part in ["oneOf", "allOf", "anyOf"] {
        schema.get(part).and_then(Value::as_array).into_iter().flatten().for_each(|inner| each_object(inner, look));
    }
}

#[test]
fn every_number_has_its_format_and_every_time_is_one() {
    let job = &shapes()["Job"];
    assert_eq!(job["properties"]["id"]["format"], "uuid");
    assert_eq!(shapes()["Time"]["format"], "date-time");
    assert_eq!(job["properties"]["progress"]["minimum"], 0, "{job}");
}

/// Calls `look` with each field of a schema, however deep.
fn each_field(name: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    for (field, its) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        // What tells the variants of a shape apart says all by itself.
        if its.get("enum").and_then(Value::as_array).is_none_or(|words| words.len() > 1) {
            let field = format!("{name}.{field}");
            look(&field, its);
            each_field(&field, its, look);
        }
    }
    for part in ["oneOf", "allOf", "anyOf"] {
        for inner in schema.get(part).and_then(Value::as_array).into_iter().flatten() {
            each_field(name, inner, look);
        }
    }
}

/// What a schema says of itself, or of what it is besides null.
fn words(schema: &Value) -> String {
    let own = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    parts.map(words).fold(own, |all, part| all + &part)
}

fn described(schema: &Value) -> bool {
    !words(schema).is_empty()
}

fn may_be_null(schema: &Value) -> bool {
    let is_null = |schema: &Value| match schema.get("type") {
        Some(Value::String(word)) => word == "null",
        Some(Value::Array(words)) => words.iter().any(|word| word == "null"),
        _ => false,
    };
    is_null(schema) || schema.get("oneOf").and_then(Value::as_array).is_some_and(|parts| parts.iter().any(is_null))
}
