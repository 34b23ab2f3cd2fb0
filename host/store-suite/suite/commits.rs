//! What a commit must be: one row for what changed twice, events without a gap, all or nothing, nobody but the writer.

use super::*;

suite! {
    a_batch_that_makes_and_cancels_a_job_leaves_one_row: |bench| {
        let new = new_job();
        let id = new.id;
        bench.batch(vec![Command::Submit(Box::new(new)), cancel(id)]).await;
        assert_eq!(bench.store.job(id).await.unwrap().unwrap().status, Status::Cancelled);
        let events = bench.store.events(0, 100).await.unwrap();
        assert_eq!(events.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), [1, 2]);
    }

    a_batch_that_makes_cancels_and_deletes_a_job_leaves_none: |bench| {
        let new = new_job();
        let id = new.id;
        bench.batch(vec![Command::Submit(Box::new(new)), cancel(id), delete(id)]).await;
        assert_eq!(bench.store.job(id).await.unwrap(), None);
    }

    events_are_read_from_any_place_without_gap_or_repeat: |bench| {
        for _ in 0..3 { bench.batch((0..4).map(|_| Command::Submit(Box::new(new_job()))).collect()).await; }
        for after in 0..12 {
            let mut seen = bench.store.events(after, 1).await.unwrap();
            while let Some(last) = seen.last() && last.event.seq < 12 {
                let more = bench.store.events(last.event.seq, 5).await.unwrap();
                seen.extend(more);
            }
            assert_eq!(seen.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), (after + 1..=12).collect::<Vec<_>>());
        }
    }

    a_commit_of_an_older_writer_changes_nothing: |bench| {
        let old = bench.taken_over().await;
        let mut draft = Draft::new(bench.state.clone(), Cold::default());
        let new = new_job();
        let id = new.id;
        decide(&mut draft, &Actor::local(), Command::Submit(Box::new(new)), LIMITS, 1).unwrap();
        let refused = old.commit(&draft, bench.commits, 0).await;
        assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
        assert_eq!(bench.store.job(id).await.unwrap(), None);
        bench.submit(new_job()).await;
    }
}
