//! The clients: each does its own kind of thing, as fast as the host lets it, until the host is gone.

use super::ledger::Ledger;
use super::log::{events, events_after};
use crate::harness::socket::place;
use crate::harness::{Api, BOUND, Next, Random, Reply, Socket};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many jobs may wait before clients hold back: the line is to be there at each kill, and to end some day.
const ENOUGH: usize = 40;
/// Messages that are patched.
const MESSAGES: usize = 6;

/// What outlives a host, apart from its data.
#[derive(Default)]
pub struct Memory {
    ledger: Mutex<Ledger>,
    follower: Mutex<Option<String>>,
    reader: Mutex<Option<String>>,
}

/// One round: a start of the host, and the clients of it.
#[derive(Clone)]
pub struct Round {
    api: Api,
    memory: Arc<Memory>,
    /// From here on, a request may fail.
    dying: Arc<AtomicBool>,
    answers: Arc<watch::Sender<u64>>,
}

impl Memory {
    /// The book of what was told.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("the ledger")
    }
}

impl Round {
    /// A round against one start of the host.
    pub fn new(api: Api, memory: &Arc<Memory>) -> Self {
        Self { api, memory: Arc::clone(memory), dying: Arc::default(), answers: Arc::new(watch::Sender::new(0)) }
    }

    /// Lets sixteen clients loose.
    pub fn clients(&self, random: &mut Random) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for kind in 0..16 {
            let (round, mut random) = (self.clone(), random.fork());
            clients.spawn(async move {
                match kind {
                    0 => round.follow(&mut random).await,
                    1 => round.read_events().await,
                    _ => {
                        while round.act(kind, &mut random).await.is_some() {
                            round.answers.send_modify(|answers| *answers += 1);
                        }
                    }
                }
            });
        }
        clients
    }

    /// Waits for so many replies.
    pub async fn answered(&self, count: u64) {
        let mut answers = self.answers.subscribe();
        let enough = answers.wait_for(|answers| *answers >= count);
        tokio::time::timeout(BOUND, enough).await.expect("replies keep coming").expect("the round lives");
    }

    /// From now on a lost reply is no failure.
    pub fn may_die(&self) {
        self.dying.store(true, Ordering::SeqCst);
    }

    /// Sends every submission again whose reply was lost.
    pub async fn resend_lost(&self) {
        let lost = self.ledger().all_lost();
        for number in lost {
            self.submit(number).await.expect("the host lives");
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.memory.ledger()
    }

    fn dying(&self) -> bool {
        self.dying.load(Ordering::SeqCst)
    }

    /// One thing of a kind; none when the host is gone.
    async fn act(&self, kind: u64, random: &mut Random) -> Option<()> {
        // People think, too. Without this the clients would take both cores from the host.
        tokio::time::sleep(Duration::from_millis(random.below(6))).await;
        let job = self.ledger().any_job(random);
        match (kind, job) {
            (2..=5, _) => self.submit_something(random).await,
            (6, Some(job)) => self.cancel(&job).await,
            (7, Some(job)) if self.ledger().open() < ENOUGH => self.retry(&job).await,
            (8, Some(job)) if random.once_in(4) => self.delete(&job).await,
            (9, _) => self.patch(random).await,
            (12, Some(job)) => self.move_about(&job, random).await,
            (13, _) if random.once_in(10) => self.pause_or_resume(random).await,
            (14, _) if self.ledger().open() < ENOUGH => self.submit_batch(random).await,
            (_, Some(job)) => self.read(&job).await,
            _ => self.ask(self.api.request(Method::GET, "/v1/queue")).await.map(drop),
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Option<Reply> {
        match self.api.attempt(request).await {
            // A host that stops kindly says so to those who still ask.
            Ok(reply) if reply.status == 503 && self.dying() => None,
            Ok(reply) => Some(reply),
            Err(error) => {
                assert!(self.dying(), "the host was not killed, and yet: {error:?}");
                None
            }
        }
    }

    async fn submit_something(&self, random: &mut Random) -> Option<()> {
        let number = {
            let mut ledger = self.ledger();
            match ledger.lost(random).or_else(|| ledger.again(random)) {
                Some(known) => known,
                None if ledger.open() < ENOUGH => ledger.plan(random),
                None => return Some(()),
            }
        };
        self.submit(number).await
    }

    async fn submit(&self, number: usize) -> Option<()> {
        let request = {
            let ledger = self.ledger();
            let one = &ledger.submissions[number];
            let request = self.api.request(Method::POST, "/v1/jobs").json(&one.body);
            one.key.iter().fold(request, |request, key| request.header("Idempotency-Key", key))
        };
        let reply = self.ask(request).await?;
        self.ledger().submitted(number, &reply);
        Some(())
    }

    async fn cancel(&self, id: &str) -> Option<()> {
        let reply = self.ask(self.api.request(Method::POST, &format!("/v1/jobs/{id}/cancel"))).await?;
        let mut ledger = self.ledger();
        match reply.status {
            200 => {
                let job = reply.json();
                assert!(job["status"] == "cancelled" || job["cancel_requested"] == true, "{reply}");
                ledger.told(&job);
                ledger.of(id).cancelled_at.extend(job["seq"].as_u64());
            }
            409 => {}
            _ => ledger.may_be_missing(id, &reply),
        }
        Some(())
    }

    /// Another place, or another priority.
    async fn move_about(&self, id: &str, random: &mut Random) -> Option<()> {
        let other = self.ledger().any_job(random);
        let path = format!("/v1/jobs/{id}");
        let request = match (random.below(4), other) {
            (0, _) => self.api.request(Method::POST, &format!("{path}/move")).json(&json!({"to": "front"})),
            (1, _) => self.api.request(Method::POST, &format!("{path}/move")).json(&json!({"to": "back"})),
            (2, Some(other)) => {
                self.api.request(Method::POST, &format!("{path}/move")).json(&json!({ "before": other }))
            }
            _ => {
                let priority = random.below(11) as i64 - 5;
                self.api.request(Method::PATCH, &path).json(&json!({ "priority": priority }))
            }
        };
        let reply = self.ask(request).await?;
        match reply.status {
            200 => self.ledger().told(&reply.json()),
            // The one that it was to stand before may be gone.
            404 | 409 => {}
            _ => panic!("{reply}"),
        }
        Some(())
    }

    /// More often resumed than paused: the line is to move.
    async fn pause_or_resume(&self, random: &mut Random) -> Option<()> {
        let what = if random.once_in(3) { "pause" } else { "resume" };
        let reply = self.ask(self.api.request(Method::POST, &format!("/v1/queue/{what}"))).await?;
        assert_eq!(reply.status, 200, "{reply}");
        Some(())
    }

    /// Up to four jobs, each of which may wait for the one before it. Without a key, so that it is sent once.
    async fn submit_batch(&self, random: &mut Random) -> Option<()> {
        let (mut numbers, mut jobs) = (Vec::new(), Vec::new());
        for index in 0..2 + random.below(3) {
            // In one go: a planned job that has a key is anybody's to send.
            let mut ledger = self.ledger();
            let number = ledger.plan(random);
            let one = &mut ledger.submissions[number];
            one.key = None;
            if index > 0 && random.once_in(2) {
                one.body["depends_on"] = json!([format!("#{}", index - 1)]);
            }
            numbers.push(number);
            jobs.push(one.body.clone());
        }
        let reply = self.ask(self.api.request(Method::POST, "/v1/batches").json(&json!({ "jobs": jobs }))).await?;
        let batch = reply.expect(201);
        for (number, job) in numbers.iter().zip(batch["jobs"].as_array().expect("jobs")) {
            let told = Reply { status: 201, headers: Default::default(), body: job.to_string().into_bytes() };
            self.ledger().submitted(*number, &told);
        }
        Some(())
    }

    async fn retry(&self, id: &str) -> Option<()> {
        self.ledger().of(id).retries_sent += 1;
        let reply = self.ask(self.api.request(Method::POST, &format!("/v1/jobs/{id}/retry"))).await?;
        let mut ledger = self.ledger();
        match reply.status {
            200..=299 => {
                ledger.told(&reply.json());
                ledger.of(id).retries_done += 1;
            }
            409 => {}
            _ => ledger.may_be_missing(id, &reply),
        }
        Some(())
    }

    async fn delete(&self, id: &str) -> Option<()> {
        let sent_before = {
            let mut ledger = self.ledger();
            ledger.of(id).deletes_sent += 1;
            ledger.of(id).deletes_sent > 1
        };
        let reply = self.ask(self.api.request(Method::DELETE, &format!("/v1/jobs/{id}"))).await?;
        match reply.status {
            200..=299 => self.ledger().of(id).deletes_done += 1,
            409 => {}
            _ if sent_before => assert_eq!(reply.status, 404, "job {id}, which was acknowledged: {reply}"),
            _ => {
                let mut ledger = self.ledger();
                // It was not there to be deleted.
                ledger.of(id).deletes_sent -= 1;
                ledger.may_be_missing(id, &reply);
            }
        }
        Some(())
    }

    async fn read(&self, id: &str) -> Option<()> {
        let floor = self.ledger().floor(id);
        let reply = self.ask(self.api.request(Method::GET, &format!("/v1/jobs/{id}"))).await?;
        let mut ledger = self.ledger();
        if reply.status != 200 {
            ledger.may_be_missing(id, &reply);
            return Some(());
        }
        let job = reply.json();
        assert!(job["seq"].as_u64().is_some_and(|seq| seq >= floor), "older than event {floor}, which was told: {job}");
        ledger.told(&job);
        Some(())
    }

    async fn patch(&self, random: &mut Random) -> Option<()> {
        let messages: Vec<_> = self.ledger().messages.keys().cloned().collect();
        if messages.len() < MESSAGES {
            let body = json!({"conversation_id": "c0", "role": "assistant", "content": "…", "extra_metadata": {}});
            let reply = self.ask(self.api.request(Method::POST, "/v1/messages").json(&body)).await?;
            let id = reply.expect(201)["id"].as_str().expect("an id").to_owned();
            self.ledger().messages.entry(id).or_default();
            return Some(());
        }
        let id = random.pick(&messages).expect("a message");
        let number = self.ledger().patch();
        let body = json!({"extra_metadata": {"patches": {number.to_string(): number}}});
        let reply = self.ask(self.api.request(Method::PATCH, &format!("/v1/messages/{id}")).json(&body)).await?;
        reply.expect(200);
        self.ledger().messages.entry(id.clone()).or_default().insert(number);
        Some(())
    }

    /// Follows the WebSocket, and now and then hangs up and comes back with the cursor; also in the next round.
    async fn follow(&self, random: &mut Random) {
        let mut cursor = self.memory.follower.lock().expect("the cursor").clone();
        loop {
            let mut socket = match Socket::try_connect(&self.api, cursor.as_deref(), &[]).await {
                Ok(socket) => socket,
                Err(error) => return assert!(self.dying(), "the host was not killed, and yet: {error}"),
            };
            let mut last = cursor.as_deref().map(place);
            let mut patience = 1 + random.below(120);
            while patience > 0 {
                match socket.try_next(BOUND).await {
                    Next::Frame(frame) => {
                        let text = socket.texts.last().expect("the frame's text").clone();
                        last = self.heard(&frame, &text, last);
                    }
                    end => {
                        assert!(
                            self.dying() && matches!(end, Next::Closed(_)),
                            "the host was not killed, and yet: {end:?}"
                        );
                        patience = 0;
                    }
                }
                patience = patience.saturating_sub(1);
            }
            cursor = socket.cursor().map(str::to_owned);
            *self.memory.follower.lock().expect("the cursor") = cursor.clone();
            if self.dying() {
                return;
            }
        }
    }

    /// Invariant 14: a client that goes on from a cursor misses nothing and is told nothing twice.
    fn heard(&self, frame: &Value, text: &str, last: Option<u64>) -> Option<u64> {
        if frame["type"] == "snapshot" {
            assert_eq!(last, None, "a snapshot instead of what came after {last:?}: {frame}");
            return frame["cursor"].as_str().map(place);
        }
        assert_ne!(frame["type"], "resync", "a client that reads is not too slow");
        let Some(seq) = frame["seq"].as_u64() else { return last };
        assert_eq!(Some(seq), last.map(|last| last + 1), "a gap or a repeat: {frame}");
        self.ledger().event(frame, text);
        Some(seq)
    }

    /// Reads `/v1/events` from the beginning on; in the next round, from where this one ended.
    async fn read_events(&self) {
        let mut cursor = self.memory.reader.lock().expect("the cursor").clone();
        loop {
            let Some(reply) = self.ask(self.api.request(Method::GET, &events_after(cursor.as_deref(), 50))).await
            else {
                return;
            };
            let page = events(&reply);
            for (frame, text) in &page {
                let expected = cursor.as_deref().map_or(1, |cursor| place(cursor) + 1);
                assert_eq!(frame["seq"], expected, "a gap or a repeat after {cursor:?}: {frame}");
                cursor = frame["cursor"].as_str().map(str::to_owned);
                self.ledger().event(frame, text);
            }
            *self.memory.reader.lock().expect("the cursor") = cursor.clone();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
