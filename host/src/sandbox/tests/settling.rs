use super::*;

fn lost() -> Option<Lost> {
    Some(Lost { job_id: JobId(Uuid::from_u128(7)), attempt: 2, note: Some("task-1".into()) })
}

#[tokio::test]
async fn a_lost_attempt_is_settled_by_name() {
    let backend = configured(json!({})).await;
    let (sender, news) = mpsc::channel(64);

    backend.settle(lost(), Kill::new(), sender).await.unwrap();

    let news = collect(news).await;
    let [News::Log { message, .. }] = news.as_slice() else { panic!("{news:?}") };
    assert_eq!(message, &format!("settled {} attempt 2 note task-1", Uuid::from_u128(7)));
}

#[tokio::test]
async fn a_settle_that_fails_says_why() {
    let backend = configured(json!({ "settle": "fail" })).await;
    let (sender, _news) = mpsc::channel(64);

    let ended = backend.settle(None, Kill::new(), sender).await.unwrap_err();

    assert_eq!(failure(&ended).message, "settle failed as told");
}

#[tokio::test]
async fn a_settle_that_hangs_is_killed() {
    let backend = configured(json!({ "settle": "hang" })).await;
    let (sender, _news) = mpsc::channel(64);
    let kill = Kill::new();
    let killer = kill.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        killer.now();
    });

    let ended = tokio::time::timeout(Duration::from_secs(5), backend.settle(None, kill, sender)).await.unwrap();

    assert_eq!(ended, Err(Ended::Killed));
}

#[tokio::test]
async fn a_settle_takes_no_longer_than_an_attempt_may() {
    let config = json!({ "settle": "hang" }).as_object().unwrap().clone();
    let backend = loaded(config::Backend { config, timeout: Duration::from_millis(100), ..fakes() }).await;
    let (sender, _news) = mpsc::channel(64);

    let ended = backend.settle(None, Kill::new(), sender);

    assert_eq!(
        tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap(),
        Err(Ended::Late(Duration::from_millis(100)))
    );
}

#[tokio::test]
async fn a_probe_tells_what_the_engine_has() {
    let info = configured(json!({})).await.probe().await.unwrap();

    assert_eq!(info.summary, "fakes: nothing behind it");
    assert_eq!(info.catalog, json!({ "models": ["fake"] }));
}

#[tokio::test]
async fn a_probe_of_an_engine_that_is_away_says_so() {
    let ended = configured(json!({ "probe": "unavailable" })).await.probe().await.unwrap_err();

    assert_eq!(failure(&ended).kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn an_unload_is_done_or_says_why_not() {
    configured(json!({})).await.unload().await.unwrap();

    let ended = configured(json!({ "unload": "fail" })).await.unload().await.unwrap_err();
    assert_eq!(failure(&ended).message, "unload failed as told");
}
