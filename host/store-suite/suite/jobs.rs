//! What a store must know of jobs: each as it was written, found again by its key and its batch.

use super::*;

suite! {
    a_job_is_read_back_as_it_was_written: |bench| {
        let job = bench.submit(new_job()).await;
        assert_eq!(bench.store.job(job.id).await.unwrap().unwrap(), job);
        assert_eq!(bench.store.job(JobId(Uuid::nil())).await.unwrap(), None);
    }

    an_ended_job_is_read_back_with_its_result_and_its_ledger: |bench| {
        bench.submit(new_job()).await;
        let job = bench.run_one().await;
        assert_eq!(job.status, Status::Complete);
        assert_eq!(job.result.unwrap().value(), json!({"seed": 7}));
        assert_eq!(job.attempts[0].outcome, Some(Outcome::Complete));
    }

    a_deleted_job_is_gone: |bench| {
        let job = bench.submit(new_job()).await;
        bench.batch(vec![cancel(job.id)]).await;
        bench.batch(vec![delete(job.id)]).await;
        assert_eq!(bench.store.job(job.id).await.unwrap(), None);
    }

    an_idempotency_key_is_found_again: |bench| {
        let key = Some(("k:1".to_owned(), "digest".to_owned()));
        let job = bench.submit(NewJob { key: key.clone(), ..new_job() }).await;
        let found = bench.store.keys(&[(Party::of("local"), "k:1".into()), (Party::of("local"), "other".into())]).await.unwrap();
        assert_eq!(found.iter().map(|used| used.job).collect::<Vec<_>>(), [job.id]);
        let again = bench.batch(vec![Command::Submit(Box::new(NewJob { key, ..new_job() }))]).await;
        assert_eq!(again, [Reply::Known(Arc::new(job), 1)]);
    }

    a_batch_is_found_by_its_id_and_its_jobs_are_listed: |bench| {
        let batch = BatchId(Uuid::now_v7());
        let jobs: Vec<NewJob> = (0..3).map(|_| new_job()).collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        bench.submit(new_job()).await;
        bench.batch(vec![Command::SubmitBatch { batch, jobs }]).await;
        assert_eq!(bench.store.batch(batch).await.unwrap(), Some(ids.clone()));
        assert_eq!(bench.store.batch(BatchId(Uuid::nil())).await.unwrap(), None);
        let filter = JobFilter { ids: Some(ids), ..Default::default() };
        let found = bench.store.page(&filter, None, 10).await.unwrap().0;
        assert_eq!(found.iter().map(|job| job.ticket).collect::<Vec<_>>(), [4, 3, 2]);
        assert!(found.iter().all(|job| job.batch_id == Some(batch)));
    }
}
