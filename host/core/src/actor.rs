//! Who asks, and what they see. What they may do is in `permissions`.

use crate::ids::Party;
use crate::reply::Refusal;
use crate::viewer::Viewer;

/// What the log calls Easel itself.
pub const EASEL: &str = "easel";

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One party, which works for itself.
    User,
    /// A program that works for many users, and names them.
    Service,
    /// Whoever runs this host.
    Operator,
    /// Easel itself: its devices, its clocks, its upkeep.
    Host,
}

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// How the log calls it.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Whom what it makes belongs to.
    pub party: Party,
}

impl Actor {
    /// Whoever reaches a host without tokens: its operator.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), role: Role::Operator, party: Party::of("local") }
    }

    /// Easel itself, under the name that the log has for this part of it.
    pub fn host(name: &str) -> Self {
        Self { name: name.to_owned(), role: Role::Host, party: Party::of(name) }
    }

    /// What it sees.
    pub fn viewer(&self) -> Viewer {
        match self.role {
            Role::User => Viewer::Party(self.party.clone()),
            Role::Service => Viewer::Owner(self.party.owner.clone()),
            Role::Operator | Role::Host => Viewer::Everything,
        }
    }

    /// Whether it may do with the devices what no command says.
    pub fn operates(&self, what: &'static str) -> Result<(), Refusal> {
        match self.role {
            Role::Operator => Ok(()),
            Role::User | Role::Service | Role::Host => Err(self.refused(what, "an operator")),
        }
    }

    pub(crate) fn refused(&self, what: &'static str, needs: &'static str) -> Refusal {
        Refusal::NotAllowed { actor: self.name.clone(), what, needs }
    }

    /// Whom a new thing belongs to that it asks for in the name of `user`.
    pub fn party_for(&self, user: Option<String>) -> Party {
        Party { user: user.or_else(|| self.party.user.clone()), ..self.party.clone() }
    }
}
