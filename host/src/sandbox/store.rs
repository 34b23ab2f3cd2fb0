//! The box that a guest runs in: a fresh store for each call, with nothing in it that was not granted.
//!
//! Nothing survives a call, so nothing has to be cleaned, and one job cannot leave anything for the next. WASI is
//! there in full, because a std guest imports all of it, and grants nothing: no files, no environment, no sockets, no
//! names. Every quantity that a guest can grow has a limit here: a store without limits cannot be made.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::egress::{Egress, Policy};
use super::services::journal::Journal;
use super::services::printed::Printed;
use super::{Kill, limits};
use crate::lasting::Deadline;

/// What one call may use.
pub(super) struct Grant {
    pub(super) memory: usize,
    pub(super) egress: Arc<Policy>,
    /// The operator's table, as JSON.
    pub(super) config: Arc<str>,
    pub(super) journal: Journal,
    pub(super) deadline: Deadline,
    pub(super) kill: Kill,
}

/// Everything that the host knows of a guest while a call lasts.
pub(super) struct HostState {
    pub(super) config: Arc<str>,
    pub(super) journal: Journal,
    pub(super) table: ResourceTable,
    pub(super) limits: Limits,
    pub(super) printed: Printed,
    /// Whether it was said in the log that an artifact was refused for want of room.
    pub(super) told_quota: bool,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    egress: Egress,
}

/// A store for one call.
pub(super) fn store(engine: &Engine, grant: Grant) -> Store<HostState> {
    let Grant { memory, egress, config, journal, deadline, kill } = grant;
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits::HANDLES);
    let printed = Printed::new(journal.clone());
    let mut wasi = WasiCtx::builder();
    wasi.stdout(printed.output()).stderr(printed.error());
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(limits::RANDOM_BYTES);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits::FIELDS);
    let state = HostState {
        egress: Egress::new(egress, journal.clone(), deadline),
        config,
        journal,
        table,
        limits: Limits::new(memory),
        printed,
        told_quota: false,
        wasi: wasi.build(),
        http,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_hostcall_fuel(limits::HOSTCALL_BYTES);
    store.set_max_component_handles(limits::HANDLES);
    store.set_epoch_deadline(1);
    // Yielding by tokio's own means puts the guest behind everybody who is ready; wasmtime's would put it first again.
    store.epoch_deadline_callback(move |_| {
        Ok(if kill.is_set() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
        })
    });
    store
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.egress }
    }
}

/// How much of the machine a guest may take. The memory limit is for all its memories together: wasmtime's own limiter
/// counts each by itself, and a component may have many.
pub(super) struct Limits {
    memory: Budget,
    table: Budget,
}

/// What was taken stays taken, also if the system then has no more: a call ends soon enough, and what is given back on a
/// guest's word could be asked for by it (a growth of a table past its address space fails without ever having been taken).
struct Budget {
    most: usize,
    used: usize,
    refused: bool,
}

impl Budget {
    fn new(most: usize) -> Self {
        Self { most, used: 0, refused: false }
    }

    fn take(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        // Past what the component itself set as a maximum: it fails, and nothing is the matter.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        self.refused = wanted > self.most;
        if !self.refused {
            self.used = wanted;
        }
        !self.refused
    }
}

impl Limits {
    fn new(memory: usize) -> Self {
        Self { memory: Budget::new(memory), table: Budget::new(limits::TABLE_ENTRIES) }
    }

    /// What the guest asked for last and did not get, continuing a sentence about it: most guests trap on that without a word
    /// about the cause.
    pub(super) fn exceeded(&self) -> Option<String> {
        if self.memory.refused {
            let (kib, mib) = (self.memory.most / limits::KIB, self.memory.most / limits::MIB);
            let most = if kib == mib * 1024 { format!("{mib} MiB") } else { format!("{kib} KiB") };
            return Some(format!("needs more memory than the {most} that it may have"));
        }
        self.table.refused.then(|| format!("needs tables of more than {} entries", limits::TABLE_ENTRIES))
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.memory.take(current, desired, most))
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.table.take(current, desired, most))
    }

    fn instances(&self) -> usize {
        limits::INSTANCES
    }

    fn memories(&self) -> usize {
        limits::MEMORIES
    }

    fn tables(&self) -> usize {
        limits::TABLES
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmtime::Trap;
    use wasmtime::component::{Component, Linker};

    use super::*;
    use crate::sandbox::engine;

    /// A component whose start function is `loop br 0 end`.
    const SPINNING: &[u8] = b"\0asm\x0d\0\x01\0\
        \x01\x20\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x08\x01\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b\
        \x02\x04\x01\0\0\0";

    #[tokio::test]
    async fn a_guest_that_spins_lets_others_run_until_it_is_interrupted() {
        let engine = engine::start(None).unwrap();
        let component = Component::new(&engine, SPINNING).unwrap();
        let pre = Linker::<HostState>::new(&engine).instantiate_pre(&component).unwrap();
        let kill = Kill::new();
        let grant = Grant {
            memory: 0,
            egress: Arc::new(Policy::nothing("spinning")),
            config: "{}".into(),
            journal: Journal::host("spinning"),
            deadline: Deadline::after(Duration::ZERO),
            kill: kill.clone(),
        };
        let mut store = store(&engine, grant);
        let spinning = tokio::spawn(async move { pre.instantiate_async(&mut store).await.map(drop) });
        // From another thread: this one is the guest's as long as it does not yield.
        let killer = kill.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(2));
            killer.now();
        });

        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!kill.is_set() && !spinning.is_finished());
        kill.now();

        let ended = tokio::time::timeout(Duration::from_secs(5), spinning).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().downcast_ref::<Trap>(), Some(&Trap::Interrupt));
    }

    #[test]
    fn all_memories_share_one_limit() {
        let mut limits = Limits::new(100);
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(!limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.exceeded().unwrap().contains("memory"));
        assert!(limits.memory_growing(0, 40, None).unwrap());
        assert_eq!(limits.exceeded(), None);
        assert!(!limits.memory_growing(60, 61, None).unwrap());
    }

    #[test]
    fn a_growth_past_a_maximum_of_its_own_costs_nothing_and_is_not_held_against_the_guest() {
        let mut limits = Limits::new(100);
        assert!(!limits.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!(limits.exceeded(), None);
        assert!(limits.memory_growing(0, 100, Some(100)).unwrap());
    }

    #[test]
    fn what_was_taken_is_not_given_back_when_a_growth_fails() {
        let mut limits = Limits::new(100);
        assert!(limits.memory_growing(0, 100, None).unwrap());
        limits.memory_grow_failed(wasmtime::format_err!("the system has no more")).unwrap();
        assert!(!limits.memory_growing(0, 1, None).unwrap());
    }
}
