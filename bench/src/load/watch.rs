//! What an onlooker sees meanwhile: how much memory the host has, and how long `/healthz` takes, each time over a connection of its
//! own. Threads of their own look, so that what keeps this program busy does not count as the host's slowness.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::host::resident;

/// From one look to the next.
const OFTEN: Duration = Duration::from_millis(100);
/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen since it was looked last.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The most memory, in bytes.
    pub peak: f64,
    pub slowest: Duration,
    /// How many times `/healthz` was asked for, and was not answered as it should be.
    pub asked: usize,
    pub failed: usize,
}

pub struct Watch {
    seen: Arc<Mutex<Seen>>,
}

impl Watch {
    /// Looks at this host for as long as it lives.
    pub fn begin(address: SocketAddr, process: i32) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (memory, health) = (Arc::downgrade(&seen), Arc::downgrade(&seen));
        thread::spawn(move || {
            while let (Some(seen), Ok(bytes)) = (memory.upgrade(), resident(process)) {
                let mut seen = locked(&seen);
                seen.peak = seen.peak.max(bytes);
                drop(seen);
                thread::sleep(OFTEN);
            }
        });
        thread::spawn(move || {
            while let Some(seen) = health.upgrade() {
                let begun = Instant::now();
                let well = healthy(address);
                let took = begun.elapsed();
                let mut seen = locked(&seen);
                seen.asked += 1;
                seen.slowest = seen.slowest.max(took);
                if let Err(error) = well {
                    eprintln!("/healthz after {took:?}: {error}");
                    seen.failed += 1;
                }
                drop(seen);
                thread::sleep(OFTEN.saturating_sub(took));
            }
        });
        Self { seen }
    }

    /// What was seen since it was looked last.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut locked(&self.seen))
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn healthy(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(answer)) }
}
