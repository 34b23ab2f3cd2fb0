//! JSON that Easel carries for others and never interprets: params, metadata, results.
//!
//! It is kept as the text it arrived as. A tree of it would cost a waiting job kilobytes, and a store that reads numbers
//! into its own types would hand `18446744073709551615` or `1.0` back as something else.

use serde::{Deserialize, Serialize};

/// The compact text of a JSON value. Equality is that of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<str>);

impl Json {
    /// The text of `value`.
    pub fn of(value: &serde_json::Value) -> Self {
        Self(value.to_string().into_boxed_str())
    }

    /// The value again; `null` should the text have been damaged.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or(serde_json::Value::Null)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }
}
