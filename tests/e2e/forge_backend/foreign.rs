//! Somebody uses the engine by its own page, or by its API past Easel.

use super::{first_attempt, host_where, host_with, paint, until_looked, until_stage};
use crate::harness::forge::{End, Whose};
use crate::harness::{Forge, eventually};
use serde_json::{Value, json};

const STAGE: &str = "waiting: somebody is using the engine itself";

/// A Forge at somebody else's work.
async fn occupied(web_ui: bool) -> Forge {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.hold_others, habits.web_ui) = (true, web_ui));
    forge.foreign();
    forge.until_at(Whose::Others).await;
    forge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_somebody_else_without_stalling_and_says_so() {
    for web_ui in [true, false] {
        let forge = occupied(web_ui).await;
        let host = host_where(&forge, "stall = \"1s\"", "").await;
        let api = host.api();

        let job = paint(&api, "a red fox").await;
        until_stage(&api, &job, STAGE).await;
        until_looked(&forge, 5).await;
        let waiting = api.job(&job).await;
        assert_eq!((&waiting["stage"], &waiting["progress"]), (&json!(STAGE), &json!(0)));
        assert_eq!(forge.requests(), Vec::<Value>::new(), "nothing is sent");
        forge.change(|habits| habits.hold_others = false);

        assert_eq!(api.until(&job, "complete").await["attempts_used"], 1);
        assert_eq!(forge.runs(), [(Whose::Others, End::Whole), (Whose::Easels, End::Whole)]);
        assert_eq!(forge.calls("POST /sdapi/v1/interrupt"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_cancelled_while_it_waits_leaves_the_other_in_peace() {
    let forge = occupied(true).await;
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, STAGE).await;

    api.cancel(&job).await.expect(200);
    api.until(&job, "cancelled").await;
    forge.change(|habits| habits.hold_others = false);
    eventually("the other's picture", async || (!forge.runs().is_empty()).then_some(())).await;

    assert_eq!(forge.runs(), [(Whose::Others, End::Whole)]);
    assert_eq!(forge.calls("POST /sdapi/v1/interrupt"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_that_somebody_else_used_up_costs_no_attempt() {
    let forge = occupied(true).await;
    let host = host_where(&forge, "timeout = \"2s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;

    assert_eq!((&attempt["outcome"], &attempt["charged"]), (&json!("unavailable"), &json!(false)), "{attempt:#}");
    assert_eq!(forge.requests(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_progress_of_somebody_who_came_in_between_is_not_ours() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.cut_in, habits.hold_others) = (true, true));
    let host = host_where(&forge, "stall = \"1s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, STAGE).await;
    until_looked(&forge, 4).await;
    let waiting = api.job(&job).await;
    assert_eq!((&waiting["stage"], &waiting["progress"]), (&json!(STAGE), &json!(0)));
    forge.change(|habits| habits.hold_others = false);

    api.until(&job, "complete").await;
    assert_eq!(forge.runs(), [(Whose::Others, End::Whole), (Whose::Easels, End::Whole)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_may_let_jobs_wait_inside_the_engine() {
    let forge = occupied(true).await;
    let host = host_where(&forge, "", ", foreign = \"queue\"").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    forge.until_asked().await;
    until_stage(&api, &job, STAGE).await;
    forge.change(|habits| habits.hold_others = false);

    api.until(&job, "complete").await;
    assert_eq!(forge.others_interrupted(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_somebody_interrupts_at_the_engine_has_failed_and_shows_no_half_picture() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "sampling").await;

    forge.press_interrupt();
    let failed = api.until(&job, "error").await;

    assert_eq!((&failed["error"]["kind"], &failed["artifacts"]), (&json!("failed"), &json!([])));
    assert!(failed["error"]["message"].to_string().contains("interrupted"), "{failed:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_is_noticed_also_when_somebody_elses_picture_begins_at_once() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.hold, habits.hold_end, habits.hold_others) = (true, true, true));
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "sampling").await;
    forge.foreign();

    forge.press_interrupt();
    until_looked(&forge, 2).await;
    forge.change(|habits| habits.hold_end = false);
    let failed = api.until(&job, "error").await;

    assert_eq!((&failed["error"]["kind"], &failed["artifacts"]), (&json!("failed"), &json!([])));
    assert!(failed["error"]["message"].to_string().contains("interrupted"), "{failed:#}");
    forge.until_at(Whose::Others).await;
    assert_eq!(forge.runs(), [(Whose::Easels, End::Partial)]);
}
