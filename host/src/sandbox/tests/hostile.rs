//! The attacks that need no attempt, in the exports other than `run`: each ends as an error of that call, in bounded time.
//! Those in `run` are tried on a whole host, end to end.

#[path = "../../../../plugins/fakes/src/hostile.rs"]
#[allow(dead_code, missing_docs, reason = "it is the plugin's")]
mod attack;

use attack::Hostile;
use futures_util::future::join_all;

use super::*;

/// What stops an attack: it goes on for ever, or it cannot go on.
fn is_endless(attack: Hostile) -> bool {
    matches!(
        attack,
        Hostile::Spin | Hostile::SleepForAges | Hostile::FloodLog | Hostile::FloodStdout | Hostile::FloodStderr
    )
}

fn name(attack: Hostile) -> String {
    json!(attack).as_str().unwrap().to_owned()
}

/// Fakes of which one export attacks, with little time and memory.
async fn attacking(export: &str, attack: Hostile) -> Arc<Backend> {
    let config = json!({ export: attack }).as_object().unwrap().clone();
    let (timeout, memory) = (Duration::from_secs(1), bytesize::ByteSize::mib(32));
    loaded(config::Backend { config, timeout, memory, ..fakes() }).await
}

fn ends_as_it_should<T: std::fmt::Debug>(attack: Hostile, answer: Result<T, Ended>) {
    match answer {
        Err(Ended::Late(_)) => assert!(is_endless(attack), "{attack:?} was stopped"),
        Err(Ended::Trapped(_) | Ended::Exceeded(_)) => assert!(!is_endless(attack), "{attack:?} trapped"),
        other => panic!("{attack:?} ended as {other:?}"),
    }
}

#[tokio::test]
async fn a_component_that_attacks_when_it_is_asked_who_it_is_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    join_all(Hostile::ANYWHERE.map(async |attack| {
        let path = describing(&name(attack), dir.path());
        let memory = bytesize::ByteSize::mib(32);
        let error = open(config::Backend { component: Component::File(path), memory, ..fakes() }).await.err().unwrap();
        assert!(error.to_string().contains("cannot describe itself"), "{attack:?}: {error}");
    }))
    .await;
}

#[tokio::test]
async fn a_component_that_attacks_when_its_device_is_settled_is_stopped() {
    for attack in Hostile::ANYWHERE {
        let backend = attacking("settle", attack).await;
        let (sender, news) = mpsc::channel(64);
        let listening = tokio::spawn(collect(news));
        ends_as_it_should(attack, backend.settle(None, Kill::new(), sender).await);
        let lines = listening.await.unwrap().len();
        assert!(lines <= 200, "{attack:?} logged {lines} lines");
    }
}

#[tokio::test]
async fn a_component_that_attacks_when_its_device_is_unloaded_is_stopped() {
    for attack in Hostile::ANYWHERE {
        ends_as_it_should(attack, attacking("unload", attack).await.unload().await);
    }
}

#[tokio::test]
async fn a_component_that_attacks_when_its_engine_is_looked_for_is_stopped() {
    join_all(Hostile::ANYWHERE.map(async |attack| match attacking("probe", attack).await.probe().await {
        Err(Ended::Failed(failure)) if is_endless(attack) => assert_eq!(failure.kind, FailureKind::Unavailable),
        other => ends_as_it_should(attack, other),
    }))
    .await;
}

/// What came of an attack in `run` within a moment: how many items of news, and within how many seconds.
async fn flood(attack: Hostile) -> (usize, f64) {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "hostile": attack })).await;
    let begun = Instant::now();
    attempt.task.deadline = Deadline::after(Duration::from_secs(1));
    let news = tokio::spawn(collect(attempt.news));
    assert_eq!(backend.run(attempt.task).await, Ended::Killed);
    (news.await.unwrap().len(), begun.elapsed().as_secs_f64())
}

#[tokio::test]
async fn previews_come_ten_a_second_whatever_a_guest_shows() {
    let (shown, seconds) = flood(Hostile::FloodPreviews).await;
    assert!(shown > 0);
    assert!(shown as f64 <= 11.0 + 10.0 * seconds, "{shown} in {seconds} s");
}

#[tokio::test]
async fn notes_come_ten_a_second_whatever_a_guest_remembers() {
    let (stored, seconds) = flood(Hostile::FloodNotes).await;
    assert!(stored > 0);
    assert!(stored as f64 <= 21.0 + 10.0 * seconds, "{stored} in {seconds} s");
}

#[tokio::test]
async fn lines_come_a_hundred_a_second_whatever_a_guest_logs() {
    for attack in [Hostile::FloodLog, Hostile::FloodBadPreviews] {
        let (written, seconds) = flood(attack).await;
        assert!(written > 0);
        assert!(written as f64 <= 1002.0 + 100.0 * seconds, "{attack:?}: {written} in {seconds} s");
    }
}

#[tokio::test]
async fn a_failure_says_nothing_long_nothing_odd_and_puts_nothing_off_for_ever() {
    let (ended, _) = run(json!({ "hostile": "nasty-failure" })).await;

    let Failure { kind: FailureKind::Other(name), message, retry_after } = failure(&ended) else { panic!("{ended:?}") };
    assert!(name.len() <= 4096 && message.len() <= 4096, "{} {}", name.len(), message.len());
    assert!(!name.contains('\u{1b}') && !message.contains('\u{1b}') && !message.contains('\u{202e}'));
    assert_eq!(*retry_after, Some(Duration::from_hours(24)));
}
