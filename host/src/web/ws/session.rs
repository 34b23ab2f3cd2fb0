//! What one client has been told, and what it is to be told next.
//!
//! Durable events are passed on in order from the client's place in the log, and only when it has them all is it told
//! what merely is (progress, places in line): so nothing that it hears about an attempt comes after that attempt's outcome.
//! Every await here waits for something to happen and changes nothing, so the socket may drop `next` at any time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use easel_core::JobId;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::crowd::{Crowd, Crowds};
use super::scope::{Filter, Query, Scope};
use super::{ClientFrame, frames, snapshot};
use crate::events::{Cursor, Gone};
use crate::scheduler::Scheduler;
use crate::store::StoreError;
use crate::web::Host;
use crate::{show, time};

/// Ten progress frames a second for a job at the most.
const PROGRESS: Duration = Duration::from_millis(100);
/// Four frames of places a second for a device at the most.
const POSITIONS: Duration = Duration::from_millis(250);
/// The heartbeat.
const MARK: Duration = Duration::from_secs(5);
/// Events that are passed on at a time, and bytes of them: so much waits for a client that does not read.
const EVENTS: usize = 256;
const AT_ONCE: usize = 64 * 1024;
/// Events that are read from the store at a time: those are this client's alone.
const STORED: usize = 32;
/// How many filters a client may have.
const FILTERS: usize = 1_000;
/// How many of a client's requests may wait for their answers. It is not listened to while that many do.
const WAITING: usize = 256;
/// How far behind a returning client may be and still get a replay rather than a snapshot.
const REPLAY: u64 = 100_000;

/// What waits for its answer.
enum Asked {
    /// What can be said as soon as all that came before it has been.
    Said(Utf8Bytes),
    /// To follow this besides, or no more.
    Follow { reference: Value, filter: Filter, follow: bool },
}

pub(super) struct Session {
    host: Arc<Host>,
    crowds: Arc<Crowds>,
    crowd: Arc<Crowd>,
    scope: Scope,
    /// Where to begin; taken by the first `next`.
    since: Option<Option<String>>,
    /// What it has asked and was not answered yet, in order.
    asked: VecDeque<Asked>,
    seq: u64,
    /// A mark is due as soon as there is no event to pass on.
    catching_up: bool,
    /// It came back with a cursor, and has not been told yet of all that it missed.
    replays: bool,
    head: watch::Receiver<u64>,
    telemetry: watch::Receiver<u64>,
    told_progress: HashMap<JobId, u64>,
    /// Which look at the places it was told of, and as of which event that was.
    told_places: u64,
    places_as_of: u64,
    progress_at: Instant,
    places_at: Instant,
    mark_at: Instant,
}

impl Session {
    pub(super) fn new(host: Arc<Host>, crowds: Arc<Crowds>, query: Query) -> Self {
        let (now, crowd) = (Instant::now(), crowds.of(&query.scope));
        let (head, telemetry) = (host.scheduler.hub().watch_head(), host.scheduler.hub().watch_telemetry());
        Self {
            host,
            crowds,
            crowd,
            scope: query.scope,
            since: Some(query.since),
            asked: VecDeque::new(),
            seq: 0,
            catching_up: true,
            replays: false,
            head,
            telemetry,
            told_progress: HashMap::new(),
            told_places: 0,
            places_as_of: 0,
            progress_at: now,
            places_at: now,
            mark_at: now + MARK,
        }
    }

    /// Takes a client's frame. It is answered in its turn: nothing comes before `hello`, and no answer before that to an
    /// earlier frame.
    pub(super) fn hear(&mut self, frame: ClientFrame) {
        self.asked.push_back(match frame {
            ClientFrame::Ping => Asked::Said(frames::pong()),
            ClientFrame::Bad(reference, title) => Asked::Said(frames::error(reference, &title)),
            ClientFrame::Follow { reference, filter, follow } => Asked::Follow { reference, filter, follow },
        });
    }

    /// Whether there is room for what the client may say next. Each wait begins anew when it says something, so a client
    /// that never stops would never be answered.
    pub(super) fn listens(&self) -> bool {
        self.asked.len() < WAITING
    }

    /// The answers that can be given at once, up to the first that has to be made.
    fn said(&mut self) -> Option<Vec<Utf8Bytes>> {
        let mut said = Vec::new();
        while let Some(Asked::Said(text)) = self.asked.pop_front_if(|asked| matches!(asked, Asked::Said(_))) {
            said.push(text);
        }
        (!said.is_empty()).then_some(said)
    }

    /// Grants the oldest wish of a client that has been told all that came before: so the snapshot that answers it is of
    /// (nearly) the same moment. Its cursor is this client's own place: the events after it are still to come, for what it
    /// followed before as well.
    async fn grant(&mut self) -> Result<Option<Vec<Utf8Bytes>>, StoreError> {
        let Some(Asked::Follow { reference, filter, follow }) = self.asked.front() else { return Ok(None) };
        let (reference, filter, follow) = (reference.clone(), filter.clone(), *follow);
        if follow && !self.scope.has_room_for(&filter, FILTERS) {
            self.asked.pop_front();
            let title = "a socket has at most 1,000 filters: open another, or follow everything";
            return Ok(Some(vec![frames::error(Some(reference), title)]));
        }
        let mut frames = vec![frames::subscribed(&reference)];
        if follow {
            let (state, scope) = (self.scheduler().state(), self.scope.only(filter.clone()));
            frames.push(snapshot::frame(&self.host, &state, &scope, self.seq).await?);
            self.scope.add(filter);
        } else {
            self.scope.remove(&filter);
        }
        self.asked.pop_front();
        (self.crowd, self.told_places) = (self.crowds.of(&self.scope), 0);
        Ok(Some(frames))
    }

    /// Waits until there is something to say, and says it.
    pub(super) async fn next(&mut self) -> Result<Vec<Utf8Bytes>, StoreError> {
        if let Some(since) = self.since.clone() {
            let frames = self.begin(since.as_deref()).await?;
            self.since = None;
            return Ok(frames);
        }
        loop {
            if let Some(frames) = self.said() {
                return Ok(frames);
            }
            self.head.mark_unchanged();
            if let Some(frames) = self.events().await? {
                return Ok(frames);
            }
            if let Some(frames) = self.grant().await? {
                return Ok(frames);
            }
            let now = Instant::now();
            if let Some(frames) = self.due(now) {
                return Ok(frames);
            }
            let progress_waits = self.telemetry.has_changed().unwrap_or(false);
            let places_wait = self.places_as_of < self.seq;
            let mut wake = self.mark_at;
            if progress_waits {
                wake = wake.min(self.progress_at);
            }
            if places_wait {
                wake = wake.min(self.places_at);
            }
            tokio::select! {
                changed = self.head.changed() => if changed.is_err() { std::future::pending::<()>().await },
                changed = self.telemetry.changed(), if !progress_waits => {
                    if changed.is_err() { std::future::pending::<()>().await }
                    self.telemetry.mark_changed();
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Hello, and either the place to go on from or a snapshot.
    async fn begin(&mut self, since: Option<&str>) -> Result<Vec<Utf8Bytes>, StoreError> {
        let state = self.scheduler().state();
        let hub = self.scheduler().hub();
        let mut frames = vec![frames::hello(&self.cursor(state.seq), time::now())];
        if since.is_some_and(|since| Cursor::parse(since).is_none()) {
            frames.push(frames::error(None, "since is not a cursor: a snapshot follows instead"));
        }
        let place = since.and_then(Cursor::parse).filter(|cursor| cursor.log == hub.log() && cursor.seq <= state.seq);
        let kept = match place {
            Some(cursor) if hub.since(cursor.seq, 1).is_ok() => true,
            Some(cursor) if state.seq - cursor.seq <= REPLAY => state.oldest_event() <= cursor.seq + 1,
            _ => false,
        };
        match place {
            Some(cursor) if kept => (self.seq, self.replays) = (cursor.seq, true),
            _ => {
                let (seq, snapshot) = self.crowd.snapshot(&self.host).await?;
                frames.push(snapshot);
                self.seq = seq;
            }
        }
        Ok(frames)
    }

    /// The next events of this client's log; none if it has them all.
    async fn events(&mut self) -> Result<Option<Vec<Utf8Bytes>>, StoreError> {
        if self.seq >= self.scheduler().hub().head() {
            return Ok(None);
        }
        let events = match self.scheduler().hub().since(self.seq, EVENTS) {
            Ok(events) => events,
            // What memory does not hold is read from the store for a client that came back for it, as long as it is there. Any other
            // has not read what it was sent: it starts again.
            Err(Gone) if self.replays => match self.crowds.stored(self.scheduler(), self.seq, STORED).await? {
                Some(events) => events,
                None => return self.resync().await.map(Some),
            },
            Err(Gone) => return self.resync().await.map(Some),
        };
        if events.is_empty() {
            return Ok(None);
        }
        let (log, links) = (self.scheduler().hub().log(), &self.host.links);
        let (mut frames, mut bytes, mut seq) = (Vec::new(), 0, self.seq);
        for logged in &events {
            if bytes >= AT_ONCE {
                break;
            }
            if self.scope.holds(&logged.event) {
                let frame = logged.frame(|logged| show::text(&show::event(logged, log, links)).into());
                bytes += frame.len();
                frames.push(frame);
            }
            seq = logged.event.seq;
        }
        self.seq = seq;
        Ok(Some(frames))
    }

    async fn resync(&mut self) -> Result<Vec<Utf8Bytes>, StoreError> {
        let (seq, snapshot) = self.crowd.snapshot(&self.host).await?;
        let frames = vec![frames::resync(), snapshot];
        self.seq = seq;
        (self.catching_up, self.replays) = (true, false);
        Ok(frames)
    }

    /// What is due to a client that has all events.
    fn due(&mut self, now: Instant) -> Option<Vec<Utf8Bytes>> {
        let mut frames = Vec::new();
        let heartbeat = now >= self.mark_at;
        if self.catching_up || heartbeat {
            (self.catching_up, self.replays) = (false, false);
            self.mark_at = now + MARK;
            frames.push(frames::mark(&self.cursor(self.seq)));
        }
        if now >= self.progress_at && self.telemetry.has_changed().unwrap_or(false) {
            self.telemetry.mark_unchanged();
            self.progress_at = now + PROGRESS;
            self.progress(&mut frames);
        }
        if heartbeat || (now >= self.places_at && self.places_as_of < self.seq) {
            self.positions(&mut frames, heartbeat, now);
        }
        (!frames.is_empty()).then_some(frames)
    }

    fn progress(&mut self, frames: &mut Vec<Utf8Bytes>) {
        let state = self.scheduler().state();
        let running = self.scheduler().hub().all_telemetry();
        self.told_progress.retain(|job, _| running.iter().any(|telemetry| telemetry.job == *job));
        for telemetry in &running {
            // An attempt whose start this client has not been told of yet is none of its business yet.
            let job = state
                .job(telemetry.job)
                .filter(|job| job.runs(telemetry.attempt) && job.seq <= self.seq && self.scope.holds_job(job));
            if let Some(job) = job
                && self.told_progress.insert(telemetry.job, telemetry.version) != Some(telemetry.version)
            {
                let make = || show::text(&self.host.show(&state).progress(job, telemetry)).into();
                frames.push(self.crowds.progress(telemetry, &running, make));
            }
        }
    }

    /// The places that changed: of the waiting jobs that this client follows, or of the head of each line.
    fn positions(&mut self, frames: &mut Vec<Utf8Bytes>, expected: bool, now: Instant) {
        let state = self.scheduler().state();
        // Events that this client has not seen may be in it: the next round is for those.
        let at = (&*state, &**self.scheduler().hub());
        let step = self.crowd.step((self.told_places, self.seq), at, expected, now);
        self.places_at = if step.frames.is_empty() { step.again } else { now + POSITIONS };
        frames.extend(step.frames);
        (self.told_places, self.places_as_of) = step.told;
    }

    fn cursor(&self, seq: u64) -> String {
        Cursor { log: self.scheduler().hub().log(), seq }.to_string()
    }

    fn scheduler(&self) -> &Scheduler {
        &self.host.scheduler
    }
}
