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
        assert!(matches!(old.commit(&draft, bench.commits + 1, 0).await, Err(StoreError::Fenced)));
        assert_eq!(bench.store.job(id).await.unwrap(), None);
        bench.submit(new_job()).await;
    }

    a_commit_that_breaks_a_rule_of_the_store_writes_nothing_at_all: |bench| {
        let job = bench.submit(new_job()).await;
        // The same job a second time, in a draft that does not know of the first.
        let (devices, backends) = (bench.state.devices().cloned().collect(), vec![("stub".into(), binding())]);
        let mut draft = Draft::new(State::new(bench.state.seq, bench.state.ticket, devices, backends), Cold::default());
        let other = new_job();
        let id = other.id;
        decide(&mut draft, &Actor::local(), Command::Submit(Box::new(other)), LIMITS, 1).unwrap();
        decide(&mut draft, &Actor::local(), Command::Submit(Box::new(NewJob { id: job.id, ..new_job() })), LIMITS, 1).unwrap();
        assert!(matches!(bench.store.commit(&draft, bench.commits + 1, 0).await, Ok(Committed::No(_))));
        assert_eq!(bench.store.job(id).await.unwrap(), None);
        bench.submit(new_job()).await;
    }
}
