//! What a store must list: jobs by arrival, filters, windows and parts of ids; conversations.

use super::*;

suite! {
    jobs_are_listed_by_arrival_newest_first_and_paged_by_ticket: |bench| {
        for _ in 0..5 { bench.submit(new_job()).await; }
        let filter = JobFilter::default();
        let first = bench.store.jobs(&filter, None, 2).await.unwrap();
        assert_eq!(first.iter().map(|job| job.ticket).collect::<Vec<_>>(), [5, 4]);
        let rest = bench.store.jobs(&filter, Some(4), 10).await.unwrap();
        assert_eq!(rest.iter().map(|job| job.ticket).collect::<Vec<_>>(), [3, 2, 1]);
    }

    jobs_are_listed_by_each_filter_and_by_several: |bench| {
        let job = bench.submit(new_job()).await;
        bench.submit(NewJob { conversation_id: Some("c2".into()), ..new_job() }).await;
        bench.batch(vec![cancel(job.id)]).await;
        let list = async |filter: JobFilter| bench.store.jobs(&filter, None, 10).await.unwrap().into_iter().map(|job| job.ticket).collect::<Vec<_>>();
        assert_eq!(list(JobFilter { conversation_id: vec!["c2".into()], ..Default::default() }).await, [2]);
        assert_eq!(list(JobFilter { conversation_id: vec!["c1".into(), "c2".into()], ..Default::default() }).await, [2, 1]);
        assert_eq!(list(JobFilter { status: vec!["cancelled".into()], ..Default::default() }).await, [1]);
        assert_eq!(list(JobFilter { status: vec!["queued".into()], conversation_id: vec!["c1".into()], ..Default::default() }).await, [0u64; 0]);
        assert_eq!(list(JobFilter { backend: vec!["stub".into()], owner: vec!["local".into()], ..Default::default() }).await, [2, 1]);
    }

    what_has_no_column_is_looked_for_in_windows_that_lead_on: |bench| {
        let ann = bench.submit(NewJob { party: Party { user: Some("ann".into()), ..Party::of("local") }, ..new_job() }).await;
        for _ in 0..4 { bench.submit(new_job()).await; }
        let page = async |filter: &JobFilter, before, newest, limit| {
            let (jobs, next) = bench.store.page(filter, before, newest, limit).await.unwrap();
            (jobs.into_iter().map(|job| job.ticket).collect::<Vec<_>>(), next)
        };
        let anns = JobFilter { user: vec!["ann".into()], ..Default::default() };
        assert_eq!(page(&anns, None, 5, 10).await, (vec![ann.ticket], None));
        // As if twenty thousand had arrived since: nothing in this window, and there is another one.
        assert_eq!(page(&anns, None, 20_003, 10).await, (vec![], Some(4)));
        assert_eq!(page(&anns, Some(4), 20_003, 10).await, (vec![ann.ticket], None));
        let foxes = JobFilter { words: vec!["fox".into(), "red".into()], ..Default::default() };
        assert_eq!(page(&foxes, None, 5, 2).await, (vec![5, 4], Some(4)));
        assert_eq!(page(&foxes, Some(4), 5, 3).await, (vec![3, 2, 1], None));
        let since = JobFilter { since: Some(ann.created_at + 1), ..Default::default() };
        assert_eq!(page(&since, None, 5, 10).await.0, [5, 4, 3, 2]);
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
            let (jobs, _) = bench.store.page(&filter, None, bench.state.ticket, 10).await.unwrap();
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
                    let (jobs, next) = bench.store.page(&filter, None, bench.state.ticket, 1).await.unwrap();
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
        assert_eq!(bench.store.page(&later, None, 20_003, 10).await.unwrap(), (vec![], None));
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
