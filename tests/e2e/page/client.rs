//! `/client.js`, as the pages of others use it.

use super::{host, open, painted};
use serde_json::json;

#[tokio::test]
async fn numbers_come_back_to_the_letter() {
    let host = host().await;
    let browser = open(&host, "create").await;
    let script = "const [done] = arguments; import('/client.js').then(({ parse, stringify }) => {
        const text = '{\"seed\":18446744073709551615,\"cfg\":0.1000000000000000055,\"plain\":7.0,\"text\":\"a \\\\\"18446744073709551615\\\\\" \",\"list\":[9007199254740993,-1e400]}';
        const read = parse(text);
        done([stringify(read), String(read.seed), typeof read.plain]);
    }, (error) => done(String(error)))";

    let read = browser.run_async(script, json!([])).await;

    let text = r#"{"seed":18446744073709551615,"cfg":0.1000000000000000055,"plain":7,"text":"a \"18446744073709551615\" ","list":[9007199254740993,-1e400]}"#;
    assert_eq!(read, json!([text, "18446744073709551615", "number"]));
}

#[tokio::test]
async fn a_job_is_followed_to_its_end_also_over_a_crash_of_the_host() {
    let mut host = host().await;
    let browser = open(&host, "create").await;
    let script = "window.seen = []; import('/client.js').then(async ({ Easel }) => {
        const easel = new Easel();
        const job = await easel.submit(arguments[0]);
        for await (const now of easel.watch(job.id)) window.seen.push(now.status);
        window.seen.push('over');
    }).catch((error) => window.seen.push(String(error)))";
    let mut job = painted("followed");
    job["params"]["steps"] = json!(8);
    job["params"]["step_ms"] = json!(700);
    browser.run(script, json!([job])).await;
    browser.until("it to run", "window.seen.includes('processing')").await;

    host.kill().await;
    host.start_again().await;

    browser.until("the end", "window.seen.includes('over')").await;
    let seen = browser.run("return window.seen.slice(-2)", json!([])).await;
    assert_eq!(seen, json!(["complete", "over"]));
}
