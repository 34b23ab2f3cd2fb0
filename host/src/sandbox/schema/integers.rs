//! Numbers as a component's own types read them.
//!
//! To JSON Schema `2.0` and `2e0` are integers, and equal to the `2` of an `enum`; to most languages they are not. So what
//! the schema calls an integer reaches the component as one, and what it lists as the schema lists it. Every other number
//! stays as it was sent.

use easel_core::json::letters::{approximate, number, whole, written};
use jsonschema::{Evaluation, OutputUnit};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Whether there may be anything to do: a number that is not written as an integer is.
pub(crate) fn may_be_meant(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(may_be_meant),
        Value::Object(fields) => match written(value) {
            Some(written) => written.contains(['.', 'e', 'E']) || written == "-0",
            None => fields.values().any(may_be_meant),
        },
        other => other.is_f64(),
    }
}

/// Writes the numbers of `value` as `schema` means them; `evaluation` is that of the value. The error is the place, as a JSON
/// pointer, of what only looks like an integer, or has more digits than anybody writes out.
pub(crate) fn write_as_meant(value: &mut Value, schema: &Value, evaluation: &Evaluation) -> Result<(), String> {
    let mut units = vec![evaluation.root()];
    while let Some(unit) = units.pop() {
        // What does not hold says nothing: the branches of anyOf that the value does not take.
        if !unit.valid() {
            continue;
        }
        units.extend(unit.children());
        if let Some(place) = value.pointer_mut(unit.instance_location().as_str()) {
            apply(place, &unit, schema).ok_or_else(|| unit.instance_location().as_str().to_owned())?;
        }
    }
    Ok(())
}

/// What one keyword of the schema means for the number that it was held against. None: it cannot be written so.
fn apply(value: &mut Value, unit: &OutputUnit<'_>, schema: &Value) -> Option<()> {
    let (Some(old), Some((keyword, rule))) = (written(value), rule(unit, schema)) else { return Some(()) };
    match (keyword, rule) {
        ("type", rule) if is_integer(rule) => *value = number(&whole(&old)?),
        ("enum", Value::Array(known)) => known.iter().for_each(|known| spell(value, known)),
        ("const", known) => spell(value, known),
        _ => {}
    }
    Some(())
}

/// The keyword that a unit is about, and what the schema says there.
fn rule<'a>(unit: &OutputUnit<'a>, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
    let place = unit.schema_location();
    let place = place.split_once('#').map_or(place, |(_, place)| place);
    let (_, keyword) = place.rsplit_once('/')?;
    if !matches!(keyword, "type" | "enum" | "const") {
        return None;
    }
    Some((keyword, schema.pointer(&percent_decode_str(place).decode_utf8_lossy())?))
}

fn is_integer(rule: &Value) -> bool {
    let has = |name: &str| rule.as_array().is_some_and(|types| types.iter().any(|known| known == name));
    rule == "integer" || (has("integer") && !has("number"))
}

/// Writes a number as `known` is written, if it is the same one.
fn spell(value: &mut Value, known: &Value) {
    let same = match (written(value), written(known)) {
        (Some(ours), Some(theirs)) => match (whole(&ours), whole(&theirs)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => approximate(value).as_f64() == approximate(known).as_f64(),
            _ => false,
        },
        _ => false,
    };
    if same {
        *value = known.clone();
    }
}
