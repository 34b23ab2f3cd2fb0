//! What of a table somebody sees, as a condition of a query.

use easel_core::{Party, Viewer};
use serde_json::Value;

/// A condition on rows that have an `owner` and a `user`, to stand behind others, and the values that it names.
pub(super) struct Seen {
    /// Begins with `AND`, or is empty.
    pub(super) sql: &'static str,
    pub(super) owner: Option<String>,
    pub(super) user: Option<String>,
}

impl Seen {
    pub(super) fn by(viewer: &Viewer) -> Self {
        match viewer {
            Viewer::Everything => Self { sql: "", owner: None, user: None },
            Viewer::Owner(owner) => Self { sql: "AND owner = $owner", owner: Some(owner.clone()), user: None },
            Viewer::Party(Party { owner, user: None }) => {
                Self { sql: "AND owner = $owner AND (user ?? NONE) = NONE", owner: Some(owner.clone()), user: None }
            }
            Viewer::Party(Party { owner, user }) => {
                Self { sql: "AND owner = $owner AND user = $user", owner: Some(owner.clone()), user: user.clone() }
            }
        }
    }
}

/// The same of jobs, whose rows have their user in their text.
pub(super) struct SeenJobs {
    /// Begins with `AND`, or is empty.
    pub(super) sql: &'static str,
    pub(super) owner: Option<String>,
    /// What the text of a row has.
    pub(super) user: Option<String>,
}

impl SeenJobs {
    pub(super) fn by(viewer: &Viewer) -> Self {
        match viewer {
            Viewer::Everything => Self { sql: "", owner: None, user: None },
            Viewer::Owner(owner) => Self { sql: "AND owner = $seen_owner", owner: Some(owner.clone()), user: None },
            Viewer::Party(Party { owner, user }) => Self {
                // Rows that were last written before schema 4 have no text.
                sql: "AND owner = $seen_owner AND (text = NONE OR string::contains(text, $seen_user))",
                owner: Some(owner.clone()),
                user: Some(format!("\"user\":{}", Value::from(user.clone()))),
            },
        }
    }
}
