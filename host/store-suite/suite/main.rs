//! What a store must do, written once and run against each kind of database, and against one that goes wrong.

use std::sync::Arc;

use easel::store::{Committed, JobFilter, Query, Store, StoreError};
use easel_core::command::{NewJob, NewMessage};
use easel_core::{
    Actor, BatchId, Cold, Command, Draft, Intent, Job, JobId, Kept, KeyOf, MessageId, Outcome, Party, Reply, Retention,
    Status, Viewer, decide,
};
use serde_json::{Value, json};
use uuid::Uuid;

use bench::{Bench, LIMITS, cancel, delete, keyed, new_job};
use kinds::Kind;

macro_rules! suite {
    ($($name:ident: |$bench:ident| $body:block)*) => {
        $(async fn $name(mut $bench: Bench) $body)*
        suite!(in_memory, Memory, $($name)*);
        suite!(on_disk, Disk, $($name)*);
        suite!(without_answers, Unanswering, $($name)*);
    };
    ($module:ident, $kind:ident, $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bench::on(super::Kind::$kind).await).await })*
        }
    };
}

mod addresses;
mod bench;
mod commits;
mod failures;
mod faulty;
mod jobs;
mod kinds;
mod lists;
mod messages;
mod opening;
mod retained;
