//! What is said to the holder of a lease, and what it says.
//!
//! The holder's lease lasts for a while from each question that is answered here (`ping`, `pong`), and whoever is not
//! connected any more is not answered: so the host knows when it ends without being told.

use std::sync::Arc;

use easel_core::{Job, Viewer, json};
use easel_wire::{self as wire, HolderFrame, LeaseFrame, LeaseReason, Report};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::Host;
use crate::leases::{Attendance, ENDING, Grant, Terms};
use crate::show;
use crate::store::StoreError;
use crate::web::extract::body::read_value;
use crate::web::websocket::{End, WebSocket};

/// Close codes (RFC 6455 section 7.4, and the registry's 1013).
const DONE: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const REPLACED: u16 = 1008;
const TRY_AGAIN: u16 = 1013;

struct Session {
    host: Arc<Host>,
    attendance: Attendance,
    granted: watch::Receiver<Option<Grant>>,
    terms: Terms,
    /// What the holder has been told, so that it is told once.
    told: Told,
}

#[derive(Default)]
struct Told {
    waiting: Option<Box<wire::Job>>,
    granted: bool,
    to_end: bool,
}

/// Talks to a holder until its command has ended, or it goes, or the host does.
pub(super) async fn talk(mut socket: WebSocket, host: Arc<Host>, attendance: Attendance, stop: CancellationToken) {
    let (granted, terms) = (attendance.seat().watch_grant(), Terms::of(attendance.job()));
    let mut head = host.scheduler.hub().watch_head();
    let mut session = Session { host, attendance, granted, terms, told: Told::default() };
    let mut frames = vec![session.hello()];
    let end = loop {
        head.mark_unchanged();
        session.granted.mark_unchanged();
        let over = match session.news().await {
            // Whoever comes too late hears nothing that its lease could last from, only how it ended, once that is written.
            Ok((_, false)) if !session.attendance.is_in_time() => break close(TRY_AGAIN),
            Ok((news, over)) => {
                frames.extend(news);
                over
            }
            Err(error) => {
                tracing::error!("the holder of a lease cannot be served: {error}");
                break close(TRY_AGAIN);
            }
        };
        // A holder that takes nothing is as good as gone.
        let texts = frames.iter().map(|frame| Utf8Bytes::from(show::text(frame))).collect();
        match timeout(session.terms.grace, socket.say(texts)).await {
            Ok(Ok(())) if over => break close(DONE),
            Ok(Ok(())) => {}
            Ok(Err(end)) => break end,
            Err(_) => break End::Gone,
        }
        frames = tokio::select! {
            () = stop.cancelled() => break close(GOING_AWAY),
            () = session.attendance.replaced() => break close(REPLACED),
            () = session.attendance.out_of_time() => {
                tracing::warn!(job = %session.attendance.job().id, "the holder of a lease does not end its command: not answered any more");
                break close(TRY_AGAIN);
            }
            () = session.attendance.silent_for(session.terms.grace) => {
                tracing::debug!(job = %session.attendance.job().id, "the holder of a lease is silent");
                break End::Gone;
            }
            changed = head.changed() => if changed.is_err() { break close(GOING_AWAY) } else { Vec::new() },
            changed = session.granted.changed() => if changed.is_err() { break close(GOING_AWAY) } else { Vec::new() },
            heard = socket.hear() => match heard {
                Ok(Message::Text(text)) => session.hear(&text),
                // Pings of the protocol are answered below this, and renew nothing.
                Ok(_) => Vec::new(),
                Err(end) => break end,
            },
        };
    };
    socket.end(end).await;
}

fn close(code: u16) -> End {
    End::Close(code, String::new())
}

impl Session {
    fn hello(&self) -> LeaseFrame {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (grace_ms, ending_ms) = (millis(self.terms.grace), millis(ENDING));
        LeaseFrame::Hello { job_id: self.attendance.job().id.0, grace_ms, ending_ms }
    }

    /// What the holder does not know yet, and whether that is the last of it.
    async fn news(&mut self) -> Result<(Vec<LeaseFrame>, bool), StoreError> {
        let id = self.attendance.job().id;
        // Its own: it came with the key.
        let Some(job) = self.host.scheduler.job(&Viewer::Everything, id).await? else {
            return Ok((vec![error("the job of this lease was deleted")], true));
        };
        if job.status.ended() {
            return Ok((vec![LeaseFrame::Ended { job: Box::new(self.view(&job)) }], true));
        }
        let grant = self.granted.borrow().clone().filter(|grant| job.runs(grant.attempt));
        let Some(Grant { attempt, warning }) = grant else { return Ok((self.waiting(&job), false)) };
        let mut news = Vec::new();
        if !std::mem::replace(&mut self.told.granted, true) {
            self.attendance.is_told_to_begin(&self.terms);
            let device = job.device.clone();
            news.push(LeaseFrame::Granted { job_id: id.0, attempt, device, warning });
        }
        if job.cancel_requested && !std::mem::replace(&mut self.told.to_end, true) {
            self.attendance.is_told_to_end();
            news.push(LeaseFrame::End { reason: LeaseReason::Cancelled });
        }
        Ok((news, false))
    }

    /// The job, if anything that matters to who waits is new.
    fn waiting(&mut self, job: &Job) -> Vec<LeaseFrame> {
        let job = Box::new(self.view(job));
        let matters = |job: &wire::Job| {
            let why = (job.waiting_for, job.waiting_detail.clone());
            (job.status, job.queue_position, why, job.stage.clone(), job.priority)
        };
        if self.told.waiting.as_ref().is_some_and(|told| matters(told) == matters(&job)) {
            return Vec::new();
        }
        self.told.waiting = Some(job.clone());
        vec![LeaseFrame::Waiting { job }]
    }

    fn view(&self, job: &Job) -> wire::Job {
        self.host.show(&self.host.scheduler.state()).job_without_params(job)
    }

    fn hear(&mut self, text: &str) -> Vec<LeaseFrame> {
        self.attendance.heard();
        match said(text) {
            Ok(HolderFrame::Ping { reference }) => vec![LeaseFrame::Pong { reference }],
            Ok(HolderFrame::Done(report)) => self.done(report),
            Err(title) => vec![error(&title)],
        }
    }

    /// Only who was given the device can give it back.
    fn done(&self, report: Report) -> Vec<LeaseFrame> {
        let id = self.attendance.job().id;
        let runs = |job: &Arc<Job>| job.runs(report.attempt);
        let granted = self.granted.borrow().as_ref().is_some_and(|grant| grant.attempt == report.attempt);
        if !granted || !self.host.scheduler.state().job(id).is_some_and(runs) {
            return vec![error(&format!("attempt {} does not hold the device", report.attempt))];
        }
        self.attendance.seat().report(report);
        Vec::new()
    }
}

/// What a holder says. Its `ref` is kept to the letter, since it comes back. The error is for people.
fn said(text: &str) -> Result<HolderFrame, String> {
    let mut frame: Map<String, Value> = match json::read(text.as_bytes()) {
        Ok(Value::Object(frame)) => frame,
        Ok(_) => return Err("a frame must be a JSON object".to_owned()),
        Err(error) => return Err(format!("the frame is not JSON: {error}")),
    };
    match frame.remove("type").as_ref().and_then(Value::as_str) {
        Some("ping") => Ok(HolderFrame::Ping { reference: frame.remove("ref").unwrap_or_default() }),
        Some("done") => read_value(&Value::Object(frame)).map(HolderFrame::Done),
        _ => Err(r#"a frame must be {"type": "ping", "ref": 7} or {"type": "done", "attempt": 1, "exit_code": 0}"#
            .to_owned()),
    }
}

fn error(title: &str) -> LeaseFrame {
    LeaseFrame::Error { title: title.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ref_of_a_ping_comes_back_to_the_letter() {
        for sent in
            ["7", "1.0", "1.10", "12345678901234567890123", "1e400", "-0", r#""a""#, "null", r#"[1.0,{"x":2.50}]"#]
        {
            let Ok(HolderFrame::Ping { reference }) = said(&format!(r#"{{"type":"ping","ref":{sent}}}"#)) else {
                panic!("{sent} is a ref")
            };
            assert_eq!(show::text(&LeaseFrame::Pong { reference }), format!(r#"{{"ref":{sent},"type":"pong"}}"#));
        }
        assert_eq!(said(r#"{"type":"ping"}"#), Ok(HolderFrame::Ping { reference: Value::Null }));
    }

    #[test]
    fn a_report_is_read_whole() {
        let report =
            Report { attempt: 2, exit_code: Some(-1), ended_for: Some(wire::EndedFor::Lost), ..Report::default() };
        let text = serde_json::to_string(&HolderFrame::Done(report.clone())).unwrap();
        assert_eq!(said(&text), Ok(HolderFrame::Done(report)));
    }

    #[test]
    fn a_frame_that_makes_no_sense_is_told_what_would() {
        for (text, told) in [
            ("", "the frame is not JSON"),
            ("[]", "a frame must be a JSON object"),
            ("{}", r#"{"type": "ping", "ref": 7}"#),
            (r#"{"type":"dance"}"#, r#"{"type": "ping", "ref": 7}"#),
            (r#"{"type":"done"}"#, "attempt is required: it must be a whole number, such as 1"),
            (r#"{"type":"done","attempt":1.5}"#, "attempt is 1.5 and must be a whole number, such as 1"),
            (
                r#"{"type":"done","attempt":1,"ended_for":"fun"}"#,
                "ended_for is \"fun\" and must be one of timeout, stopped, lost",
            ),
            (r#"{"type":"done","attempt":1,"colour":"red"}"#, "colour is unknown; use one of attempt, exit_code"),
        ] {
            let title = said(text).unwrap_err();
            assert!(title.contains(told), "{text}: {title}");
        }
    }
}
