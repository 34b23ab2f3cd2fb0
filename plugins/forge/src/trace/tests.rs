use super::*;

const ACTIVE: Option<Task> = Some(Task { active: true, queued: false, completed: false });
const QUEUED: Option<Task> = Some(Task { active: false, queued: true, completed: false });
const DONE: Option<Task> = Some(Task { active: false, queued: false, completed: true });
const UNKNOWN: Option<Task> = Some(Task { active: false, queued: false, completed: false });

fn idle(timestamp: &str) -> State {
    State { job_timestamp: timestamp.into(), ..State::default() }
}

fn busy(timestamp: &str) -> State {
    State { job_count: 1, ..idle(timestamp) }
}

fn trace() -> Trace {
    let mut trace = Trace::begin("task(easel)".into(), Some(&idle("1")), 1_000, 60_000);
    trace.arrive();
    trace
}

#[test]
fn a_task_id_is_believed_whatever_else_the_engine_is_doing() {
    let mut trace = trace();
    assert_eq!(trace.see(&busy("2"), QUEUED), Doing::OthersFirst);
    assert_eq!(trace.see(&busy("3"), ACTIVE), Doing::Ours);
    assert_eq!(trace.see(&busy("4"), DONE), Doing::Over);
    assert_eq!(trace.see(&busy("4"), UNKNOWN), Doing::Over, "it forgets what is long done");
    assert_eq!(trace.see(&busy("4"), None), Doing::Unknown, "no guesses, where it could know");
}

#[test]
fn an_engine_that_never_knows_the_id_is_judged_by_what_it_does() {
    let mut trace = trace();
    assert_eq!(trace.see(&idle("1"), UNKNOWN), Doing::Nothing);
    for _ in 2..STRANGE {
        assert_eq!(trace.see(&busy("2"), UNKNOWN), Doing::Unknown);
    }
    assert_eq!(trace.see(&busy("2"), UNKNOWN), Doing::Ours);
}

#[test]
fn what_begins_before_the_engine_has_our_request_is_not_ours() {
    for task in [None, UNKNOWN] {
        let mut trace = Trace::begin("t".into(), Some(&idle("1")), 0, 0);
        for _ in 0..20 {
            assert_eq!(trace.see(&busy("2"), task), Doing::Unknown);
        }
    }
}

#[test]
fn what_follows_the_first_work_while_an_id_is_waited_for_is_not_ours() {
    let mut trace = trace();
    assert_eq!(trace.see(&busy("2"), UNKNOWN), Doing::Unknown);
    for _ in 0..20 {
        assert_eq!(trace.see(&busy("3"), UNKNOWN), Doing::Unknown);
    }
}

#[test]
fn forge_calls_what_failed_active_until_it_begins_with_something_else() {
    let mut trace = trace();
    assert_eq!(trace.see(&busy("2"), ACTIVE), Doing::Ours);
    assert_eq!(trace.see(&idle("2"), ACTIVE), Doing::Nothing);
    assert!(!trace.is_there(&idle("2"), ACTIVE) && trace.is_there(&busy("2"), ACTIVE));
}

#[test]
fn work_is_ours_after_idle_and_a_new_timestamp() {
    let mut trace = trace();
    assert_eq!(trace.see(&idle("1"), None), Doing::Nothing);
    assert_eq!(trace.see(&busy("2"), None), Doing::Ours);
    assert!(trace.has_begun());
    assert_eq!(trace.see(&idle("2"), None), Doing::Nothing);
    assert_eq!(trace.see(&busy("3"), None), Doing::Over, "and what comes next is not");
}

#[test]
fn work_that_nobody_saw_is_over_and_the_next_is_not_ours() {
    let mut trace = trace();
    assert_eq!(trace.see(&idle("2"), None), Doing::Nothing);
    assert_eq!(trace.see(&busy("3"), None), Doing::Over);
}

#[test]
fn nothing_is_ours_before_the_engine_was_seen_idle() {
    let mut trace = Trace::begin("t".into(), None, 0, 0);
    trace.arrive();
    assert_eq!(trace.see(&busy("1"), None), Doing::Unknown);
    assert_eq!(trace.see(&busy("2"), None), Doing::Unknown, "it may be a third one's");
    assert_eq!(trace.see(&idle("2"), None), Doing::Nothing);
    assert_eq!(trace.see(&busy("3"), None), Doing::Ours);
}

#[test]
fn an_old_timestamp_is_an_old_job_unless_it_stays() {
    let mut trace = trace();
    assert_eq!(trace.see(&busy("1"), None), Doing::Unknown);
    assert_eq!(trace.see(&idle("1"), None), Doing::Nothing);
    assert_eq!(trace.see(&busy("1"), None), Doing::Unknown);
    assert_eq!(trace.see(&busy("1"), None), Doing::Unknown);
    assert_eq!(trace.see(&busy("1"), None), Doing::Ours, "it began in the same second");
}

#[test]
fn what_the_engines_own_page_began_is_never_ours() {
    let mut trace = trace();
    let page = State { job: "task(abc)".into(), ..busy("2") };
    assert_eq!(trace.see(&page, None), Doing::Unknown);
}

#[test]
fn a_note_keeps_what_is_needed_to_find_the_work_again() {
    let mut trace = trace();
    trace.see(&busy("2"), None);
    let mut later = Trace::recall(&trace.note(), 999_999).expect("a note");
    assert_eq!(later.see(&busy("2"), None), Doing::Ours);
    assert_eq!(later.see(&busy("3"), None), Doing::Over);
    assert_eq!(Trace::recall("rubbish", 0), None);
}

#[test]
fn long_after_it_was_sent_nothing_new_is_taken_for_ours() {
    let note = trace().note();
    let mut soon = Trace::recall(&note, 3_000).expect("a note");
    assert_eq!(soon.see(&busy("2"), None), Doing::Ours);
    let mut late = Trace::recall(&note, 30_000).expect("a note");
    assert_eq!(late.see(&busy("2"), None), Doing::Unknown);
    assert!(!late.long_over(60_000) && late.long_over(121_000));
}

#[test]
fn an_engine_that_is_idle_whatever_it_does_is_not_believed() {
    let mut silent = trace();
    for _ in 0..BLIND {
        assert!(!silent.is_blind());
        silent.watch(&idle("1"), None);
    }
    assert!(Trace::recall(&silent.note(), 1_000).expect("a note").is_blind(), "and that is remembered");
    silent.watch(&busy("2"), None);
    assert!(!silent.is_blind(), "it took its time, and then began");
}

#[test]
fn what_is_left_of_an_earlier_attempt_is_known_for_certain_or_not_at_all() {
    let mut trace = trace();
    assert!(!trace.is_there(&busy("2"), None));
    trace.see(&busy("2"), None);
    assert!(trace.is_there(&busy("2"), None));
    assert!(!trace.is_there(&busy("3"), None) && !trace.is_there(&idle("2"), None));
    assert!(trace.is_there(&busy("3"), QUEUED) && !trace.is_there(&busy("2"), DONE));
}

#[test]
fn an_interrupt_that_was_not_ours_is_seen_at_the_end() {
    let mut trace = trace();
    trace.see(&busy("2"), None);
    let interrupted = |timestamp| State { interrupted: true, ..idle(timestamp) };
    assert!(trace.was_interrupted(&interrupted("2")));
    assert!(!trace.was_interrupted(&interrupted("3")), "that was another");
    assert!(!trace.was_interrupted(&idle("2")));
}

#[test]
fn an_interrupt_that_was_not_ours_is_seen_while_it_happens_whatever_comes_next() {
    for stop in [State { interrupted: true, ..busy("2") }, State { skipped: true, ..busy("2") }] {
        let mut trace = trace();
        trace.watch(&busy("2"), None);
        assert!(!trace.was_interrupted(&busy("3")));
        trace.watch(&stop, None);
        assert!(trace.was_interrupted(&busy("3")));
    }
}
