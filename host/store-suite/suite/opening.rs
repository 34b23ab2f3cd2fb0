//! What a store on a disk must know when it is opened again, and to whom it must not open.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_opened_again_has_its_queue_its_counters_and_its_devices() {
    let mut bench = Bench::on(Kind::Disk).await;
    for _ in 0..3 {
        bench.submit(new_job()).await;
    }
    bench.run_one().await;
    bench.batch(vec![Command::PauseQueue { reason: Some("maintenance".into()), unload: true }]).await;
    let which = easel_core::Which { owners: vec!["nobody".into()], ..Default::default() };
    let intent =
        Intent { id: 7, purpose: easel_core::Purpose::Cancel { which: Box::new(which), until: 1 }, by: None, after: 0 };
    let mut draft = Draft::new(bench.state.clone(), Cold::default());
    draft.changes.push(easel_core::Change::Intent(intent.clone()));
    bench.commits += 1;
    assert!(matches!(bench.store.commit(&draft, bench.commits, 0).await, Ok(Committed::Yes(_))));
    let history = bench.state.history("stub").cloned();
    let (seq, ticket, commits) = (bench.state.seq, bench.state.ticket, bench.commits);
    let waiting: Vec<JobId> = bench.state.jobs().map(|job| job.id).collect();

    let mut bench = bench.reopened().await;

    // Opening it is a commit.
    assert_eq!((bench.state.seq, bench.state.ticket, bench.commits), (seq, ticket, commits + 1));
    assert_eq!(bench.state.jobs().map(|job| job.id).collect::<Vec<_>>(), waiting);
    assert!(bench.state.device("gpu0").unwrap().free());
    let paused = bench.state.queue().paused.clone().unwrap();
    assert_eq!((paused.reason.as_deref(), paused.by.as_str()), (Some("maintenance"), "local"));
    assert!(history.is_some() && bench.state.history("stub").cloned() == history);
    assert_eq!(bench.state.intents().cloned().collect::<Vec<_>>(), [intent]);
    bench.submit(new_job()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_open_cannot_be_opened_again() {
    let bench = Bench::on(Kind::Disk).await;
    let second = Kind::Disk.open(bench.data.path()).await;
    assert!(matches!(second.err(), Some(StoreError::Held(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_a_later_version_is_left_alone() {
    let bench = Bench::on(Kind::Disk).await;
    bench.write(Query::new("UPDATE meta:store SET schema = 99")).await;
    let opened = Store::open(bench.engine.clone(), bench.data.path()).await;
    assert!(matches!(opened.err(), Some(StoreError::Newer { found: 99, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_is_refused_to_another_store() {
    let bench = Bench::on(Kind::Disk).await;
    let other = Kind::Memory.open(bench.data.path()).await.unwrap();
    let opened = Store::open(other, bench.data.path()).await;
    assert!(matches!(opened.err(), Some(StoreError::Mismatch { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_opened_again_has_its_pools_as_the_last_claim_left_them() {
    let mut bench = Bench::on(Kind::Disk).await;
    bench.batch(vec![Command::Recover]).await;
    for _ in 0..3 {
        bench.submit(new_job()).await;
    }
    bench.run_one().await;
    let pools: Vec<_> = bench.state.pools().cloned().collect();
    assert!(pools.iter().any(|pool| pool.clock > 0 && pool.lines.contains_key("stub")), "{pools:?}");
    let bench = bench.reopened().await;
    assert_eq!(bench.state.pools().cloned().collect::<Vec<_>>(), pools);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_a_device_of_an_earlier_version_becomes_that_of_its_pool() {
    let mut bench = Bench::on(Kind::Disk).await;
    bench.batch(vec![Command::Recover]).await;
    bench.submit(new_job()).await;
    bench.run_one().await;
    bench.before_the_log().await;
    let share = serde_json::json!([{ "party": { "owner": "local", "user": null }, "tag": 9_000_000 }]);
    let old =
        "UPDATE meta:store SET schema = 7; REMOVE TABLE pool; UPDATE device:gpu0 SET clock = 8000000, shares = $share;
               UPDATE meta:bindings SET backends = { stub: { digest: 'sha256:0', device: 'gpu0' } };";
    bench.write(Query::new(old).bind("share", share)).await;
    let bench = bench.reopened().await;
    let pool = bench.state.pool("gpu0").unwrap();
    assert_eq!((pool.clock, pool.shares.len(), pool.shares[0].tag), (8_000_000, 1, 9_000_000));
    // The line of commands as well: none is configured here now, and their jobs would be found.
    assert_eq!(pool.lines, [("command@gpu0".to_owned(), 0), ("stub".to_owned(), 0)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_from_before_there_was_a_log_goes_on_with_one_and_is_read_across_the_seam() {
    let mut bench = Bench::on(Kind::Disk).await;
    for _ in 0..3 {
        bench.submit(new_job()).await;
    }
    bench.run_one().await;
    let id = bench.message(json!({"mine": 1})).await;
    let (state, before) = (bench.state.clone(), bench.store.events(0, 99).await.unwrap());
    bench.before_the_log().await;

    let mut bench = bench.reopened().await;

    assert_eq!((bench.state.seq, bench.state.ticket, bench.state.kept()), (state.seq, state.ticket, state.kept()));
    assert_eq!(bench.state.jobs().collect::<Vec<_>>(), state.jobs().collect::<Vec<_>>());
    bench.patch(id, json!({"mine": 2})).await;
    for after in 0..=before.len() as u64 {
        // From each place, one page at a time.
        let [first, ..] = &bench.store.events(after, 1).await.unwrap()[..] else { panic!("nothing after {after}") };
        assert_eq!(first.event.seq, after + 1);
    }
    let events = bench.store.events(0, 99).await.unwrap();
    assert_eq!(events[0].event, before[0].event);
    bench.limits.retention = Retention { events: 1, ..Retention::EVERYTHING };
    while bench.state.log_is_long(&bench.limits.retention) {
        bench.prune(vec![], vec![]).await;
    }
    assert_eq!(bench.rows("event").await, 0);
}
