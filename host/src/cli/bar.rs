//! How one job is shown while somebody waits for it: a bar in a terminal, a line for each change elsewhere. On stderr,
//! since stdout is for what the job made.

use std::time::Duration;

use easel_wire::{Job, Status};
use indicatif::{ProgressBar, ProgressStyle};

use super::{print, show};

/// The job as it was last shown.
pub(super) struct Bar {
    bar: ProgressBar,
    last: String,
    /// The place that was said last: how long the line is behind it is no news.
    last_place: Option<u64>,
    /// What it waits for besides its turn.
    why: Option<String>,
    say: fn(String),
}

impl Bar {
    pub(super) fn new() -> Self {
        Self::that_says(print::aside)
    }

    /// One that says each change like this, where there is no terminal.
    pub(super) fn that_says(say: fn(String)) -> Self {
        let bar = ProgressBar::new(100).with_style(waiting());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, last: String::new(), last_place: None, why: None, say }
    }

    pub(super) fn job(&mut self, job: &Job) {
        self.why = show::why_waiting(job);
        match (job.status, &self.why) {
            (Status::Processing, _) => self.progress(job.progress, job.stage.as_deref().unwrap_or("started")),
            (Status::Queued, _) => self.place(job.queue_position, None),
            (_, Some(why)) => self.wait(why.clone()),
            (status, None) => self.wait(status.to_string()),
        }
    }

    pub(super) fn place(&mut self, place: u64, of: Option<u64>) {
        if self.bar.is_hidden() && self.last_place == Some(place) && self.why.is_none() {
            return;
        }
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        self.wait(match of {
            Some(length) => format!("place {place} of {length} in line{why}"),
            None => format!("place {place} in line{why}"),
        });
        self.last_place = Some(place).filter(|_| self.why.is_none());
    }

    pub(super) fn progress(&mut self, percent: u8, stage: &str) {
        self.last_place = None;
        self.bar.set_style(running());
        self.bar.set_position(percent.min(100).into());
        self.bar.set_message(stage.to_owned());
        self.tell("processing".to_owned());
    }

    pub(super) fn wait(&mut self, text: String) {
        self.bar.set_style(waiting());
        self.bar.set_message(text.clone());
        self.tell(text);
    }

    /// Without a terminal a log reads along: each change is said once, and percents are no change.
    fn tell(&mut self, text: String) {
        if self.bar.is_hidden() && text != self.last {
            self.last.clone_from(&text);
            (self.say)(text);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The style of something that has a known end.
pub(super) fn running() -> ProgressStyle {
    style("{bar:32.cyan/dim} {pos:>3}%  {wide_msg}").progress_chars("━╸─")
}

fn waiting() -> ProgressStyle {
    style("{spinner:.yellow} {wide_msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use easel_wire::Waiting;
    use indicatif::ProgressDrawTarget;

    use super::super::sample;
    use super::*;

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn queued(queue_position: u64, waiting_for: Waiting, detail: &str) -> Job {
        let (waiting_for, waiting_detail) = (Some(waiting_for), Some(detail.to_owned()));
        Job { queue_position, waiting_for, waiting_detail, ..sample::job(1, Status::Queued) }
    }

    #[test]
    fn what_a_job_waits_for_stays_beside_its_place() {
        let mut bar = Bar::that_says(|text| SAID.with_borrow_mut(|said| said.push(text)));
        bar.bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.job(&queued(2, Waiting::Paused, "the queue was paused"));
        bar.place(1, Some(3));
        bar.job(&queued(1, Waiting::Turn, "next"));
        bar.place(1, Some(2));
        let said =
            ["place 2 in line: the queue was paused", "place 1 of 3 in line: the queue was paused", "place 1 in line"];
        SAID.with_borrow(|heard| assert_eq!(*heard, said));
    }
}
