//! What a store must know of what has ended: what it left behind, and what is left of it when it goes.

use super::*;

suite! {
    what_ended_jobs_leave_behind_is_read_in_the_order_in_which_they_ended_and_in_pages: |bench| {
        let mut jobs = Vec::new();
        for _ in 0..4 { jobs.push(bench.submit(new_job()).await.id); }
        bench.batch(vec![cancel(jobs[3])]).await;
        let ran = bench.run_one().await;
        // At the same moment, and so in the order of their ids.
        bench.batch(vec![cancel(jobs[1]), cancel(jobs[2])]).await;
        assert_eq!(bench.remains().await, [(jobs[3], 0), (ran.id, 5), (jobs[1], 0), (jobs[2], 0)]);
        assert_eq!(bench.state.kept(), Kept { jobs: 4, bytes: 5 });

        let ran_at = ran.ended_at.unwrap();
        let page = async |after, until| bench.store.remains(after, until, 2).await.unwrap().into_iter().map(|remains| remains.job).collect::<Vec<_>>();
        assert_eq!(page((i64::MIN, None), i64::MAX).await, [jobs[3], ran.id]);
        assert_eq!(page((ran_at, None), i64::MAX).await, [ran.id, jobs[1]]);
        assert_eq!(page((ran_at, Some(ran.id)), i64::MAX).await, [jobs[1], jobs[2]]);
        assert_eq!(page((bench.now, Some(jobs[1])), i64::MAX).await, [jobs[2]]);
        assert_eq!(page((i64::MIN, None), ran_at - 1).await, [jobs[3]]);
    }

    a_job_that_is_run_again_leaves_nothing_behind_until_it_ends_again: |bench| {
        let job = bench.submit(new_job()).await;
        let retry = || Command::Retry { job: job.id };
        bench.batch(vec![cancel(job.id)]).await;
        bench.batch(vec![retry()]).await;
        assert_eq!((bench.remains().await, bench.state.kept()), (vec![], Kept::default()));
        bench.batch(vec![cancel(job.id), retry(), cancel(job.id)]).await;
        assert_eq!(bench.remains().await, [(job.id, 0)]);
        // Ended, run again and ended again, all in one commit and one moment.
        bench.batch(vec![retry(), cancel(job.id), retry(), cancel(job.id)]).await;
        assert_eq!(bench.remains().await, [(job.id, 0)]);
        bench.batch(vec![delete(job.id)]).await;
        assert_eq!((bench.remains().await, bench.state.kept()), (vec![], Kept::default()));
    }

    what_is_pruned_takes_its_key_and_what_it_left_behind_with_it: |bench| {
        bench.limits.retention = Retention { jobs: 0, keys: 0, ..Retention::EVERYTHING };
        let (one, two) = (bench.submit(keyed("k1")).await.id, bench.submit(keyed("k2")).await.id);
        bench.run_one().await;
        assert_eq!(bench.prune(vec![one, two], vec![]).await, [one]);
        assert_eq!(bench.store.job(one).await.unwrap(), None);
        assert!(bench.store.job(two).await.unwrap().is_some());
        let used = bench.store.keys(&[(Party::of("local"), "k1".into()), (Party::of("local"), "k2".into())]).await.unwrap();
        assert_eq!(used.iter().map(|used| used.job).collect::<Vec<_>>(), [two]);
        assert_eq!(bench.remains().await, []);
        let told = bench.store.events(0, 100).await.unwrap().pop().unwrap();
        assert_eq!(told.event.by.as_deref(), Some("retention"));
    }

    keys_of_two_users_are_two_keys_and_go_one_by_one: |bench| {
        bench.limits.retention = Retention { keys: 100, ..Retention::EVERYTHING };
        let party = |user: Option<&str>| Party { user: user.map(Into::into), ..Party::of("local") };
        // What one says could be taken for what the other says, if they were only put together.
        let whose = [(party(None), "3:cat:k"), (party(Some("cat")), "k"), (party(Some("dot")), "k")];
        let mut jobs = Vec::new();
        for (party, key) in &whose {
            jobs.push(bench.submit(NewJob { party: party.clone(), ..keyed(key) }).await);
        }
        for ((party, key), job) in whose.iter().zip(&jobs) {
            let found = bench.store.keys(&[(party.clone(), (*key).into())]).await.unwrap();
            assert_eq!(found.iter().map(|used| (used.job, &used.party)).collect::<Vec<_>>(), [(job.id, party)]);
        }
        assert_eq!(bench.store.keys(&[(party(None), "k".into())]).await.unwrap(), []);
        let cats = &jobs[1];
        bench.batch(vec![cancel(cats.id), delete(cats.id)]).await;
        let [orphan] = bench.store.orphans(i64::MAX, 9).await.unwrap().try_into().unwrap();
        assert_eq!((orphan.job, orphan.party()), (cats.id, party(Some("cat"))));
        bench.now += 100;
        bench.prune(vec![], vec![orphan]).await;
        assert_eq!((bench.rows("key").await, bench.rows("orphan").await), (2, 0));
    }

    a_key_from_when_keys_were_the_owners_alone_stands_for_its_users_too_and_goes_with_its_job: |bench| {
        bench.limits.retention = Retention { keys: 100, ..Retention::EVERYTHING };
        let cat = Party { user: Some("cat".into()), ..Party::of("local") };
        let job = bench.submit(NewJob { party: cat.clone(), ..keyed("k") }).await;
        // As it was written then.
        let sql = "DELETE key; CREATE type::record('key', '5:local:k')
                   CONTENT { owner: 'local', key: 'k', digest: 'digest', job: $job, at: $at } RETURN NONE";
        bench.write(Query::new(sql).bind("job", job.id.to_string()).bind("at", job.created_at)).await;
        for party in [cat.clone(), Party::of("local")] {
            assert_eq!(bench.store.keys(&[(party, "k".into())]).await.unwrap()[0].job, job.id);
        }
        let again = bench.batch(vec![Command::Submit(Box::new(NewJob { party: cat, ..keyed("k") }))]).await;
        assert!(matches!(again.as_slice(), [Reply::Known(known, _)] if known.id == job.id), "{again:?}");
        bench.batch(vec![cancel(job.id), delete(job.id)]).await;
        let orphans = bench.store.orphans(i64::MAX, 9).await.unwrap();
        bench.now += 100;
        bench.prune(vec![], orphans).await;
        assert_eq!((bench.rows("key").await, bench.rows("orphan").await), (0, 0));
    }

    a_free_key_is_another_jobs_and_stays_when_the_first_one_goes: |bench| {
        bench.limits.retention = Retention { jobs: 0, keys: 0, ..Retention::EVERYTHING };
        let one = bench.submit(keyed("k")).await.id;
        bench.batch(vec![cancel(one)]).await;
        let two = bench.submit(keyed("k")).await.id;
        assert_eq!(bench.prune(vec![one], vec![]).await, [one]);
        assert_eq!(bench.store.keys(&[(Party::of("local"), "k".into())]).await.unwrap()[0].job, two);
    }

    the_key_of_a_deleted_job_is_found_when_it_is_free: |bench| {
        bench.limits.retention = Retention { keys: 100, ..Retention::EVERYTHING };
        let job = bench.submit(keyed("k")).await;
        bench.batch(vec![cancel(job.id), delete(job.id)]).await;
        let orphan = KeyOf { owner: "local".into(), user: None, key: "k".into(), job: job.id, at: job.created_at };
        assert_eq!(bench.store.orphans(job.created_at - 1, 9).await.unwrap(), []);
        assert_eq!(bench.store.orphans(job.created_at, 9).await.unwrap(), std::slice::from_ref(&orphan));
        bench.prune(vec![], vec![orphan.clone()]).await;
        assert_eq!(bench.rows("key").await, 1, "it is honoured");
        bench.now += 100;
        bench.prune(vec![], vec![orphan]).await;
        assert_eq!((bench.rows("key").await, bench.rows("orphan").await), (0, 0));
    }

    a_batch_goes_with_the_last_of_its_jobs: |bench| {
        let batch = BatchId(Uuid::now_v7());
        let jobs: Vec<NewJob> = (0..3).map(|_| new_job()).collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        // One is gone before the batch is written.
        bench.batch(vec![Command::SubmitBatch { batch, jobs }, cancel(ids[0]), delete(ids[0])]).await;
        bench.batch(vec![cancel(ids[1]), cancel(ids[2]), delete(ids[1])]).await;
        assert_eq!(bench.store.batch(batch).await.unwrap(), Some(ids.clone()));
        bench.batch(vec![delete(ids[2])]).await;
        assert_eq!(bench.store.batch(batch).await.unwrap(), None);

        let (batch, new) = (BatchId(Uuid::now_v7()), new_job());
        let id = new.id;
        bench.batch(vec![Command::SubmitBatch { batch, jobs: vec![new] }, cancel(id), delete(id)]).await;
        assert_eq!(bench.rows("batch").await, 0);
    }

    the_log_loses_its_oldest_commits_and_what_is_kept_has_no_gap: |bench| {
        bench.limits.retention = Retention { events: 4, slice: 5, ..Retention::EVERYTHING };
        for _ in 0..3 { bench.batch((0..4).map(|_| Command::Submit(Box::new(new_job()))).collect()).await; }
        let mut oldest = Vec::new();
        while bench.state.log_is_long(&bench.limits.retention) {
            bench.prune(vec![], vec![]).await;
            // The commits of jobs that are there still, and that of what was pruned.
            oldest.push((bench.state.oldest_event(), bench.rows("log").await));
        }
        assert_eq!(oldest, [(6, 3), (9, 3)]);
        let kept = bench.store.events(8, 100).await.unwrap();
        assert_eq!(kept.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), [9, 10, 11, 12]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_and_where_the_log_begins_is_known_to_a_store_that_is_opened_again() {
    let mut bench = Bench::on(Kind::Disk).await;
    bench.limits.retention = Retention { events: 3, ..Retention::EVERYTHING };
    for _ in 0..2 {
        bench.submit(new_job()).await;
        bench.run_one().await;
    }
    bench.prune(vec![], vec![]).await;
    let bench = bench.reopened().await;
    assert_eq!((bench.state.kept(), bench.state.oldest_event()), (Kept { jobs: 2, bytes: 10 }, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_from_before_anything_was_pruned_learns_what_it_has() {
    let mut bench = Bench::on(Kind::Disk).await;
    let batch = BatchId(Uuid::now_v7());
    let mut jobs = vec![keyed("of a deleted one"), keyed("of one that waits"), keyed("of one that ended"), new_job()];
    jobs.extend((0..2).map(|_| new_job()));
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    bench.batch(vec![Command::SubmitBatch { batch, jobs }]).await;
    bench.batch(vec![cancel(ids[0])]).await;
    bench.batch(vec![delete(ids[0]), cancel(ids[2])]).await;
    let (ran, kept, remains) = (bench.run_one().await, bench.state.kept(), bench.remains().await);
    assert_eq!((ran.id, kept), (ids[1], Kept { jobs: 2, bytes: 5 }));
    let orphans = bench.store.orphans(i64::MAX, 9).await.unwrap();
    as_documents(&bench).await;
    bench.before_the_log().await;
    let old = "UPDATE meta:store SET schema = 2; REMOVE TABLE remains; REMOVE TABLE orphan; UPDATE job SET key = NONE;
               UPDATE batch SET left = NONE; UPDATE meta:writer SET kept = NONE, oldest = NONE;";
    bench.write(Query::new(old)).await;

    let mut bench = bench.reopened().await;

    assert_eq!((bench.state.kept(), bench.state.oldest_event(), bench.remains().await), (kept, 1, remains));
    assert_eq!((orphans.len(), bench.store.orphans(i64::MAX, 9).await.unwrap()), (1, orphans));
    assert_eq!(bench.store.job(ids[2]).await.unwrap().unwrap().key.as_deref(), Some("of one that ended"));
    for id in &ids[3..] {
        bench.batch(vec![cancel(*id), delete(*id)]).await;
    }
    bench.batch(vec![delete(ids[1])]).await;
    assert!(bench.store.batch(batch).await.unwrap().is_some());
    bench.batch(vec![delete(ids[2])]).await;
    assert_eq!(bench.store.batch(batch).await.unwrap(), None);
}

/// The jobs as a program of schema 3 wrote them.
async fn as_documents(bench: &Bench) {
    for job in bench.store.page(&JobFilter::default(), None, 99).await.unwrap().0 {
        let (id, row) = (job.id.to_string(), serde_json::to_value(&job).unwrap());
        let query = Query::new("UPDATE type::record('job', $id) REPLACE $row");
        bench.write(query.bind("id", id).bind("row", row)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_an_earlier_version_wrote_are_read_and_listed_and_go_on() {
    let mut bench = Bench::on(Kind::Disk).await;
    for _ in 0..3 {
        bench.submit(NewJob { conversation_id: Some("c".into()), ..new_job() }).await;
    }
    let ended = bench.run_one().await;
    as_documents(&bench).await;
    let found = async |bench: &Bench, status: &[&str]| {
        let filter = JobFilter {
            status: status.iter().map(ToString::to_string).collect(),
            conversation_id: vec!["c".into()],
            ..JobFilter::default()
        };
        bench.store.page(&filter, None, 9).await.unwrap().0
    };
    let all = found(&bench, &[]).await;

    let mut bench = bench.reopened().await;

    assert_eq!((found(&bench, &[]).await, found(&bench, &["complete"]).await), (all, vec![ended.clone()]));
    assert_eq!(bench.store.job(ended.id).await.unwrap().unwrap(), ended);
    assert_eq!(bench.state.jobs().count(), 2);
    bench.run_one().await;
    assert_eq!((found(&bench, &["complete"]).await.len(), found(&bench, &["queued"]).await.len()), (2, 1));
}
