//! The places for connections: how many there are, who has one, and who gives way when all are taken.
//!
//! There are as many as the process may open files for, less what the rest of the host needs. WebSockets have a share of
//! them and no more, so some are left for requests. Those are never all taken either: when somebody new comes and no place
//! is free, the one that has kept us waiting longest goes, be it an idle connection, a body that drips or an answer that
//! nobody reads. A request that we are still working on never goes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::pace::{PATIENT, Pace};

/// The least number of files that a host may open.
pub const LEAST_FILES: u64 = 64;
/// The WebSockets that a host is made for.
const SOCKETS: usize = 2_500;
/// The commands that may hold a device, or wait for one.
const LEASES: usize = 256;
/// Places that neither can take.
const SHORT: usize = 512;
/// What a connection may have open: itself, and a file that it uploads or downloads.
const FILES: u64 = 2;
/// What the rest of the host may come to need, whatever it has open when it starts: tables of the store, files of jobs,
/// requests of backends.
const SPARE: std::ops::RangeInclusive<u64> = 24..=512;

/// How long a connection may be idle: longer than clients keep theirs, so that it is they who close them.
const IDLE: Duration = Duration::from_secs(75);
/// How long the head of a request may take, once it has begun.
const HEAD: Duration = Duration::from_secs(15);
/// Who keeps us waiting for less than this does not give way: its bytes may be there, and not read yet.
const LEAST_DEBT: Duration = Duration::from_millis(30);
/// One that was of use before is likely to be so again: it owes so many times less for being idle.
const KNOWN: u32 = 8;
/// How often it is looked who is overdue.
const OFTEN: Duration = Duration::from_secs(1);
/// How long somebody new waits for a place before it is looked again who could give way.
const AGAIN: Duration = Duration::from_millis(20);

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Connections of any kind.
    all: usize,
    /// Those of them that may be WebSockets.
    sockets: usize,
    /// And those that may be leases.
    leases: usize,
}

impl Shares {
    /// The shares of a process that may open `limit` files and has `open` of them open before it serves anybody.
    pub fn of(limit: u64, open: u64) -> Self {
        let spare = (limit / 8).clamp(*SPARE.start(), *SPARE.end());
        let places = limit.saturating_sub(open).saturating_sub(spare) / FILES;
        let all = usize::try_from(places).unwrap_or(usize::MAX).clamp(4, SOCKETS + LEASES + SHORT);
        let (leases, short) = ((all / 8).clamp(1, LEASES), (all / 4).clamp(2, SHORT));
        Self { all, sockets: (all - leases - short).min(SOCKETS), leases }
    }
}

/// The places of a host.
#[derive(Debug)]
pub(super) struct Places {
    shares: Shares,
    all: Arc<Semaphore>,
    sockets: Arc<Semaphore>,
    leases: Arc<Semaphore>,
    taken: Mutex<HashMap<u64, Weak<Seat>>>,
    next: AtomicU64,
}

/// One place that is taken, by a connection in whatever it may be at.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    places: Arc<Places>,
    state: Mutex<State>,
    leaves: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// The body of the request, and the answer.
    incoming: Pace,
    outgoing: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing of a request has come; `known` when there was one before.
    Idle { since: Instant, known: bool },
    /// A request has begun, and its head is not whole yet.
    Head { since: Instant },
    /// A request is being answered.
    Request,
    /// It is a WebSocket, which has its own rules.
    Socket,
}

impl Places {
    pub(super) fn new(shares: Shares) -> Arc<Self> {
        let some = |places: usize| Arc::new(Semaphore::new(places));
        let (all, sockets, leases) = (some(shares.all), some(shares.sockets), some(shares.leases));
        Arc::new(Self { shares, all, sockets, leases, taken: Mutex::default(), next: AtomicU64::default() })
    }

    /// Takes a place for somebody who has just come, as soon as there is one.
    pub(super) async fn seat(self: &Arc<Self>) -> Arc<Seat> {
        let permit = loop {
            match self.all.clone().try_acquire_owned() {
                Ok(permit) => break permit,
                Err(_) => self.make_room(Instant::now()),
            }
            if let Ok(Ok(permit)) = timeout(AGAIN, self.all.clone().acquire_owned()).await {
                break permit;
            }
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Mutex::new(State::of(Phase::Idle { since: Instant::now(), known: false }));
        let seat = Seat { number, places: self.clone(), state, leaves: CancellationToken::new(), _permit: permit };
        let seat = Arc::new(seat);
        self.taken().insert(number, Arc::downgrade(&seat));
        seat
    }

    /// A place for a WebSocket; none when all are taken, and how many that are.
    pub(super) fn socket(&self) -> Result<OwnedSemaphorePermit, usize> {
        self.sockets.clone().try_acquire_owned().map_err(|_| self.shares.sockets)
    }

    /// The same for a lease.
    pub(super) fn lease(&self) -> Result<OwnedSemaphorePermit, usize> {
        self.leases.clone().try_acquire_owned().map_err(|_| self.shares.leases)
    }

    /// Lets those go who are overdue, for as long as anybody is served.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut often = interval(OFTEN);
        loop {
            let now = often.tick().await;
            self.seated().iter().filter(|seat| seat.state().is_overdue(now)).for_each(|seat| seat.leaves.cancel());
        }
    }

    /// Sends away those who have kept us waiting longest: a few at a time, since more are likely to come.
    fn make_room(&self, now: Instant) {
        let mut owing: Vec<_> = self
            .seated()
            .into_iter()
            .filter_map(|seat| {
                let debt = seat.state().debt(now)?;
                Some((debt, seat))
            })
            .collect();
        owing.retain(|(debt, seat)| *debt >= LEAST_DEBT && !seat.leaves.is_cancelled());
        owing.sort_by_key(|(debt, _)| std::cmp::Reverse(*debt));
        for (debt, seat) in owing.iter().take(1 + self.shares.all / 64) {
            tracing::debug!("a connection that kept us waiting for {:.1} s gives way to another", debt.as_secs_f64());
            seat.leaves.cancel();
        }
    }

    fn seated(&self) -> Vec<Arc<Seat>> {
        // Collected, since a seat that is let go of here takes itself out of the map.
        self.taken().values().filter_map(Weak::upgrade).collect()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Weak<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.taken().remove(&self.number);
    }
}

impl Seat {
    /// The places of the host.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Returns when this connection is to go.
    pub(super) async fn leaves(&self) {
        self.leaves.cancelled().await;
    }

    /// The head of a request is whole.
    pub(super) fn begins(&self) {
        *self.state() = State::of(Phase::Request);
    }

    /// All of the answer has been made. Some of it may still be on its way.
    pub(super) fn ends(&self) {
        self.state().ends(Instant::now());
    }

    /// The connection is a WebSocket from now on.
    pub(super) fn becomes_socket(&self) {
        self.state().phase = Phase::Socket;
    }

    /// So many bytes came; none when there are none yet.
    pub(super) fn came(&self, bytes: Option<usize>) {
        self.state().came(bytes, Instant::now());
    }

    /// So many bytes went; none when no more go now.
    pub(super) fn went(&self, bytes: Option<usize>) {
        self.state().went(bytes, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(phase: Phase) -> Self {
        Self { phase, incoming: Pace::default(), outgoing: Pace::default() }
    }

    fn ends(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Request) {
            self.phase = Phase::Idle { since: now, known: true };
            self.incoming = Pace::default();
        }
    }

    fn came(&mut self, bytes: Option<usize>, now: Instant) {
        match (self.phase, bytes) {
            (Phase::Idle { .. }, Some(_)) => self.phase = Phase::Head { since: now },
            (Phase::Request, Some(bytes)) => self.incoming.went(bytes, now),
            (Phase::Request, None) => self.incoming.waits(now),
            _ => {}
        }
    }

    fn went(&mut self, bytes: Option<usize>, now: Instant) {
        match (self.phase, bytes) {
            (Phase::Socket, _) => {}
            (_, Some(bytes)) => self.outgoing.went(bytes, now),
            (_, None) => self.outgoing.waits(now),
        }
    }

    /// Whether the client has used up its time. Bodies are watched where they are read, since that is where it can be said.
    fn is_overdue(&self, now: Instant) -> bool {
        let due = match self.phase {
            Phase::Idle { since, .. } => Some(since + IDLE),
            Phase::Head { since } => Some(since + HEAD),
            Phase::Request => None,
            Phase::Socket => return false,
        };
        [due, self.outgoing.deadline(PATIENT)].into_iter().flatten().any(|due| due <= now)
    }

    /// How long the client has kept us waiting; none while it is us who work.
    fn debt(&self, now: Instant) -> Option<Duration> {
        let waited = |since: Instant| now.saturating_duration_since(since);
        let idle = match self.phase {
            Phase::Idle { since, known } => Some(waited(since) / if known { KNOWN } else { 1 }),
            Phase::Head { since } => Some(waited(since)),
            Phase::Request => self.incoming.debt(now),
            Phase::Socket => return None,
        };
        idle.max(self.outgoing.debt(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn places(all: usize) -> Arc<Places> {
        Places::new(Shares { all, sockets: 1, leases: 1 })
    }

    fn gone(seats: &[Arc<Seat>]) -> Vec<usize> {
        let gone = seats.iter().enumerate().filter(|(_, seat)| seat.leaves.is_cancelled());
        gone.map(|(index, _)| index).collect()
    }

    #[test]
    fn the_shares_leave_something_for_the_host_and_for_short_requests() {
        for (limit, open) in [(64, 30), (64, 60), (256, 30), (1_024, 30), (4_096, 100), (20_000, 30), (u64::MAX, 30)] {
            let shares = Shares::of(limit, open);
            assert!(shares.sockets >= 1 && shares.leases >= 1 && shares.all >= 4, "{limit}: {shares:?}");
            assert!(
                shares.all - shares.sockets - shares.leases >= shares.all.min(SHORT * 4) / 4,
                "{limit}: {shares:?}"
            );
            if limit >= open + 32 {
                assert!(shares.all as u64 * FILES + open + 24 <= limit, "{limit}: {shares:?}");
            }
        }
        assert_eq!(Shares::of(20_000, 30), Shares { all: 3_268, sockets: SOCKETS, leases: LEASES });
    }

    #[tokio::test]
    async fn whoever_has_kept_us_waiting_longest_gives_way_to_whoever_comes() {
        let places = places(3);
        let (works, known, new) = (places.seat().await, places.seat().await, places.seat().await);
        works.begins();
        known.begins();
        known.ends();
        let seats = [works, known, new];

        places.make_room(Instant::now());
        assert_eq!(gone(&seats), [0; 0], "all have just come");
        places.make_room(Instant::now() + SECOND);
        assert_eq!(gone(&seats), [2], "one that has asked for nothing yet");
        places.make_room(Instant::now() + SECOND);
        assert_eq!(gone(&seats), [1, 2]);
        places.make_room(Instant::now() + SECOND * 1_000);
        assert_eq!(gone(&seats), [1, 2], "nobody whom we work for");
        seats[0].came(None);
        places.make_room(Instant::now() + SECOND);
        assert_eq!(gone(&seats), [0, 1, 2], "until it keeps us waiting for its body");
    }

    #[tokio::test]
    async fn a_place_that_is_given_up_is_the_next_ones() {
        let places = places(1);
        let seat = places.seat().await;
        let leaves = async {
            seat.leaves().await;
            drop(seat);
        };
        let (_next, ()) = timeout(SECOND * 60, async { tokio::join!(places.seat(), leaves) }).await.expect("a place");
        assert_eq!(places.taken().len(), 1);
    }

    #[test]
    fn who_is_overdue_goes() {
        let begin = Instant::now();
        let idle = State::of(Phase::Idle { since: begin, known: true });
        let mut head = State::of(Phase::Idle { since: begin, known: false });
        head.came(Some(1), begin);
        let works = State::of(Phase::Request);
        let (mut unread, mut rest) = (State::of(Phase::Request), State::of(Phase::Request));
        for state in [&mut unread, &mut rest] {
            state.went(Some(100_000), begin);
            state.went(None, begin);
        }
        // The last of its answer is made, and not read either.
        rest.ends(begin);
        let mut socket = State::of(Phase::Socket);
        socket.went(None, begin);
        let goes = |state: &State| (0..1_000).find(|second| state.is_overdue(begin + SECOND * *second));
        let seconds = [idle, head, works, unread, rest, socket].map(|state| goes(&state));
        assert_eq!(seconds, [Some(75), Some(15), None, Some(30), Some(30), None]);
    }

    #[tokio::test]
    async fn web_sockets_and_leases_have_their_own_shares() {
        let places = places(9);
        let _one = (places.socket().unwrap(), places.lease().unwrap());
        assert_eq!((places.socket().unwrap_err(), places.lease().unwrap_err()), (1, 1));
    }
}
