//! What a store must list: jobs by arrival, filters, windows and parts of ids; conversations.

use super::*;

suite! {
    jobs_are_listed_by_arrival_newest_first_and_paged_by_ticket: |bench| {
        for _ in 0..5 { bench.submit(new_job()).await; }
        let filter = JobFilter::default();
        let first = bench.store.page(&filter, None, 2).await.unwrap().0;
        assert_eq!(first.iter().map(|job| job.ticket).collect::<Vec<_>>(), [5, 4]);
        let rest = bench.store.page(&filter, Some(4), 10).await.unwrap().0;
        assert_eq!(rest.iter().map(|job| job.ticket).collect::<Vec<_>>(), [3, 2, 1]);
    }

    jobs_are_listed_by_each_filter_and_by_several: |bench| {
        let job = bench.submit(new_job()).await;
        bench.submit(NewJob { conversation_id: Some("c2".into()), ..new_job() }).await;
        bench.batch(vec![cancel(job.id)]).await;
        let list = async |filter: JobFilter| bench.store.page(&filter, None, 10).await.unwrap().0.into_iter().map(|job| job.ticket).collect::<Vec<_>>();
        assert_eq!(list(JobFilter { conversation_id: vec!["c2".into()], ..Default::default() }).await, [2]);
        assert_eq!(list(JobFilter { conversation_id: vec!["c1".into(), "c2".into()], ..Default::default() }).await, [2, 1]);
        assert_eq!(list(JobFilter { status: vec!["cancelled".into()], ..Default::default() }).await, [1]);
        assert_eq!(list(JobFilter { status: vec!["queued".into()], conversation_id: vec!["c1".into()], ..Default::default() }).await, [0u64; 0]);
        assert_eq!(list(JobFilter { backend: vec!["stub".into()], owner: vec!["local".into()], ..Default::default() }).await, [2, 1]);
    }

    jobs_are_listed_by_user_words_and_time_and_paged: |bench| {
        let ann = bench.submit(NewJob { party: Party { user: Some("ann".into()), ..Party::of("local") }, ..new_job() }).await;
        for _ in 0..4 { bench.submit(new_job()).await; }
        let page = async |filter: &JobFilter, before, limit| {
            let (jobs, next) = bench.store.page(filter, before, limit).await.unwrap();
            (jobs.into_iter().map(|job| job.ticket).collect::<Vec<_>>(), next)
        };
        let anns = JobFilter { user: vec!["ann".into()], ..Default::default() };
        assert_eq!(page(&anns, None, 10).await, (vec![ann.ticket], None));
        let foxes = JobFilter { words: vec!["fox".into(), "red".into()], ..Default::default() };
        assert_eq!(page(&foxes, None, 2).await, (vec![5, 4], Some(4)));
        assert_eq!(page(&foxes, Some(4), 3).await, (vec![3, 2, 1], None));
        let since = JobFilter { since: Some(ann.created_at + 1), ..Default::default() };
        assert_eq!(page(&since, None, 10).await.0, [5, 4, 3, 2]);
    }

    every_list_has_what_it_should_whatever_became_of_the_jobs: |bench| {
        let party = |n: u64| Party { owner: ["ann", "ben"][(n % 2) as usize].into(), user: [None, Some("cat"), Some("dot")][(n % 3) as usize].map(str::to_owned) };
        let mut ids = Vec::new();
        // Three leaves, and a bit.
        for part in 0..8 {
            let new = |n: u64| NewJob {
                party: party(n),
                conversation_id: n.is_multiple_of(5).then(|| format!("c{}", n % 2)),
                ..new_job()
            };
            let jobs: Vec<NewJob> = (part * 100..(part + 1) * 100).map(new).collect();
            ids.extend(jobs.iter().map(|job| job.id));
            bench.batch(vec![Command::SubmitBatch { batch: BatchId(Uuid::now_v7()), jobs }]).await;
            if part % 3 == 1 { bench.store.catch_up().await.unwrap(); }
        }
        let chosen = |step: usize| ids.iter().copied().step_by(step);
        bench.batch(chosen(3).map(cancel).collect()).await;
        bench.store.catch_up().await.unwrap();
        bench.batch(chosen(9).map(|job| Command::Retry { job }).collect()).await;
        bench.batch(chosen(6).filter(|id| !chosen(9).any(|other| other == *id)).map(delete).collect()).await;
        let all = bench.store.jobs_by_id(&ids).await.unwrap();
        assert!(all.len() < 800 && all.iter().any(|job| job.ticket > 800), "some are deleted, some arrived again");
        every_list_agrees(&bench, &all).await;
        bench.store.catch_up().await.unwrap();
        every_list_agrees(&bench, &all).await;
        let left = all.iter().filter(|job| job.status.ended()).map(|job| delete(job.id)).collect();
        let rest = all.iter().filter(|job| !job.status.ended()).map(|job| cancel(job.id)).collect();
        bench.batch(left).await;
        bench.batch(rest).await;
        bench.batch(all.iter().filter(|job| !job.status.ended()).map(|job| delete(job.id)).collect()).await;
        bench.store.catch_up().await.unwrap();
        for table in ["job", "leaf", "branch", "thread"] {
            assert_eq!(bench.rows(table).await, 0, "{table}: nothing is left of jobs that are gone");
        }
    }

    a_viewer_is_given_the_jobs_and_conversations_that_it_sees: |bench| {
        let cat = Party { owner: "ben".into(), user: Some("cat".into()) };
        for party in [Party::of("ann"), Party::of("ben"), cat.clone()] {
            bench.submit(NewJob { party: party.clone(), ..new_job() }).await;
            let new = NewMessage {
                id: MessageId(Uuid::now_v7()),
                conversation_id: "c1".into(),
                role: "user".into(),
                content: party.user.clone().unwrap_or_else(|| party.owner.clone()),
                extra_metadata: Default::default(),
                party,
            };
            bench.batch(vec![Command::CreateMessage(Box::new(new))]).await;
        }
        for (viewer, expected) in [
            (Viewer::Everything, vec!["ann", "ben", "cat"]),
            (Viewer::Owner("ben".into()), vec!["ben", "cat"]),
            (Viewer::Party(Party::of("ben")), vec!["ben"]),
            (Viewer::Party(cat), vec!["cat"]),
            (Viewer::Party(Party::of("dot")), vec![]),
        ] {
            let filter = JobFilter { viewer: viewer.clone(), ..Default::default() };
            let (jobs, _) = bench.store.page(&filter, None, 10).await.unwrap();
            let whose = |job: Job| job.user.unwrap_or(job.owner);
            assert_eq!(jobs.into_iter().rev().map(whose).collect::<Vec<_>>(), expected, "{viewer:?}");
            // Whatever is looked for, no page says that there is something that is not seen.
            for owner in ["ann", "ben"] {
                let asks = [
                    JobFilter { owner: vec![owner.into()], ..Default::default() },
                    JobFilter { owner: vec![owner.into()], words: vec!["fox".into()], ..Default::default() },
                    JobFilter { user: vec!["cat".into(), "CAT".into()], ..Default::default() },
                    JobFilter { words: vec!["fox".into()], ..Default::default() },
                ];
                for filter in asks {
                    let filter = JobFilter { viewer: viewer.clone(), ..filter };
                    let (jobs, next) = bench.store.page(&filter, None, 1).await.unwrap();
                    let told = next.is_none_or(|next| jobs.last().is_some_and(|last| last.ticket == next));
                    assert!(told && jobs.iter().all(|job| viewer.sees_job(job)), "{filter:?}: {next:?}");
                }
            }
            let like = bench.store.jobs_like(&viewer, "01", bench.state.ticket, 10).await.unwrap();
            assert_eq!(like.into_iter().map(whose).rev().collect::<Vec<_>>(), expected, "{viewer:?}");
            let messages = bench.store.conversation(&viewer, "c1", 0, 10).await.unwrap();
            assert_eq!(messages.into_iter().map(|message| message.content).collect::<Vec<_>>(), expected, "{viewer:?}");
            let (conversations, next) = bench.store.conversations(&viewer, None, 10).await.unwrap();
            let counts: Vec<_> = conversations.into_iter().map(|found| found.count as usize).collect();
            assert_eq!((counts.iter().sum::<usize>(), next), (expected.len(), None), "{viewer:?}");
        }
    }

    a_list_since_a_time_ends_where_no_older_job_can_be: |bench| {
        bench.submit(new_job()).await;
        let later = JobFilter { since: Some(i64::MAX / 2), ..Default::default() };
        assert_eq!(bench.store.page(&later, None, 10).await.unwrap(), (vec![], None));
    }

    jobs_are_found_by_a_part_of_their_id: |bench| {
        let job = bench.submit(new_job()).await;
        let other = bench.submit(new_job()).await;
        let id = job.id.to_string();
        let find = async |part: &str, newest| {
            bench.store.jobs_like(&Viewer::Everything, part, newest, 10).await.unwrap().into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(find(&id[..35], 2).await, [job.id]);
        assert_eq!(find(&id[28..], 2).await, [job.id]);
        assert_eq!(find(&id[28..34], 2).await, [job.id]);
        assert_eq!(find("01", 2).await.len(), 2);
        assert_eq!(find(&id[28..], 200_000).await, [], "an end is looked for among the newest");
        assert_eq!(find(&id[..35], 200_000).await, [job.id], "a beginning among all");
        assert_ne!(job.id, other.id);
    }

    conversations_are_listed_by_their_newest_message: |bench| {
        for _ in 0..3 { bench.message(json!({})).await; }
        let (found, next) = bench.store.conversations(&Viewer::Everything, None, 10).await.unwrap();
        assert_eq!((found.iter().map(|found| (&*found.id, found.count)).collect::<Vec<_>>(), next), (vec![("c1", 3)], None));
        assert_eq!(bench.store.conversations(&Viewer::Everything, Some(3), 10).await.unwrap().0, [], "its newest message is the third");
    }
}

/// All lists, page by page, against what there is.
async fn every_list_agrees(bench: &Bench, all: &[Job]) {
    let of = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cat = Party { owner: "ann".into(), user: Some("cat".into()) };
    let filters = [
        JobFilter::default(),
        JobFilter { status: of(&["queued"]), ..Default::default() },
        JobFilter { status: of(&["cancelled"]), owner: of(&["ben"]), ..Default::default() },
        JobFilter { status: of(&["complete"]), ..Default::default() },
        JobFilter { backend: of(&["stub"]), owner: of(&["ann"]), ..Default::default() },
        JobFilter { backend: of(&["other"]), ..Default::default() },
        JobFilter { user: of(&["dot", "cat"]), ..Default::default() },
        JobFilter { conversation_id: of(&["c1"]), ..Default::default() },
        JobFilter { conversation_id: of(&["c0", "c1"]), status: of(&["cancelled"]), ..Default::default() },
        JobFilter { viewer: Viewer::Party(cat), ..Default::default() },
        JobFilter { viewer: Viewer::Owner("ben".into()), words: of(&["fox"]), ..Default::default() },
    ];
    for filter in filters {
        let mut expected: Vec<&Job> = all.iter().filter(|job| filter.matches(job)).collect();
        expected.sort_by_key(|job| std::cmp::Reverse(job.ticket));
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let (jobs, next) = bench.store.page(&filter, before, 37).await.unwrap();
            found.extend(jobs);
            before = next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_words_looks_at_so_many_jobs_and_leads_on() {
    let mut bench = Bench::on(Kind::Memory).await;
    (bench.limits.max_waiting, bench.limits.max_waiting_per_owner) = (10_000, 10_000);
    let wolf = NewJob { params: easel_core::Json::of(&json!({"prompt": "a grey wolf"})), ..new_job() };
    let oldest = bench.submit(wolf).await;
    for _ in 0..25 {
        let jobs = (0..100).map(|_| new_job()).collect();
        bench.batch(vec![Command::SubmitBatch { batch: BatchId(Uuid::now_v7()), jobs }]).await;
    }
    bench.store.catch_up().await.unwrap();
    // It is further down than the first page looks, though its row is not written yet.
    bench.batch(vec![cancel(oldest.id)]).await;
    let wolves = JobFilter { words: vec!["wolf".into()], ..Default::default() };
    let (none, next) = bench.store.page(&wolves, None, 10).await.unwrap();
    assert!(none.is_empty() && next.is_some_and(|next| next < 501), "{next:?}");
    let (found, next) = bench.store.page(&wolves, next, 10).await.unwrap();
    assert_eq!((found.len(), found[0].id, next), (1, oldest.id, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_an_earlier_version_are_listed_anew_whatever_an_interrupted_start_left() {
    let mut bench = Bench::on(Kind::Disk).await;
    for n in 0..12 {
        let user = (n % 2 == 0).then(|| "cat".to_owned());
        bench.submit(NewJob { party: Party { owner: "ann".into(), user }, ..new_job() }).await;
    }
    bench.run_one().await;
    let ids: Vec<JobId> =
        bench.store.page(&JobFilter::default(), None, 99).await.unwrap().0.iter().map(|job| job.id).collect();
    let all = bench.store.jobs_by_id(&ids).await.unwrap();
    let garbage = json!({ "text": "[]" });
    let old = "UPDATE meta:store SET schema = 9; DELETE leaf; DELETE branch; DELETE thread;
               CREATE leaf:7 CONTENT $garbage; CREATE thread:[1] CONTENT $garbage; DEFINE INDEX job_ticket ON job FIELDS ticket;";
    bench.write(Query::new(old).bind("garbage", garbage)).await;
    let bench = bench.reopened().await;
    assert_eq!((all.len(), bench.state.jobs().count(), bench.rows("leaf").await), (12, 11, 1));
    every_list_agrees(&bench, &all).await;
}
