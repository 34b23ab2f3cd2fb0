//! What goes over the wire, to the letter: a short life of a host, told in every answer and frame that it makes, is what it was
//! when it was recorded. `EASEL_RECORD=1` records it anew; the difference is then for the reviewer to read.

mod life;
mod transcript;

use crate::harness::{Config, Home};
use transcript::Transcript;

/// As it was recorded.
const RECORDED: &str = include_str!("corpus/wire.txt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_and_frame_is_to_the_letter_what_it_was() {
    let config = Config { top: "[queue]\nmax_waiting_per_owner = 12".into(), ..Config::default() };
    let mut host = Home::with(config).start().await;
    // Its backends are compiled now: on a busy machine that would be told, as events of their own.
    host.stop().await;
    for entry in std::fs::read_dir(host.home().data()).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true if entry.ends_with("components") => {}
            true => std::fs::remove_dir_all(entry).unwrap(),
            false => std::fs::remove_file(entry).unwrap(),
        }
    }
    host.start_again().await;
    let transcript = Transcript::default();

    life::live(&host, &transcript).await;

    let told = transcript.text();
    if std::env::var_os("EASEL_RECORD").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/corpus/wire.txt"), told).unwrap();
        return;
    }
    if let Some((number, (now, then))) = first_difference(&told, RECORDED) {
        panic!("line {number} differs from corpus/wire.txt\n  now:  {now}\n  then: {then}");
    }
}

fn first_difference<'a>(now: &'a str, then: &'a str) -> Option<(usize, (&'a str, &'a str))> {
    let most = now.lines().count().max(then.lines().count());
    let line = |of: &'a str, number: usize| of.lines().nth(number).unwrap_or("(nothing)");
    let pairs = (0..most).map(|number| (number + 1, (line(now, number), line(then, number))));
    pairs.into_iter().find(|(_, (now, then))| now != then)
}
