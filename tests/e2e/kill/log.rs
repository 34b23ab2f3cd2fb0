//! `GET /v1/events`, read as text: what was told once is told for ever, to the letter.

use super::drive::Memory;
use crate::harness::{Api, Reply};
use serde_json::Value;
use std::ops::Range;

/// The path of a page of the log.
pub fn events_after(cursor: Option<&str>, limit: usize) -> String {
    let since = cursor.map(|cursor| format!("&since={cursor}")).unwrap_or_default();
    format!("/v1/events?limit={limit}{since}")
}

/// The events of a page, each with its text as it came.
pub fn events(reply: &Reply) -> Vec<(Value, String)> {
    let whole = reply.expect(200);
    let body = std::str::from_utf8(&reply.body).expect("JSON is UTF-8");
    let list: Range<usize> = body.find("\"events\":[").map(|at| at + "\"events\":[".len()..body.len()).expect("events");
    let (mut rest, mut found) = (&body[list], Vec::new());
    for _ in 0..whole["events"].as_array().expect("events").len() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        let frame = values.next().expect("an event").expect("JSON");
        let end = values.byte_offset();
        found.push((frame, rest[..end].to_owned()));
        rest = rest[end..].trim_start_matches(',');
    }
    found
}

/// Invariant 14: reads the log from where it was left to its head: numbers without gap or repeat, and the texts that others were told.
pub async fn read_on(api: &Api, memory: &Memory, log: &mut Vec<Value>) {
    loop {
        let cursor = log.last().and_then(|frame: &Value| frame["cursor"].as_str()).map(str::to_owned);
        let page = events(&api.get(&events_after(cursor.as_deref(), 200)).await);
        if page.is_empty() {
            return;
        }
        for (frame, text) in page {
            assert_eq!(frame["seq"], log.len() as u64 + 1, "a gap or a repeat: {frame}");
            memory.ledger().event(&frame, &text);
            log.push(frame);
        }
    }
}
