//! Where news comes together: the ring of events and the table of running attempts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use easel_core::{Body, Device, Event, JobId, Progress, Timestamp, Transition};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ring::{Gone, Logged, Ring};
use super::telemetry::{Preview, Telemetry};

/// One for the whole process.
#[derive(Debug)]
pub struct Hub {
    log: String,
    ring: RwLock<Ring>,
    head: watch::Sender<u64>,
    telemetry: Mutex<HashMap<JobId, Telemetry>>,
    version: watch::Sender<u64>,
    /// Who may hold some of the memory of each device.
    memory: Mutex<HashMap<String, Vec<String>>>,
}

impl Hub {
    /// A hub for the log `log`, whose last event is `head`.
    pub fn new(log: String, head: u64) -> Self {
        Self {
            log,
            ring: RwLock::new(Ring::new(head)),
            head: watch::Sender::new(head),
            telemetry: Mutex::default(),
            version: watch::Sender::new(0),
            memory: Mutex::default(),
        }
    }

    /// The log's identity: the first half of each cursor.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Makes committed events known. The table of attempts changes first: whoever has seen an attempt's outcome finds no
    /// progress of it here any more, and reports that come late find no entry to change.
    pub fn publish(&self, events: Vec<Logged>) {
        for logged in &events {
            self.follow(&logged.event);
        }
        let Some(last) = events.last().map(|logged| logged.event.seq) else {
            // The state has changed although nothing has happened: whoever watches the head looks at it.
            self.head.send_modify(|_| {});
            return;
        };
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for logged in events {
            ring.push(Arc::new(logged));
        }
        drop(ring);
        self.head.send_replace(last);
    }

    fn follow(&self, event: &Event) {
        let Event { body: Body::Job { event, job, .. }, .. } = event else { return };
        match event {
            Transition::Started => {
                let version = self.bump();
                let (percent, since, stage, preview) = (0, Instant::now(), None, None);
                let telemetry =
                    Telemetry { job: job.id, attempt: job.attempt, percent, since, stage, preview, version };
                self.table().insert(job.id, telemetry);
            }
            // The frame of that event is made of the job's row, which does not know how far the attempt is: it is told again.
            Transition::Cancelling => self.change(job.id, job.attempt, |_| {}),
            Transition::Moved => {}
            _ => {
                self.table().remove(&job.id);
            }
        }
    }

    /// The number of the last event.
    pub fn head(&self) -> u64 {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).head()
    }

    /// Tells when the head moves.
    pub fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Tells when a running attempt says something.
    pub fn watch_telemetry(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The events after `seq`, `limit` at the most, if they are in memory.
    pub fn since(&self, seq: u64, limit: usize) -> Result<Vec<Arc<Logged>>, Gone> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).since(seq, limit)
    }

    /// What a job's running attempt says.
    pub fn telemetry(&self, job: JobId) -> Option<Telemetry> {
        self.table().get(&job).cloned()
    }

    /// How far the attempt is that runs on a device, where the wall clock says `now`.
    pub fn progress_on(&self, device: &Device, now: Timestamp) -> Option<Progress> {
        let running = device.occupant.as_ref()?;
        self.table()
            .get(&running.job)
            .filter(|telemetry| telemetry.attempt == running.attempt)
            .map(|telemetry| telemetry.progress(now))
    }

    /// What all running attempts say.
    pub fn all_telemetry(&self) -> Vec<Telemetry> {
        self.table().values().cloned().collect()
    }

    /// An attempt reports. Changes nothing unless that attempt is the running one. Progress never goes back, and is all of
    /// it only when the attempt has ended.
    pub fn report(&self, job: JobId, attempt: u32, percent: Option<f32>, stage: Option<String>) {
        self.change(job, attempt, |telemetry| {
            if let Some(percent) = percent.map(|percent| percent.clamp(0.0, 99.0) as u8)
                && percent > telemetry.percent
            {
                (telemetry.percent, telemetry.since) = (percent, Instant::now());
            }
            if stage.is_some() {
                telemetry.stage = stage;
            }
        });
    }

    /// An attempt shows how far it is. Changes nothing unless that attempt is the running one.
    pub fn preview(&self, job: JobId, attempt: u32, mime: String, image: Bytes) {
        self.change(job, attempt, |telemetry| {
            let number = telemetry.preview.as_ref().map_or(1, |preview| preview.number + 1);
            telemetry.preview = Some(Preview { number, mime, image });
        });
    }

    /// The task of a device tells which backends may hold some of its memory.
    pub fn memory_is_held(&self, device: &str, by: Vec<String>) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(device.to_owned(), by);
    }

    /// The backends that may hold some of a device's memory.
    pub fn memory(&self, device: &str) -> Vec<String> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(device).cloned().unwrap_or_default()
    }

    fn change(&self, job: JobId, attempt: u32, change: impl FnOnce(&mut Telemetry)) {
        let mut table = self.table();
        if let Some(telemetry) = table.get_mut(&job).filter(|telemetry| telemetry.attempt == attempt) {
            change(telemetry);
            telemetry.version = self.bump();
        }
    }

    fn bump(&self) -> u64 {
        let mut version = 0;
        self.version.send_modify(|newest| {
            *newest += 1;
            version = *newest;
        });
        version
    }

    fn table(&self) -> MutexGuard<'_, HashMap<JobId, Telemetry>> {
        self.telemetry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
