//! Cancel, retry, delete: what a person does to a job, and when it is too late.

use crate::harness::api::{failing, long, text};
use crate::harness::{Api, Host, Reply};
use serde_json::{Value, json};

async fn delete(api: &Api, id: &Value) -> Reply {
    api.delete(&format!("/v1/jobs/{}", text(id))).await
}

/// A 409 that shows the job as it is, so that the client need not ask.
fn conflict_with(reply: &Reply, id: &Value) -> Value {
    let body = reply.expect(409);
    let job = body.get("job").unwrap_or(&body).clone();
    assert_eq!(job["id"], *id, "{reply}");
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_job_is_cancelled_at_once_and_never_runs() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let job = api.submit(json!({})).await["id"].clone();

    let cancelled = api.cancel(&job).await.expect(200);
    let again = api.cancel(&job).await.expect(200);
    api.release(&holder).await;
    let next = api.submit(json!({})).await;
    api.until(&next["id"], "complete").await;

    assert_eq!((&cancelled["status"], &cancelled["queue_position"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(again, cancelled, "twice is as good as once");
    let job = api.job(&job).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("cancelled"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_is_cancelled_and_stays_cancelled() {
    let mut host = Host::start().await;
    let api = host.api();
    let job = api.hold_device().await;

    let asked = api.cancel(&job).await.expect(200);
    let cancelled = api.until(&job, "cancelled").await;
    host.kill().await;
    host.start_again().await;

    assert!(asked["cancel_requested"] == true || asked["status"] == "cancelled", "{asked:#}");
    assert_eq!(cancelled["attempts"][0]["outcome"], "cancelled");
    assert_eq!(cancelled["artifacts"], json!([]));
    assert_eq!(host.api().job(&job).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_ended_cannot_be_cancelled_and_is_shown() {
    let host = Host::start().await;
    let api = host.api();
    let done = api.submit(json!({})).await["id"].clone();
    api.until(&done, "complete").await;
    let failed = api.submit(failing("no")).await["id"].clone();
    api.until(&failed, "error").await;

    assert_eq!(conflict_with(&api.cancel(&done).await, &done)["status"], "complete");
    assert_eq!(conflict_with(&api.cancel(&failed).await, &failed)["status"], "error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_begins_a_new_series_and_the_attempts_count_on() {
    let host = Host::start().await;
    let api = host.api();
    let params = json!({"fail_until_attempt": 2, "kind": "invalid", "message": "not yet", "artifacts": 1});
    let job = api.submit(params).await["id"].clone();
    api.until(&job, "error").await;
    let holder = api.hold_device().await;

    let reply = api.retry(&job).await;
    assert!([200, 201, 202].contains(&reply.status), "{reply}");
    let waiting = api.job(&job).await;
    api.release(&holder).await;
    let done = api.until(&job, "complete").await;

    assert_eq!((&waiting["status"], &waiting["error"]), (&json!("queued"), &Value::Null), "{waiting:#}");
    assert_eq!((&waiting["attempts_used"], &waiting["progress"]), (&json!(0), &json!(0)));
    assert_eq!((&waiting["attempt"], &waiting["queue_position"]), (&json!(1), &json!(1)));
    assert!(waiting["ended_at"].is_null());
    assert_eq!((&done["attempt"], &done["attempts_used"]), (&json!(2), &json!(1)));
    assert_eq!(done["result"]["attempt"], 2);
    let story: Vec<_> =
        done["attempts"].as_array().unwrap().iter().map(|one| (&one["number"], &one["outcome"])).collect();
    assert_eq!(json!(story), json!([[1, "error"], [2, "complete"]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_can_be_retried() {
    let host = Host::start().await;
    let api = host.api();
    let holder = api.hold_device().await;
    let job = api.submit(json!({})).await["id"].clone();
    api.cancel(&job).await.expect(200);

    let retried = api.retry(&job).await;
    assert!([200, 201, 202].contains(&retried.status), "{retried}");
    api.release(&holder).await;

    let done = api.until_job(&job, "complete", |job| job["status"] == "complete").await;
    assert_eq!((&done["attempt"], &done["cancel_requested"]), (&json!(1), &json!(false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_not_ended_is_neither_retried_nor_deleted() {
    let host = Host::start().await;
    let api = host.api();
    let running = api.hold_device().await;
    let waiting = api.submit(json!({})).await["id"].clone();

    for id in [&running, &waiting] {
        assert_eq!(api.retry(id).await.status, 409);
        assert_eq!(delete(&api, id).await.status, 409);
    }

    assert_eq!(api.job(&running).await["status"], "processing");
    assert_eq!(api.job(&waiting).await["status"], "queued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_job_is_gone_with_its_files() {
    let mut host = Host::start().await;
    let api = host.api();
    let job = api.submit(json!({"artifacts": 2})).await["id"].clone();
    let done = api.until(&job, "complete").await;
    let file = text(&done["artifacts"][1]["url"]).to_owned();
    assert_eq!(api.get(&file).await.status, 200);

    let deleted = delete(&api, &job).await;

    assert!([200, 204].contains(&deleted.status), "{deleted}");
    let gone = async |api: &Api| {
        api.get(&format!("/v1/jobs/{}", text(&job))).await.problem(&[404]);
        api.get(&file).await.problem(&[404]);
        delete(api, &job).await.problem(&[404]);
        assert_eq!(api.jobs("").await.len(), 0);
    };
    gone(&api).await;
    host.kill().await;
    host.start_again().await;
    gone(&host.api()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_files_a_running_one_uses_is_deleted_only_when_that_has_ended() {
    let host = Host::start().await;
    let api = host.api();
    let made = api.submit(json!({"artifacts": 1})).await["id"].clone();
    let using = api.submit_job(&json!({"params": long(), "depends_on": [made]})).await["id"].clone();
    api.until(&using, "processing").await;

    let refused = delete(&api, &made).await;

    assert_eq!(conflict_with(&refused, &made)["status"], "complete");
    assert!(text(&refused.json()["detail"]).contains(text(&using)), "{refused}");
    api.release(&using).await;
    assert_eq!(delete(&api, &made).await.status, 204);
}
