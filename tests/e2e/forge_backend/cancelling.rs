//! A cancelled job is interrupted until the engine has let go of it. An interrupt hits whatever runs, so it is only ever
//! sent while that is ours.

use super::{host_with, paint, until_looked, until_stage};
use crate::harness::forge::{End, Whose};
use crate::harness::{Forge, eventually};
use serde_json::json;

const INTERRUPT: &str = "POST /sdapi/v1/interrupt";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_interrupts_forge_and_its_partial_picture_is_thrown_away() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| (habits.hold, habits.web_ui) = (true, web_ui));
        let host = host_with(&forge).await;
        let api = host.api();
        let job = paint(&api, "a red fox").await;
        forge.until_asked().await;

        api.cancel(&job).await.expect(200);
        let cancelled = api.until(&job, "cancelled").await;
        forge.change(|habits| habits.hold = false);
        let next = paint(&api, "a blue fox").await;

        assert!(forge.calls(INTERRUPT) >= 1);
        assert_eq!(cancelled["artifacts"], json!([]));
        api.until(&next, "complete").await;
        assert_eq!(forge.max_concurrent(), 1, "the next one waited until the engine was idle");
        let settled = host.log().into_iter().find(|line| line.contains("the device is idle again"));
        assert_eq!(settled, None, "the job ended by itself: nobody had to settle the device");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_cancelled_while_its_model_loads_is_interrupted_until_it_has_loaded() {
    let forge = Forge::start().await;
    forge.change(|habits| habits.hold_load = true);
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "loading model").await;

    api.cancel(&job).await.expect(200);
    eventually("a second interrupt", async || (forge.calls(INTERRUPT) >= 2).then_some(())).await;
    forge.change(|habits| habits.hold_load = false);
    let cancelled = api.until(&job, "cancelled").await;

    assert_eq!(forge.runs(), [(Whose::Easels, End::Nothing)]);
    assert_eq!(cancelled["attempts"][0]["outcome"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_that_only_stands_in_the_engines_line_interrupts_nobody() {
    let forge = Forge::start().await;
    forge.change(|habits| (habits.cut_in, habits.hold, habits.hold_others) = (true, true, true));
    let host = host_with(&forge).await;
    let api = host.api();
    let job = paint(&api, "a red fox").await;
    until_stage(&api, &job, "somebody is using the engine").await;

    api.cancel(&job).await.expect(200);
    until_stage(&api, &job, "as soon as the engine gets to it").await;
    until_looked(&forge, 2).await;
    assert_eq!(forge.calls(INTERRUPT), 0, "it would have hit somebody else");
    forge.change(|habits| habits.hold_others = false);
    api.until(&job, "cancelled").await;

    assert_eq!(forge.runs(), [(Whose::Others, End::Whole), (Whose::Easels, End::Partial)]);
    assert_eq!(forge.others_interrupted(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_interrupt_hits_who_comes_next_while_the_answer_is_on_its_way() {
    for web_ui in [true, false] {
        let forge = Forge::start().await;
        forge.change(|habits| {
            (habits.hold, habits.hold_others, habits.hold_answers, habits.web_ui) = (true, true, true, web_ui);
        });
        let host = host_with(&forge).await;
        let api = host.api();
        let job = paint(&api, "a red fox").await;
        until_stage(&api, &job, "sampling").await;
        forge.foreign();

        api.cancel(&job).await.expect(200);
        forge.until_at(Whose::Others).await;
        until_looked(&forge, 3).await;
        forge.change(|habits| (habits.hold_others, habits.hold_answers) = (false, false));
        api.until(&job, "cancelled").await;
        eventually("the other's picture", async || (forge.runs().len() == 2).then_some(())).await;

        assert_eq!(forge.runs(), [(Whose::Easels, End::Partial), (Whose::Others, End::Whole)]);
        assert_eq!(forge.others_interrupted(), 0);
    }
}
