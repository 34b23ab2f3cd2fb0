//! What a store must do, written once and run against each kind: in memory, and SurrealKV on a real disk.

use std::sync::Arc;

use easel_core::command::{NewJob, NewMessage};
use easel_core::{
    Actor, BatchId, Cold, Command, Draft, Intent, Job, JobId, Kept, KeyOf, MessageId, Outcome, Party, Reply, Retention,
    State, Status, Viewer, decide,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Committed, Embedded, JobFilter, Location, Query, Store, StoreError};
use bench::{Bench, LIMITS, SIZES, binding, cancel, delete, keyed, new_job};

macro_rules! suite {
    ($($name:ident: |$bench:ident| $body:block)*) => {
        $(async fn $name(mut $bench: Bench) $body)*
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bench::on(|_| super::Location::Memory).await).await })*
        }
        mod on_disk {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Bench::on(|data| super::Location::SurrealKv(data.join("store"))).await).await })*
        }
    };
}

mod addresses;
mod bench;
mod commits;
mod jobs;
mod lists;
mod messages;
mod opening;
mod retained;
