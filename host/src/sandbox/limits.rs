//! How much a component may take of everything, in one place, each with its reason.
//!
//! What an operator chooses per backend is not here: memory, the time of an attempt, the time without news, the bytes of
//! artifacts. What belongs to files is with the files: the number of artifacts, the size of a job's log. `docs/security.md`
//! repeats the figures for operators.

use std::time::Duration;

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

// The component itself, before anything of it runs.

/// The largest component. A small guest has 100 KiB, one that brings a language's whole runtime 40 MiB.
pub(crate) const COMPONENT: usize = 64 * MIB;

/// The largest function in it: for many small blocks the time to compile a hostile one grows with the square. The largest that
/// people ship are the loops of interpreters: CPython's has 417 KiB, and is compiled with all the rest in 26 seconds of processor time.
pub(crate) const FUNCTION: usize = 512 * KIB;

/// How many functions all its modules have together.
pub(crate) const FUNCTIONS: usize = 200_000;

/// How many modules and components it is made of.
pub(crate) const PARTS: usize = 1_000;

/// How many instances it is when each component is put where it is instantiated. A hundred may run (`INSTANCES`); those of
/// what only renames are not among them.
pub(crate) const EXPANDED: usize = 1_000;

/// Why it cannot be loaded, as users and the log are told. Bytes.
pub(crate) const REASON: usize = 2_000;

/// How much of the processor's time its compilation may take where it is only looked at. One cannot be stopped half-way: this is
/// when we stop waiting for it. A host waits however long it takes, and does everything else meanwhile.
pub(crate) const COMPILE: Duration = Duration::from_mins(2);

// One call: a fresh store each.

/// Bytes that a guest may hand to the host in one call. Artifacts are written in chunks of 1 MiB and the largest result has
/// 1 MiB, so this is generous.
pub(crate) const HOSTCALL_BYTES: usize = 32 * MIB;

/// Things that a guest may hold of the host at a time: attempts, files, requests, bodies, clocks. Each is small.
pub(crate) const HANDLES: usize = 1024;

/// Bytes of random numbers that a guest may ask for in one call.
pub(crate) const RANDOM_BYTES: u64 = MIB as u64;

/// Entries that all tables may have together: 8 bytes each, and outside of the memory that the operator grants.
pub(crate) const TABLE_ENTRIES: usize = 1_000_000;

/// A component is a handful of core modules, each instantiated once.
pub(crate) const INSTANCES: usize = 100;

/// Each reserves 4 GiB of addresses, so it is not enough that all of them share one limit of bytes.
pub(crate) const MEMORIES: usize = 16;

/// Bindings bring one or two for each module.
pub(crate) const TABLES: usize = 64;

/// The stack of a guest's own calls, of the 2 MiB that its fiber has; the rest is for the host's functions.
pub(crate) const STACK: usize = 512 * KIB;

/// A component says who it is at once, or it is none.
pub(crate) const DESCRIBE: Duration = Duration::from_secs(5);

/// `describe` needs next to nothing, and nobody has judged the component yet.
pub(crate) const DESCRIBE_MEMORY: usize = 64 * MIB;

/// Twice what the contract gives a component to look whether its engine is there.
pub(crate) const PROBE: Duration = Duration::from_secs(20);

/// What the contract gives `settle` and `unload`, unless the attempts themselves get less.
pub(crate) const SETTLE: Duration = Duration::from_secs(60);

// What a component says and returns. It goes into rows, logs and pages, so it is small.

/// The longest summary.
pub(crate) const SUMMARY: usize = KIB;

/// The largest schema. A form with a thousand fields has half of that.
pub(crate) const SCHEMA: usize = 256 * KIB;

/// How many parts a schema has when each reference in it is unfolded: what is checked for each job.
pub(crate) const SCHEMA_UNFOLDED: usize = 50_000;

/// What a regular expression in a schema may take when it is compiled, in bytes.
pub(crate) const PATTERN: usize = 512 * KIB;

/// As how many parts a regular expression counts: so a schema has sixty at the most.
pub(crate) const PATTERN_PARTS: usize = SCHEMA_UNFOLDED / 60;

/// References that lead to one another.
pub(crate) const SCHEMA_REFERENCES: usize = 32;

/// The largest result.
pub(crate) const RESULT: usize = 64 * KIB;

/// The largest catalogue: some engines list thousands of models.
pub(crate) const CATALOG: usize = MIB;

/// A longer message for a user is cut.
pub(crate) const MESSAGE: usize = 4 * KIB;

/// A longer chain of causes is cut.
pub(crate) const CHAIN: usize = 8 * KIB;

/// A component cannot put its job off for longer.
pub(crate) const RETRY_AFTER: Duration = Duration::from_hours(24);

/// A longer note is cut: it lies in the job's row and in the device's.
pub(crate) const NOTE: usize = 4 * KIB;

/// Each note is a commit, and commits are what everybody waits for. More than this at once, or a second, wait.
pub(crate) const NOTES: (u32, u32) = (20, 10);

/// A longer stage is cut, in characters.
pub(crate) const STAGE: usize = 200;

/// A larger preview is dropped.
pub(crate) const PREVIEW: usize = MIB;

/// Nobody sees more than this at once, or a second: they are dropped.
pub(crate) const PREVIEWS: (u32, u32) = (10, 10);

/// A longer line of a log is cut.
pub(crate) const LINE: usize = 8 * KIB;

/// What a guest prints in one call, standard output and standard error together. The rest of a job's log is for what it logs.
pub(crate) const PRINTED: usize = 64 * KIB;

/// How much of the end of standard error is kept to say why a guest trapped.
pub(crate) const LAST_WORDS: usize = 2 * KIB;

/// Lines for a job's log, at once and a second. That log is bounded, but each line costs a write. More are dropped.
pub(crate) const JOB_LINES: (u32, u32) = (1000, 100);

/// Lines for the host's log, which has no bound but the operator's disk. More are dropped.
pub(crate) const HOST_LINES: (u32, u32) = (100, 1);

/// The most bytes of an input that one read gives: a guest cannot make the host hold a whole file.
pub(crate) const PIECE: u64 = MIB as u64;

// Requests to the hosts that the operator allowed.

/// Requests under way at a time; more wait. An engine's API needs two: the work, and a look at its progress.
pub(crate) const REQUESTS: usize = 16;

/// The longest wait for a connection, TLS included. An engine is near, or it is away.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

/// The largest body that is sent: a few pictures in base64.
pub(crate) const REQUEST_BODY: u64 = 256 * MIB as u64;

/// A body up to this size is read before it is sent, so that it goes out with its length: small servers take none in chunks. A
/// larger one goes out in chunks, unless the guest has said its length.
pub(crate) const AHEAD: usize = 256 * KIB;

/// How long a guest may take for a body of which the beginning is read ahead. It may want to hear something before it goes on.
pub(crate) const AHEAD_WAIT: Duration = Duration::from_secs(1);

/// The piece in which a body is taken from a guest. Each of its requests may have two of them waiting, sent or not.
pub(crate) const BODY_PIECE: usize = 16 * KIB;

/// The largest body that is received. It passes through piece by piece; this bounds the traffic and not the memory.
pub(crate) const RESPONSE_BODY: u64 = 1024 * MIB as u64;

/// The largest head of a response.
pub(crate) const RESPONSE_HEAD: usize = 64 * KIB;

/// The largest set of header fields that a guest can make, counted as they lie in memory.
pub(crate) const FIELDS: usize = 128 * KIB;

/// Denials that one call may write to the logs: a guest that tries for ever fills nothing.
pub(crate) const DENIALS: u32 = 20;
