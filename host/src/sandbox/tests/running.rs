use super::*;

#[tokio::test]
async fn a_job_reports_and_returns_its_result() {
    let (ended, news) = run(json!({ "steps": 4, "echo": { "deep": [1] } })).await;

    assert_eq!(result(&ended)["echo"], json!({ "deep": [1] }));
    assert_eq!(result(&ended)["attempt"], 2);
    let reports: Vec<_> = news
        .iter()
        .map(|news| match news {
            News::Report { percent, stage } => (percent.unwrap(), stage.as_deref().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reports, [(25.0, "step 1/4"), (50.0, "step 2/4"), (75.0, "step 3/4"), (99.0, "step 4/4")]);
}

#[tokio::test]
async fn log_lines_and_previews_arrive() {
    let (_, news) = run(json!({ "steps": 1, "preview": true, "log": ["one", "two\nlines"] })).await;

    assert_eq!(logged(&news), [(tracing::Level::INFO, "one"), (tracing::Level::INFO, "two\\nlines")]);
    let preview = news.iter().find_map(|news| match news {
        News::Preview { mime, image } => Some((mime.as_str(), imagesize::blob_size(image).unwrap().width)),
        _ => None,
    });
    assert_eq!(preview, Some(("image/png", 1)));
}

#[tokio::test]
async fn each_kind_of_failure_is_told_apart() {
    for (name, kind) in [
        ("invalid", FailureKind::Invalid),
        ("unavailable", FailureKind::Unavailable),
        ("out-of-memory", FailureKind::OutOfMemory),
        ("cancelled", FailureKind::Cancelled),
        ("failed", FailureKind::Failed),
        ("other", FailureKind::Other("fake".into())),
    ] {
        let params = json!({ "behaviour": "fail", "kind": name, "message": "as told", "retry_after_ms": 1500 });
        let (ended, _) = run(params).await;

        let retry_after = Some(Duration::from_millis(1500));
        assert_eq!(*failure(&ended), Failure { kind, message: "as told".into(), retry_after });
    }
}

#[tokio::test]
async fn a_panic_is_told_in_its_own_words() {
    let (ended, news) = run(json!({ "behaviour": "trap", "complain": ["hm"] })).await;

    let Ended::Trapped(cause) = ended else { panic!("{ended:?}") };
    assert!(cause.starts_with("panic at ") && cause.ends_with(": trapped as told"), "{cause}");
    let log = logged(&news);
    assert!(log.contains(&(tracing::Level::WARN, "trapped as told")), "{log:?}");
    assert!(log.contains(&(tracing::Level::ERROR, &format!("the component crashed: {cause}"))), "{log:?}");
}

#[tokio::test]
async fn what_a_guest_prints_is_in_the_log() {
    let (_, news) = run(json!({ "print": ["one", "two"], "log": ["logged"], "complain": ["odd"] })).await;

    let (debug, info, warn) = (tracing::Level::DEBUG, tracing::Level::INFO, tracing::Level::WARN);
    assert_eq!(logged(&news), [(info, "logged"), (debug, "one"), (debug, "two"), (warn, "odd")]);
}

#[tokio::test]
async fn a_limit_that_a_guest_runs_into_is_told_with_its_value() {
    for (attack, limit) in [
        ("allocate", "needs more memory than the 512 MiB that it may have"),
        ("recurse", "needs more stack than the 512 KiB that it may have: it calls itself too deeply"),
        ("leak-handles", "keeps more than 1024 of the host's resources (files, requests, bodies) open at once"),
        ("huge-line", "hands the host more than 32 MiB in one call, which is the most"),
        ("huge-random", "asks for more than 1 MiB of random numbers at once, which is the most"),
    ] {
        let (ended, news) = run(json!({ "hostile": attack })).await;
        assert_eq!(ended, Ended::Exceeded(limit.into()));
        let log = logged(&news);
        assert!(log.contains(&(tracing::Level::ERROR, &format!("the component {limit}"))), "{log:?}");
    }
}

#[tokio::test]
async fn a_guest_that_exits_is_told_with_its_code() {
    let (ended, _) = run(json!({ "hostile": "exit" })).await;
    assert_eq!(ended, Ended::Trapped("it exited with code 0".into()));
}

#[tokio::test]
async fn a_file_that_is_refused_is_told_in_the_log_with_the_rule() {
    let (_, news) = run(json!({ "artifacts": 1, "artifact_name": "a b" })).await;
    let log = logged(&news);
    let rule = "an artifact was refused: \"a b\" is not a name for a file: 1 to 128 characters of A-Z, a-z, 0-9, dot";
    assert!(matches!(&log[..], [(tracing::Level::WARN, line)] if line.starts_with(rule)), "{log:?}");

    let (_, news) = run(json!({ "artifacts": 1, "artifact_bytes": 10_000_000 })).await;
    let log = logged(&news);
    let rule = "an artifact was refused: the files of an attempt may have 1.0 MiB together";
    assert!(matches!(&log[..], [(tracing::Level::WARN, line)] if line == &rule), "{log:?}");
}

#[tokio::test]
async fn a_result_that_is_no_json_breaks_the_contract() {
    let (ended, news) = run(json!({ "behaviour": "bad-json" })).await;

    let Ended::BadResult(reason) = &ended else { panic!("{ended:?}") };
    assert!(reason.contains("is not JSON"), "{reason}");
    assert_eq!(logged(&news), [(tracing::Level::ERROR, ended.to_string().as_str())]);
}

#[tokio::test]
async fn a_result_that_is_too_large_breaks_the_contract() {
    let (ended, _) = run(json!({ "echo": "x".repeat(65 * 1024) })).await;

    let Ended::BadResult(reason) = ended else { panic!("{ended:?}") };
    assert!(reason.contains("65536 are allowed"), "{reason}");
}

#[tokio::test]
async fn a_guest_that_never_returns_is_killed() {
    let backend = loaded(fakes()).await;
    let attempt = Attempt::with(json!({ "behaviour": "hang" })).await;
    let kill = attempt.kill.clone();
    let running = tokio::spawn(async move { backend.run(attempt.task).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!running.is_finished());

    kill.now();

    let ended = tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Killed);
}

#[tokio::test]
async fn a_guest_that_sits_in_a_call_of_the_host_is_killed() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "remember": "task-2" })).await;
    let kill = attempt.kill.clone();
    let running = tokio::spawn(async move { backend.run(attempt.task).await });
    // Held and never answered: the guest runs no code of its own from here on.
    let Some(News::Remember { done: _held, .. }) = attempt.news.recv().await else { panic!("no note") };

    kill.now();

    assert_eq!(tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap(), Ended::Killed);
}

#[tokio::test]
async fn a_guest_that_computes_is_killed_and_lets_others_run_meanwhile() {
    let backend = loaded(config::Backend::builtin("flux-stub", "gpu0")).await;
    let big = json!({ "prompt": "a fox", "width": 2048, "height": 2048, "count": 16, "steps": 1000, "step_ms": 0 });
    let attempt = Attempt::at(job(backend.check_params(big.clone()).unwrap()), u64::MAX).await;
    let kill = attempt.kill.clone();
    let news = tokio::spawn(collect(attempt.news));
    let running = tokio::spawn(async move { backend.run(attempt.task).await });

    // One thread for all: this sleep ends only because the guest yields.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!running.is_finished());
    kill.now();

    let ended = tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Killed);
    news.await.unwrap();
}

#[tokio::test]
async fn a_killed_attempt_leaves_no_unfinished_artifact() {
    let backend = loaded(fakes()).await;
    let params = json!({ "steps": 0, "artifacts": 1, "artifact_bytes": 1_u64 << 40 });
    let attempt = Attempt::at(job(params), u64::MAX).await;
    let (kill, files, dir) = (attempt.kill.clone(), attempt.files.clone(), attempt._dir);
    let running = tokio::spawn(async move { backend.run(attempt.task).await });
    tokio::time::sleep(Duration::from_millis(100)).await;

    kill.now();

    assert_eq!(tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap(), Ended::Killed);
    assert!(files.finished().await.unwrap().is_empty());
    assert!(!dir.path().join("artifacts").join(job(json!({})).id.to_string()).exists());
}

#[tokio::test]
async fn an_attempt_ends_at_its_deadline() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "behaviour": "hang" })).await;
    attempt.task.deadline = Deadline::after(Duration::from_millis(100));

    let ended = tokio::time::timeout(Duration::from_secs(5), backend.run(attempt.task)).await.unwrap();

    assert_eq!(ended, Ended::Killed);
}

#[tokio::test]
async fn a_kill_that_came_first_runs_nothing() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({})).await;
    attempt.kill.now();

    assert_eq!(backend.run(attempt.task).await, Ended::Killed);
    assert!(attempt.news.recv().await.is_none());
}

#[tokio::test]
async fn a_cancelled_job_ends_by_itself() {
    let backend = loaded(fakes()).await;
    let attempt = Attempt::with(json!({ "steps": 1, "step_ms": 60_000 })).await;
    attempt.cancel.cancel();

    let ended = backend.run(attempt.task).await;

    assert_eq!(failure(&ended).kind, FailureKind::Cancelled);
}

#[tokio::test]
async fn artifacts_are_there_with_their_bytes() {
    let backend = loaded(fakes()).await;
    let attempt = Attempt::with(json!({ "artifacts": 2, "artifact_bytes": 600_000 })).await;
    let files = attempt.files.clone();
    let news = tokio::spawn(collect(attempt.news));
    let refused = backend.run(attempt.task).await;
    news.await.unwrap();
    assert!(failure(&refused).message.contains("quota"), "{refused:?}");
    assert_eq!(files.finished().await.unwrap().len(), 1);

    let attempt = Attempt::at(job(json!({ "artifacts": 2, "png": true })), 1024 * 1024).await;
    let files = attempt.files.clone();
    result(&backend.run(attempt.task).await);
    let artifacts = files.finished().await.unwrap();
    let told: Vec<_> = artifacts.iter().map(|file| (file.name.as_str(), file.width, file.attempt)).collect();
    assert_eq!(told, [("0.png", Some(8), 2), ("1.png", Some(8), 2)]);
}

#[tokio::test]
async fn an_artifact_whose_name_leads_elsewhere_is_an_error_of_the_guest() {
    for name in ["../../x", "", ".hidden"] {
        let (ended, _) = run(json!({ "artifacts": 1, "artifact_name": name })).await;
        assert!(failure(&ended).message.contains("bad name"), "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn an_attempt_recalls_what_the_one_before_remembered() {
    let backend = loaded(fakes()).await;
    let before = Job { note: Some("task-1".into()), ..job(json!({ "remember": "task-2" })) };
    let attempt = Attempt::at(before, 1024).await;
    let news = tokio::spawn(collect(attempt.news));

    let ended = backend.run(attempt.task).await;

    assert_eq!(result(&ended)["recall"], "task-1");
    let news = news.await.unwrap();
    let notes: Vec<_> =
        news.iter().filter(|news| matches!(news, News::Remember { note, .. } if note == "task-2")).collect();
    assert_eq!(notes.len(), 1);
}

#[tokio::test]
async fn a_note_that_is_not_stored_stops_the_guest() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "remember": "task-2" })).await;
    let running = tokio::spawn(async move { backend.run(attempt.task).await });

    let Some(News::Remember { done, .. }) = attempt.news.recv().await else { panic!("no note") };
    drop(done);

    let ended = running.await.unwrap();
    let Ended::Trapped(chain) = ended else { panic!("{ended:?}") };
    assert!(chain.contains("could not store"), "{chain}");
}

#[tokio::test]
async fn a_guest_waits_until_its_note_is_stored() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "remember": "task-2", "steps": 0 })).await;
    let running = tokio::spawn(async move { backend.run(attempt.task).await });
    let Some(News::Remember { done, .. }) = attempt.news.recv().await else { panic!("no note") };
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!running.is_finished());

    done.send(()).unwrap();

    result(&running.await.unwrap());
}

#[tokio::test]
async fn a_full_channel_makes_the_guest_wait() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({ "steps": 1000 })).await;
    let (sender, mut news) = mpsc::channel(4);
    attempt.task.news = sender;
    let running = tokio::spawn(async move { backend.run(attempt.task).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!running.is_finished());

    let mut reports = 0;
    while news.recv().await.is_some() {
        reports += 1;
    }

    assert_eq!(reports, 1000);
    result(&running.await.unwrap());
}

#[tokio::test]
async fn inputs_are_read_to_the_last_byte() {
    let backend = loaded(fakes()).await;
    let mut attempt = Attempt::with(json!({})).await;
    let path = attempt._dir.path().join("init");
    std::fs::write(&path, vec![b'a'; 1_000_000]).unwrap();
    attempt.task.inputs = vec![InputFile { name: "init".into(), mime: "a/b".into(), size: 1_000_000 }];
    attempt.task.files = Arc::new(OpenFiles::of(attempt.files, [("init".into(), path)].into()));

    let ended = backend.run(attempt.task).await;

    let input = &result(&ended)["inputs"][0];
    assert_eq!((&input["name"], &input["mime"], &input["size"]), (&json!("init"), &json!("a/b"), &json!(1_000_000)));
    // The well-known SHA-256 of a million times the letter a.
    assert_eq!(input["sha256"], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
