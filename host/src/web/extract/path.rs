//! The variables of a path.

use std::str::FromStr;

use easel_core::{BatchId, JobId, MessageId};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::body::ID;
use crate::web::Problem;

/// A variable of a path that is a name, decoded. What is no text, or none that could be stored, names nothing.
#[derive(Debug)]
pub(in crate::web) struct Segment(pub(in crate::web) String);

impl FromStr for Segment {
    type Err = ();

    fn from_str(encoded: &str) -> Result<Self, ()> {
        let text = percent_decode_str(encoded).decode_utf8().map_err(|_| ())?;
        if text.contains('\0') { Err(()) } else { Ok(Self(text.into_owned())) }
    }
}

/// A variable of a path that is an id. What is none is the id of nothing, which is for the handler to say.
#[derive(Debug)]
pub(in crate::web) struct Id(Segment);

impl FromStr for Id {
    type Err = ();

    fn from_str(encoded: &str) -> Result<Self, ()> {
        // This one is a path of its own.
        if encoded == "cancel" { Err(()) } else { encoded.parse().map(Self) }
    }
}

impl Id {
    pub(in crate::web) fn job(self) -> Result<JobId, Problem> {
        self.of("job").map(JobId)
    }

    pub(in crate::web) fn message(self) -> Result<MessageId, Problem> {
        self.of("message").map(MessageId)
    }

    pub(in crate::web) fn batch(self) -> Result<BatchId, Problem> {
        self.of("batch").map(BatchId)
    }

    fn of(self, what: &str) -> Result<Uuid, Problem> {
        let Self(Segment(text)) = self;
        text.parse().map_err(|_| Problem::not_found(format!("no {what} with id {text}: an id is {}", ID)))
    }
}
