//! The schema, as the steps that lead to it. A step that has been released is never edited: the next one is added.
//!
//! Tables are schemaless, for the core's types are the schema; indexes are few, for each costs a write a third of its
//! speed: jobs have none, and are listed by what is kept beside their rows (`index`).

/// What leads from one schema to the next.
pub(super) enum Step {
    /// These statements, in one transaction.
    Statements(&'static str),
    /// All jobs are listed anew.
    Index,
}

use Step::{Index, Statements};

/// Step N leads from schema N to schema N + 1.
pub(super) const STEPS: &[Step] = &[
    Statements(
        "
    DEFINE TABLE job; DEFINE TABLE message; DEFINE TABLE event; DEFINE TABLE device; DEFINE TABLE key;
    DEFINE INDEX job_ticket ON job FIELDS ticket;
    DEFINE INDEX job_conversation ON job FIELDS conversation_id, ticket;
    DEFINE INDEX job_message ON job FIELDS message_id, ticket;
    DEFINE INDEX message_conversation ON message FIELDS conversation_id, ticket;
",
    ),
    // The jobs of a batch are listed in a row of its own: an index would cost every job that is in none.
    Statements(
        "
    DEFINE TABLE history; DEFINE TABLE intent; DEFINE TABLE batch;
",
    ),
    // What has ended, in the order in which it did, for whoever looks for what may go: an index on the jobs would cost each
    // that arrives, a row costs each that ends. How much it is altogether is in the writer's row, which is written anyway.
    Statements(
        "
    DEFINE TABLE remains; DEFINE TABLE orphan;
    FOR $used IN (SELECT owner, key, job, at FROM key) {
        LET $id = type::record('job', $used.job);
        IF record::exists($id) {
            UPDATE $id SET key = $used.key RETURN NONE;
        } ELSE {
            CREATE type::record('orphan', [$used.at ?? 0, $used.owner, $used.key])
                CONTENT { owner: $used.owner, key: $used.key, job: $used.job, at: $used.at ?? 0 } RETURN NONE;
        };
    };
    FOR $job IN (SELECT record::id(id) AS id, ended_at, created_at, artifacts, key FROM job
                 WHERE status IN ['complete', 'error', 'cancelled']) {
        CREATE type::record('remains', [$job.ended_at, $job.id]) CONTENT {
            at: $job.ended_at, job: $job.id, bytes: math::sum($job.artifacts.size),
            keyed_at: IF $job.key = NONE { NULL } ELSE { $job.created_at },
        } RETURN NONE;
    };
    FOR $batch IN (SELECT id, jobs FROM batch) {
        UPDATE $batch.id SET left = array::len($batch.jobs.filter(|$id| record::exists(type::record('job', $id)))) RETURN NONE;
    };
    DELETE batch WHERE left = 0 RETURN NONE;
    LET $kept = (SELECT VALUE bytes FROM remains);
    UPDATE meta:writer SET kept = { jobs: array::len($kept), bytes: math::sum($kept) }, oldest = 1 RETURN NONE;
",
    ),
    // Jobs are written as text from here on, which a program of schema 3 could not read; this one reads both.
    Statements(""),
    // Conversations are listed by their newest message.
    Statements(
        "
    DEFINE INDEX IF NOT EXISTS message_ticket ON message FIELDS ticket;
",
    ),
    // What clients write into messages is text from here on, as jobs are.
    Statements(""),
    // What a job reports to its message names its files, and says no more where they are, which a program of schema 6 would show as
    // it stands. Older rows say it, and are shown as they are.
    Statements(""),
    // The clock of a device is that of its pool from here on. Each device begins as a pool of its own, with the lines that stood
    // at it.
    Statements(
        "
    DEFINE TABLE IF NOT EXISTS pool;
    LET $backends = (SELECT VALUE backends FROM ONLY meta:bindings) ?? {};
    FOR $device IN (SELECT name, clock, shares FROM device) {
        LET $here = object::entries($backends).filter(|$entry| $entry[1].device = $device.name).map(|$entry| [$entry[0], 0]);
        UPSERT type::record('pool', $device.name) CONTENT {
            devices: [$device.name],
            lines: object::from_entries(array::append($here, [string::concat('command@', $device.name), 0])),
            clock: $device.clock ?? 0, shares: $device.shares ?? [],
        } RETURN NONE;
    };
",
    ),
    // A commit is one document from here on, and rows are made of those. Where everything stood begins them; events from before
    // stay where they are until they go.
    Statements(
        "
    DEFINE TABLE IF NOT EXISTS log;
    IF record::exists(meta:writer) {
        LET $writer = (SELECT * OMIT id FROM ONLY meta:writer);
        CREATE type::record('log', $writer.commits) CONTENT {
            epoch: $writer.epoch, seq: $writer.seq, ticket: $writer.ticket, floor: $writer.floor,
            kept: $writer.kept ?? { jobs: 0, bytes: 0 }, oldest: $writer.oldest ?? 1, at: $writer.at, text: '{}',
        } RETURN NONE;
        CREATE meta:projection CONTENT {
            commit: $writer.commits, first: $writer.commits, oldest: $writer.oldest ?? 1, epoch: $writer.epoch,
        } RETURN NONE;
        DELETE meta:writer RETURN NONE;
    };
",
    ),
    // Jobs are listed by leaves, branches and threads from here on, and have no index.
    Index,
];

/// The schema that this program knows.
pub(super) const KNOWN: u32 = STEPS.len() as u32;
