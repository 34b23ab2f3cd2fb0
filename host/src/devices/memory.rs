//! Who may hold a device's memory: the backends that ran there and were not asked to free it since.
//!
//! Only the device's own task knows, and it forgets with the process. What was loaded before a start nobody can tell, so each
//! backend counts as having run then: to be asked once for nothing costs little, two engines that fight for one card cost
//! jobs. Whoever was asked is not asked again before it has run again, even if it could not: an engine that is away or hangs
//! would otherwise be in the way of every job of its neighbours.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easel_core::Timestamp;
use tokio::time::Instant;

/// Pauses that want the memory to be free: of the queue, and of the device. Each is known by its beginning.
pub(super) type Pauses = [Option<Timestamp>; 2];

/// What a device's task knows of its memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    asked: BTreeSet<String>,
    pauses: Pauses,
}

impl Memory {
    /// A backend runs.
    pub(super) fn used(&self, backend: &str) {
        self.known().asked.remove(backend);
    }

    /// A backend was asked to free the memory.
    pub(super) fn asked(&self, backend: &str) {
        self.known().asked.insert(backend.to_owned());
    }

    /// Whether a backend may hold some of the memory.
    pub(super) fn may_be_held_by(&self, backend: &str) -> bool {
        !self.known().asked.contains(backend)
    }

    /// When a backend that is to let go after `idle_release` has to, on a device that is idle since `idle`.
    pub(super) fn due(&self, backend: &str, idle_release: Option<Duration>, idle: Instant) -> Option<Instant> {
        let due = idle.checked_add(idle_release?)?;
        self.may_be_held_by(backend).then_some(due)
    }

    /// Whether one of these pauses is new: true once for each.
    pub(super) fn wanted_by_a_new_pause(&self, now: Pauses) -> bool {
        let before = std::mem::replace(&mut self.known().pauses, now);
        now.iter().zip(before).any(|(now, before)| now.is_some() && *now != before)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use easel_core::{Device, Pause, Queue, State};

    use super::super::port::Standing;
    use super::*;

    const RELEASE: Option<Duration> = Some(Duration::from_secs(300));

    #[test]
    fn a_backend_lets_go_once_after_its_idle_time_and_again_after_it_has_run() {
        let (memory, idle) = (Memory::default(), Instant::now());
        let due = |idle| memory.due("forge", RELEASE, idle);
        assert_eq!(due(idle), Some(idle + Duration::from_secs(300)), "what a start finds is unknown");
        memory.asked("forge");
        assert_eq!(due(idle), None);
        memory.used("forge");
        let later = idle + Duration::from_secs(1000);
        assert_eq!(due(later), Some(later + Duration::from_secs(300)));
    }

    #[test]
    fn nobody_lets_go_who_is_not_told_to_or_told_to_in_eternity() {
        let memory = Memory::default();
        assert_eq!(memory.due("forge", None, Instant::now()), None);
        assert_eq!(memory.due("forge", Some(Duration::MAX), Instant::now()), None);
    }

    fn paused(queue: Option<(bool, Timestamp)>, device: Option<(bool, Timestamp)>) -> State {
        let pause = |(unload, since)| Pause { reason: None, by: "ann".into(), since, unload };
        let device = Device { name: "gpu0".into(), paused: device.map(pause), ..Device::default() };
        let mut state = State::new(0, 0, vec![device], Vec::new());
        state.restore_queue(Queue { paused: queue.map(pause), full: None, ..Queue::default() });
        state
    }

    #[test]
    fn each_pause_that_wants_it_has_the_memory_freed_once() {
        let memory = Memory::default();
        let wanted = |queue, device| memory.wanted_by_a_new_pause(Standing::of(&paused(queue, device), "gpu0").pauses);
        assert!(!wanted(None, None));
        assert!(!wanted(Some((false, 1)), None), "a pause alone leaves the memory as it is");
        assert!(wanted(Some((true, 2)), None));
        assert!(!wanted(Some((true, 2)), None));
        assert!(wanted(Some((true, 2)), Some((true, 3))));
        assert!(!wanted(None, Some((true, 3))));
        assert!(!wanted(None, None));
        // The clock of the wall may go back.
        assert!(wanted(None, Some((true, 1))));
    }
}
