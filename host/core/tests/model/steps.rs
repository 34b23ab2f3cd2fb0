//! What a random run is made of. A step says what is to be tried; which job or attempt it hits depends on how far the run is.

use easel_core::{Actor, ErrorKind, OnDependencyFailure, Outcome, Party, Role, Status};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::common::{BACKENDS, DEVICES, LAYOUTS, LEASES, operator};

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

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..250)
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    // Mostly one that many backends run on.
    let device = || prop_oneof![3 => Just(DEVICES[0]), 2 => Just(DEVICES[1]), 2 => select(&DEVICES[2..])];
    prop_oneof![
        10 => wish().prop_map(Step::Submit),
        2 => prop::collection::vec(wish(), 0..4).prop_map(Step::SubmitBatch),
        2 => chosen().prop_map(Step::CancelMany),
        4 => Just(Step::Proceed),
        2 => index().prop_map(Step::Cancel),
        2 => device().prop_map(Step::CancelWhatRuns),
        2 => index().prop_map(Step::Retry),
        1 => index().prop_map(Step::Delete),
        1 => (device(), index()).prop_map(|(device, index)| Step::DeleteWhatIsUsed(device, index)),
        3 => prop::option::weighted(0.3, prop::collection::vec(index(), 0..5)).prop_map(Step::Prune),
        2 => prop::bool::weighted(0.25).prop_map(Step::Disk),
        3 => (index(), prop::bool::weighted(0.75), place()).prop_map(|(job, queued, to)| Step::Move { job, queued, to }),
        2 => (index(), priority()).prop_map(|(job, priority)| Step::Reprioritise { job, priority }),
        1 => (paused(), prop::option::of(select(&["dust", "noise"][..])), any::<bool>())
            .prop_map(|(device, reason, unload)| Step::Pause { device, reason, unload }),
        4 => paused().prop_map(|device| Step::Resume { device }),
        30 => (device(), prop::bool::weighted(0.7)).prop_flat_map(|(device, claim)| {
            prop::option::of(ending(device)).prop_map(move |ending| Step::Turn { device, ending, claim })
        }),
        2 => device().prop_flat_map(whose).prop_map(Step::Remember),
        10 => device().prop_flat_map(|device| whose(device).prop_map(move |whose| Step::Settle { device, whose })),
        1 => Just(Step::Recover),
        4 => Just(Step::Due),
        2 => (1i64..30).prop_map(Step::Wait),
        1 => (-200i64..200).prop_map(Step::ClockSet),
        1 => (backend(), prop::option::of(device()), select(&["no answer", "busy"][..]))
            .prop_map(|(backend, device, reason)| Step::SuspendBackend { backend, device, reason }),
        12 => device().prop_map(Step::Run),
        6 => device().prop_map(Step::Blink),
        6 => (backend(), prop::option::of(device()), prop::bool::weighted(0.8))
            .prop_map(|(backend, device, suspended)| Step::ResumeBackend { backend, device, suspended }),
        2 => message().prop_map(Step::CreateMessage),
        1 => (message(), prop::option::of("[ab]"), prop::option::of(0u8..3))
            .prop_map(|(id, content, extra)| Step::PatchMessage { id, content, extra }),
        1 => message().prop_map(Step::DeleteMessage),
        3 => client().prop_map(Step::As),
        6 => boundary().prop_map(Step::Boundary),
    ]
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![4 => Just(Whom::Ann), 1 => Just(Whom::Ben), 1 => Just(Whom::Cat)]
}

/// Mostly somebody who may do everything: what is refused leads nowhere.
fn client() -> impl Strategy<Value = Client> {
    prop_oneof![8 => Just(Client::Operator), 1 => Just(Client::Service), 1 => whom().prop_map(Client::User)]
}

fn priority() -> impl Strategy<Value = i32> {
    prop_oneof![8 => Just(0), 3 => -3i32..=3, 1 => select(&[-101, -100, 100, 101][..])]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![Just(Place::Front), Just(Place::Back), any::<Index>().prop_map(Place::Before)]
}

/// The queue, or a device, one of which is not there.
fn paused() -> impl Strategy<Value = Option<&'static str>> {
    select(&[None, Some("gpu0"), Some("gpu0"), Some("gpu1"), Some("gpu7")][..])
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let maybe = |values: &'static [&'static str]| prop::option::weighted(0.2, select(values));
    (
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(any::<Index>(), 1..5)],
        prop::option::weighted(0.4, any::<Index>()),
        maybe(&["ann", "ben"]),
        maybe(&["cat"]),
        maybe(&["c0", "c1"]),
        prop::option::weighted(0.2, message()),
        maybe(&BACKENDS),
        prop::option::weighted(0.3, select(&[Status::Pending, Status::Queued, Status::Processing][..])),
    )
        .prop_map(|(ids, batch, owner, user, conversation, message, backend, status)| Chosen {
            ids,
            batch,
            owner,
            user,
            conversation,
            message,
            backend,
            status,
        })
}

/// One of the backends, or one that is not there.
fn backend() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => select(&BACKENDS[..3]), 1 => Just(LEASES), 1 => Just("dream")]
}

fn wish() -> impl Strategy<Value = Wish> {
    let key = prop::option::weighted(0.4, (select(&["k0", "k1", "k2"][..]), select(&["one", "other"][..])));
    (
        select(&BACKENDS[..]),
        whom(),
        priority(),
        key,
        prop::option::weighted(0.3, message()),
        prop::option::of(select(&["c0", "c1", "c10"][..])),
        prop::option::weighted(0.2, -2i64..20),
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any::<Index>(), 1..4)],
        prop_oneof![3 => Just(OnDependencyFailure::Fail), 1 => Just(OnDependencyFailure::Run)],
        prop::option::of(0u64..100),
        1u32..4,
    )
        .prop_map(
            |(
                backend,
                whose,
                priority,
                key,
                message,
                conversation,
                not_before,
                depends_on,
                on_dependency_failure,
                work,
                max_attempts,
            )| Wish {
                backend,
                whose,
                priority,
                key,
                message,
                conversation,
                not_before,
                depends_on,
                on_dependency_failure,
                work,
                max_attempts,
            },
        )
}

fn ending(device: &'static str) -> impl Strategy<Value = Ending> {
    let outcome = prop_oneof![
        8 => Just(Outcome::Complete),
        2 => Just(Outcome::Error),
        2 => Just(Outcome::Timeout),
        1 => Just(Outcome::Stalled),
        1 => Just(Outcome::Trapped),
        1 => Just(Outcome::Cancelled),
        2 => Just(Outcome::Lost),
        2 => Just(Outcome::Interrupted),
        4 => Just(Outcome::Unavailable),
    ];
    let kind = prop_oneof![
        4 => Just(ErrorKind::Failed),
        2 => Just(ErrorKind::OutOfMemory),
        1 => Just(ErrorKind::Invalid),
        1 => Just(ErrorKind::Cancelled),
    ];
    let error = prop::option::weighted(0.8, (kind, prop::bool::weighted(0.9)));
    let retry_after_ms =
        prop_oneof![9 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(1)), 1 => Just(Some(u64::MAX))];
    let took = prop::option::weighted(0.9, 0u64..100);
    (whose(device), outcome, prop::bool::weighted(0.8), 0u8..=100, took, error, retry_after_ms).prop_map(
        |(whose, outcome, clean, progress, took, error, retry_after_ms)| Ending {
            whose,
            outcome,
            clean,
            progress,
            took,
            error,
            retry_after_ms,
        },
    )
}

fn whose(device: &'static str) -> impl Strategy<Value = Whose> {
    prop_oneof![
        5 => Just(Whose::OnDevice(device)),
        1 => any::<Index>().prop_map(Whose::Any),
        1 => any::<Index>().prop_map(Whose::Never),
    ]
}

fn message() -> impl Strategy<Value = u128> {
    prop_oneof![5 => 0u128..2, 2 => Just(2), 1 => Just(3)]
}

fn boundary() -> impl Strategy<Value = Boundary> {
    prop_oneof![
        6 => Just(Boundary::Commit),
        1 => Just(Boundary::Fail),
        1 => Just(Boundary::Singly),
        2 => layout().prop_map(Boundary::Crash),
    ]
}

/// Which backend runs where, for one to four devices: see [`crate::common::backends`].
pub fn layout() -> impl Strategy<Value = usize> {
    let any = (1usize..=4).prop_flat_map(|devices| {
        let some = || prop_oneof![9 => 1usize..1 << devices, 1 => Just(0)];
        (some(), some(), some()).prop_map(|(paint, draw, sing)| LAYOUTS + paint + (draw << 4) + (sing << 8))
    });
    prop_oneof![3 => 0..LAYOUTS, 3 => any]
}
