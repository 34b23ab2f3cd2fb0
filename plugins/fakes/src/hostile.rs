//! What a hostile backend can try. The end-to-end tests are compiled with this very file and match on it, so that there is
//! no behaviour without its test.

use serde::{Deserialize, Serialize};

/// Something that no honest backend does. Whatever is refused to it in a way that a guest can handle, it hands back as a
/// failure of the kind `failed`, so that a test sees what it was told; where nothing stops it, it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostile {
    // In each export.
    /// Computes for ever, and never calls the host.
    Spin,
    /// Panics.
    Panic,
    /// Ends the process that it thinks it is.
    Exit,
    /// Sleeps for five hundred years.
    SleepForAges,
    /// Takes more and more memory.
    Allocate,
    /// Calls itself for ever.
    Recurse,
    /// Makes clocks and keeps them.
    LeakHandles,
    /// Writes lines to the log as fast as it can, for ever.
    FloodLog,
    /// Writes a line of 100 MB.
    HugeLine,
    /// Writes to standard output as fast as it can, for ever.
    FloodStdout,
    /// The same with standard error.
    FloodStderr,
    /// Asks for a gigabyte of random numbers at once.
    HugeRandom,

    // In `run`, which has an attempt.
    /// Ignores that it is cancelled, and reports a little progress all the while.
    Drip,
    /// Reports progress as fast as it can, for ever.
    FloodProgress,
    /// Shows previews of nearly 1 MiB as fast as it can, for ever.
    FloodPreviews,
    /// Shows previews that are none as fast as it can, for ever.
    FloodBadPreviews,
    /// Remembers notes as fast as it can, for ever.
    FloodNotes,
    /// Reports a stage of 100 MB.
    HugeStage,
    /// Shows a preview of 100 MB.
    HugePreview,
    /// Remembers 100 MB.
    HugeNote,
    /// Names a file with 100 MB.
    HugeName,
    /// Writes 100 MB in one piece.
    HugeChunk,
    /// Writes on past its quota, file after file, whatever it is told, for ever.
    PastQuota,
    /// Makes as many empty files as it can.
    ManyFiles,
    /// Names files so that they would lie elsewhere.
    BadNames,
    /// Finishes a file that it has finished.
    FinishTwice,
    /// Waits until it is cancelled; then makes a file and returns a result.
    LateResult,
    /// Returns what is not JSON.
    NotJson,
    /// Returns JSON that is no object.
    NotAnObject,
    /// Returns JSON that is ten thousand arrays deep.
    DeepJson,
    /// Returns a result of 100 MB.
    HugeResult,
    /// Returns a result of 1 MB.
    LargeResult,
    /// Fails with a message of 100 MB.
    HugeFailure,
    /// Fails with a message of 1 MB full of control characters, as a kind that does not exist, to be retried never.
    NastyFailure,
}

impl Hostile {
    /// Those that need no attempt.
    pub const ANYWHERE: [Self; 12] = [
        Self::Spin,
        Self::Panic,
        Self::Exit,
        Self::SleepForAges,
        Self::Allocate,
        Self::Recurse,
        Self::LeakHandles,
        Self::FloodLog,
        Self::HugeLine,
        Self::FloodStdout,
        Self::FloodStderr,
        Self::HugeRandom,
    ];
}
