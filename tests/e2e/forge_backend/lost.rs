//! A caller that goes away is nothing to the engine: it works on. So before anything else runs there, what was ours is
//! brought to an end, and what was not is left alone.

use super::{
    first_attempt, home_where, host_where, host_with, paint, paint_twice_if_need_be, until_looked, until_stage,
};
use crate::harness::api::text;
use crate::harness::forge::{End, Whose};
use crate::harness::{Config, Forge, Home, eventually};
use serde_json::json;

const INTERRUPT: &str = "POST /sdapi/v1/interrupt";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_forge_is_brought_to_idle_before_anything_runs_there() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| (habits.hold, habits.web_ui) = (true, web_ui));
        let mut host = host_with(&forge).await;
        let job = paint_twice_if_need_be(&host.api(), "a red fox").await;
        forge.until_asked().await;

        host.kill().await;
        host.start_again().await;
        eventually("the lost request to be interrupted", async || (forge.calls(INTERRUPT) > 0).then_some(())).await;
        forge.change(|habits| habits.hold = false);
        let done = host.api().until(&job, "complete").await;

        assert_eq!((&done["attempt"], &done["attempts"][0]["outcome"]), (&json!(2), &json!("lost")));
        assert_eq!(forge.max_concurrent(), 1, "the second attempt waited for the first one's end");
        assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_a_request_in_the_engines_line_is_waited_for_and_then_interrupted() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.cut_in, habits.hold, habits.hold_others) = (true, true, true));
    let mut host = host_with(&forge).await;
    let job = paint_twice_if_need_be(&host.api(), "a red fox").await;
    until_stage(&host.api(), &job, "somebody is using the engine").await;

    host.kill().await;
    host.start_again().await;
    until_looked(&forge, 3).await;
    assert_eq!((forge.calls(INTERRUPT), host.api().device().await["dirty"].clone()), (0, json!(true)));
    forge.change(|habits| (habits.cut_in, habits.hold_others) = (false, false));
    eventually("the lost request to be interrupted", async || (forge.calls(INTERRUPT) > 0).then_some(())).await;
    forge.change(|habits| habits.hold = false);
    host.api().until(&job, "complete").await;

    assert_eq!(forge.runs(), [(Whose::Others, End::Whole), (Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
    assert_eq!((forge.others_interrupted(), forge.max_concurrent()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_somebody_elses_work_is_not_taken_for_the_lost_one() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| (habits.hold, habits.hold_others, habits.web_ui) = (true, true, web_ui));
        let mut host = host_with(&forge).await;
        let job = paint_twice_if_need_be(&host.api(), "a red fox").await;
        until_stage(&host.api(), &job, "sampling").await;

        host.kill().await;
        forge.change(|habits| habits.hold = false);
        eventually("the lost request to end by itself", async || (forge.in_flight() == 0).then_some(())).await;
        forge.foreign();
        forge.until_at(Whose::Others).await;
        host.start_again().await;
        until_stage(&host.api(), &job, "somebody is using the engine").await;
        forge.change(|habits| habits.hold_others = false);
        host.api().until(&job, "complete").await;

        assert_eq!(forge.calls(INTERRUPT), 0);
        assert_eq!(
            forge.runs(),
            [(Whose::Easels, End::Whole), (Whose::Others, End::Whole), (Whose::Easels, End::Whole)]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_stops_leaves_nothing_at_the_engine() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let mut host = host_with(&forge).await;
    let job = paint(&host.api(), "a red fox").await;
    until_stage(&host.api(), &job, "sampling").await;

    assert_eq!(host.stop().await, Some(0));
    assert_eq!(forge.in_flight(), 0);
    forge.change(|habits| habits.hold = false);
    host.start_again().await;
    let done = host.api().until(&job, "complete").await;

    assert_eq!((&done["attempts"][0]["outcome"], &done["attempts_used"]), (&json!("interrupted"), &json!(1)));
    assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_was_cut_off_when_the_host_stopped_is_interrupted_when_it_starts_again() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    // Too short to stop an engine in.
    let home = Config { shutdown_grace: "10ms", ..home_where(&forge, "", "") };
    let mut host = Home::with(home).start().await;
    let job = paint(&host.api(), "a red fox").await;
    until_stage(&host.api(), &job, "sampling").await;

    host.stop().await;
    assert_eq!((forge.in_flight(), forge.calls(INTERRUPT)), (1, 0));
    host.start_again().await;
    eventually("the lost request to be interrupted", async || (forge.calls(INTERRUPT) > 0).then_some(())).await;
    forge.change(|habits| habits.hold = false);
    let done = host.api().until(&job, "complete").await;

    assert_eq!((&done["attempts"][0]["outcome"], &done["attempts_used"]), (&json!("interrupted"), &json!(1)));
    assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_out_of_time_is_interrupted_before_the_next_one_runs() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_where(&forge, "timeout = \"2s\"", "").await;
    let api = host.api();

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;
    forge.change(|habits| habits.hold = false);
    let next = paint(&api, "a blue fox").await;
    api.until(&next, "complete").await;

    assert_eq!(attempt["outcome"], "timeout");
    assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_loads_longer_than_a_cancellation_may_take_keeps_the_device_until_it_has() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold_load = true);
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "loading model").await;

    api.cancel(&job).await.expect(200);
    api.until(&job, "cancelled").await;
    let next = paint(&api, "a blue fox").await;
    until_looked(&forge, 3).await;
    assert_eq!((&api.device().await["dirty"], forge.requests().len()), (&json!(true), 1));
    forge.change(|habits| habits.hold_load = false);
    api.until(&next, "complete").await;

    assert_eq!(forge.runs(), [(Whose::Easels, End::Nothing), (Whose::Easels, End::Whole)]);
    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_ends_the_job_only_when_the_engine_is_at_rest() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| (habits.hold, habits.lose_answers, habits.web_ui) = (true, true, web_ui));
        let host = host_with(&forge).await;
        let api = host.api();

        let job = paint(&api, "a red fox").await;
        let failed = api.until(&job, "error").await;
        assert_eq!(forge.in_flight(), 0, "nothing of it runs when it has ended");
        forge.change(|habits| (habits.hold, habits.lose_answers) = (false, false));
        let next = paint(&api, "a blue fox").await;
        api.until(&next, "complete").await;

        assert_eq!((&failed["error"]["kind"], &failed["attempts_used"]), (&json!("failed"), &json!(1)), "{failed:#}");
        assert!(text(&failed["error"]["message"]).contains("broke off"));
        assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Easels, End::Whole)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_dies_in_the_middle_fails_the_job_and_serves_the_next_when_it_is_back() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold = true);
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "sampling").await;

    forge.crash().await;
    let attempt = first_attempt(&api, &job).await;
    forge.change(|habits| habits.hold = false);
    forge.come_back().await;
    let next = paint(&api, "a blue fox").await;
    api.until(&next, "complete").await;

    assert_eq!(
        (&attempt["outcome"], &attempt["charged"]),
        (&json!("error"), &json!(true)),
        "the job may have killed it"
    );
    assert_eq!(forge.max_concurrent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_costs_no_attempt() {
    let forge = Forge::start().await;
    let host = host_with(&forge).await;
    let api = host.api();
    forge.crash().await;

    let job = paint(&api, "a red fox").await;
    let attempt = first_attempt(&api, &job).await;

    assert_eq!((&attempt["outcome"], &attempt["charged"]), (&json!("unavailable"), &json!(false)));
}
