//! What a random run is made of. A step says what is to be tried; which job or attempt it hits depends on how far the run is.

use easel_core::{Actor, ErrorKind, OnDependencyFailure, Outcome, Party, Role, Status};
use proptest::sample::Index;

use crate::common::operator;

#[derive(Clone, Debug)]
pub enum Step {
    Submit(Wish),
    SubmitBatch(Vec<Wish>),
    CancelMany(Chosen),
    Proceed,
    Cancel(Index),
    CancelWhatRuns(&'static str),
    Retry(Index),
    Delete(Index),
    /// One that a job depends on which runs on this device.
    DeleteWhatIsUsed(&'static str, Index),
    /// What a store proposes, or any jobs at all.
    Prune(Option<Vec<Index>>),
    Disk(bool),
    Move {
        job: Index,
        queued: bool,
        to: Place,
    },
    Reprioritise {
        job: Index,
        priority: i32,
    },
    Pause {
        device: Option<&'static str>,
        reason: Option<&'static str>,
        unload: bool,
    },
    Resume {
        device: Option<&'static str>,
    },
    Turn {
        device: &'static str,
        ending: Option<Ending>,
        claim: bool,
    },
    Remember(Whose),
    Settle {
        device: &'static str,
        whose: Whose,
    },
    Recover,
    Due,
    Wait(i64),
    /// Somebody sets the clock on the wall by so much, and the host notices.
    ClockSet(i64),
    SuspendBackend {
        backend: &'static str,
        device: Option<&'static str>,
        reason: &'static str,
    },
    ResumeBackend {
        backend: &'static str,
        device: Option<&'static str>,
        suspended: bool,
    },
    /// All goes well on this device: it is settled, what runs completes, the next is claimed.
    Run(&'static str),
    /// What runs on this device finds its engine away, which then answers again.
    Blink(&'static str),
    CreateMessage(u128),
    PatchMessage {
        id: u128,
        content: Option<String>,
        extra: Option<u8>,
    },
    DeleteMessage(u128),
    /// From now on somebody else asks for what clients ask for.
    As(Client),
    Boundary(Boundary),
}

/// A job that somebody wants.
#[derive(Clone, Debug)]
pub struct Wish {
    pub backend: &'static str,
    pub whose: Whom,
    pub priority: i32,
    pub key: Option<(&'static str, &'static str)>,
    pub message: Option<u128>,
    pub conversation: Option<&'static str>,
    pub not_before: Option<i64>,
    pub depends_on: Vec<Index>,
    pub on_dependency_failure: OnDependencyFailure,
    pub work: Option<u64>,
    pub max_attempts: u32,
}

/// Those whose jobs and messages there are.
#[derive(Clone, Copy, Debug)]
pub enum Whom {
    Ann,
    Ben,
    /// A user of Ben's service.
    Cat,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Client {
    Operator,
    Service,
    User(Whom),
}

impl Whom {
    /// Whose message number `n` is.
    pub fn of(n: u128) -> Self {
        [Self::Ann, Self::Ann, Self::Ben, Self::Cat][n as usize]
    }

    pub fn party(self) -> Party {
        match self {
            Self::Ann => Party::of("ann"),
            Self::Ben => Party::of("ben"),
            Self::Cat => Party { user: Some("cat".into()), ..Party::of("ben") },
        }
    }
}

impl Client {
    pub fn actor(self) -> Actor {
        match self {
            Self::Operator => operator(),
            Self::Service => Actor { name: "ben".into(), role: Role::Service, party: Whom::Ben.party() },
            Self::User(whom) => Actor { name: format!("{whom:?}"), role: Role::User, party: whom.party() },
        }
    }
}

/// Jobs that somebody wants to be rid of.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub ids: Vec<Index>,
    pub batch: Option<Index>,
    pub owner: Option<&'static str>,
    pub user: Option<&'static str>,
    pub conversation: Option<&'static str>,
    pub message: Option<u128>,
    pub backend: Option<&'static str>,
    pub status: Option<Status>,
}

/// How an attempt is said to have ended.
#[derive(Clone, Debug)]
pub struct Ending {
    pub whose: Whose,
    pub outcome: Outcome,
    pub clean: bool,
    pub progress: u8,
    pub took: Option<u64>,
    pub error: Option<(ErrorKind, bool)>,
    pub retry_after_ms: Option<u64>,
}

/// The attempt that a device's row names, or one that was claimed at any time, or one that never was.
#[derive(Clone, Debug)]
pub enum Whose {
    OnDevice(&'static str),
    Any(Index),
    Never(Index),
}

/// Where a job is to be moved.
#[derive(Clone, Debug)]
pub enum Place {
    Front,
    Back,
    Before(Index),
}

impl Ending {
    /// A clean end of what runs on a device.
    pub fn clean(device: &'static str, outcome: Outcome) -> Self {
        let whose = Whose::OnDevice(device);
        Self { whose, outcome, clean: true, progress: 0, took: Some(7), error: None, retry_after_ms: None }
    }
}

/// What becomes of the batch so far.
#[derive(Clone, Debug)]
pub enum Boundary {
    /// It commits.
    Commit,
    /// It does not.
    Fail,
    /// It does not, and its commands are tried one by one.
    Singly,
    /// The process dies before the commit, and the next one has its backends laid out like this.
    Crash(usize),
}
