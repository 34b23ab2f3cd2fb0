//! What a store makes of a commit that failed: it says that it took place, that it did not, or that nobody knows. It never guesses.

use super::faulty::{Fault, Last};
use super::*;

/// What came of a commit of one new job, and that job.
async fn submitted(bench: &mut Bench) -> (Result<Committed, StoreError>, JobId) {
    let new = new_job();
    let id = new.id;
    (bench.commit(vec![Command::Submit(Box::new(new))]).await.1, id)
}

async fn broken(next: Fault) -> Bench {
    let mut bench = Bench::on(Kind::Memory).await;
    bench.submit(new_job()).await;
    bench.engine.condition().next = Some(next);
    bench
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_refused_and_the_next_one_goes() {
    let mut bench = broken(Fault::Unsent).await;
    let (refused, id) = submitted(&mut bench).await;
    assert!(matches!(refused, Ok(Committed::No(_))), "{refused:?}");
    assert_eq!(bench.store.job(id).await.unwrap(), None);
    bench.submit(new_job()).await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_told_as_any_other() {
    let mut bench = broken(Fault::Unanswered).await;
    let (told, id) = submitted(&mut bench).await;
    let Ok(Committed::Yes(logged)) = told else { panic!("{told:?}") };
    assert_eq!(logged.iter().map(|logged| logged.event.seq).collect::<Vec<_>>(), [2]);
    assert!(bench.store.job(id).await.unwrap().is_some());
    bench.submit(new_job()).await;
}

#[tokio::test]
async fn a_commit_that_is_not_there_any_more_when_the_database_was_opened_anew_is_refused() {
    let mut bench = broken(Fault::Unsynced).await;
    let (refused, _) = submitted(&mut bench).await;
    assert!(matches!(refused, Ok(Committed::No(_))), "{refused:?}");
    bench.submit(new_job()).await;
}

#[tokio::test]
async fn while_the_database_cannot_be_opened_anew_commits_are_refused_and_reading_goes_on() {
    let mut bench = broken(Fault::Unsent).await;
    bench.engine.condition().full = true;
    for _ in 0..3 {
        let (refused, id) = submitted(&mut bench).await;
        assert!(matches!(refused, Ok(Committed::No(_))), "{refused:?}");
        assert_eq!(bench.store.job(id).await.unwrap(), None);
    }
    bench.engine.condition().full = false;
    bench.submit(new_job()).await;
}

#[tokio::test]
async fn whether_a_commit_took_place_is_unknown_when_it_cannot_be_read_for_certain() {
    let mut bench = broken(Fault::Unanswered).await;
    // It can be read, and not from the disk.
    bench.engine.condition().full = true;
    let (unknown, _) = submitted(&mut bench).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");

    let bench = broken(Fault::Unsent).await;
    bench.engine.condition().mute = true;
    let draft = Draft::new(bench.state.clone(), Cold::default());
    let unknown = bench.store.commit(&draft, bench.commits + 1, bench.now).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_database_that_comes_back_without_what_was_acknowledged_or_with_what_was_refused_is_not_written_to() {
    for wrong in [-1i64, 1] {
        let mut bench = broken(Fault::Unsent).await;
        bench.engine.condition().full = true;
        assert!(matches!(submitted(&mut bench).await.0, Ok(Committed::No(_))));
        bench.engine.condition().full = false;
        let commit = bench.commits.checked_add_signed(wrong).unwrap();
        bench.engine.condition().will_say = Some(Last { commit, epoch: 1 });
        let (unknown, _) = submitted(&mut bench).await;
        assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
    }
}
