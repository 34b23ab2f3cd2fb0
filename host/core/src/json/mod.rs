//! JSON that Easel carries for others and never interprets: params, metadata, results.
//!
//! It is kept as text. A tree of it would cost a waiting job kilobytes, and a store that reads numbers into its own types
//! would hand `18446744073709551615` or `1.0` back as something else.
//!
//! Where it is a tree for a while, it is serde_json's [`Value`], with numbers to the letter: see [`letters`]. So whoever
//! handles what others sent reads it with [`read()`] and writes it with [`text`]; serde_json's own functions know nothing of
//! such numbers. (Its feature `arbitrary_precision` would, and holds for the whole program, the database included.)

pub mod letters;
mod quote;
mod read;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use letters::{text, text_of};
pub use quote::quoted;
pub use read::{Unreadable, read};

/// Reads a document as a `T`; in the [`Value`]s that it has, numbers are to the letter. The error is for people.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = read(text.as_bytes()).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// The compact text of a JSON value, shared by all who have a copy. Equality is that of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<str>);

impl Json {
    /// The text of `value`.
    pub fn of(value: &Value) -> Self {
        Self(text(value).into())
    }

    /// The value again; `null` should the text have been damaged.
    pub fn value(&self) -> Value {
        read(self.0.as_bytes()).unwrap_or(Value::Null)
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
