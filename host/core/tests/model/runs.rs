//! How random runs are drawn: how likely each step is, and where backends run.

use easel_core::{ErrorKind, OnDependencyFailure, Outcome, Status};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::common::{BACKENDS, DEVICES, LAYOUTS, LEASES};
use crate::steps::{Boundary, Chosen, Client, Ending, Place, Step, Whom, Whose, Wish};

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
