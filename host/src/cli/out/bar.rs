//! How one job is shown while somebody waits for it: a bar in a terminal, a line for each change elsewhere. On stderr,
//! since stdout is for what the job made.

use std::time::Duration;

use easel_wire::{Job, Status};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use uuid::Uuid;

use super::short_id::short;
use super::{print, show};

/// The job as it was last shown.
pub(in crate::cli) struct Bar {
    bar: ProgressBar,
    /// What each line begins with: of which job it tells.
    of: String,
    last: String,
    /// The place that was said last, and what the job waited for besides its turn: how long the line is behind it is no news.
    last_place: Option<(u64, Option<String>)>,
    /// What it waits for besides its turn.
    why: Option<String>,
    /// Where it runs.
    device: Option<String>,
    /// What a command does is its own affair: there are no percents of it.
    is_command: bool,
    say: fn(String),
}

impl Bar {
    /// One for this job, below those that are there.
    pub(in crate::cli) fn of(job: Uuid, bars: &MultiProgress) -> Self {
        Self::with(bars.add(ProgressBar::new(100)), format!("job {}: ", short(job)), print::aside)
    }

    /// One that says each change like this, where there is no terminal, with this before it.
    pub(in crate::cli) fn that_says(of: String, say: fn(String)) -> Self {
        Self::with(ProgressBar::new(100), of, say)
    }

    fn with(bar: ProgressBar, of: String, say: fn(String)) -> Self {
        let bar = bar.with_style(waiting());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, of, last: String::new(), last_place: None, why: None, device: None, is_command: false, say }
    }

    pub(in crate::cli) fn job(&mut self, job: &Job) {
        self.why = show::why_waiting(job);
        self.device.clone_from(&job.device);
        self.is_command = show::is_command(job);
        let begins = if self.is_command { "the device is made ready" } else { "started" };
        match (job.status, &self.why) {
            (Status::Processing, _) => self.progress(job.progress, job.stage.as_deref().unwrap_or(begins)),
            (Status::Queued, _) => self.place(job.queue_position, None),
            (status, Some(why)) => self.wait(format!("{status}: {why}")),
            (status, None) => self.wait(status.to_string()),
        }
    }

    pub(in crate::cli) fn place(&mut self, place: u64, of: Option<u64>) {
        let this = Some((place, self.why.clone()));
        if self.bar.is_hidden() && self.last_place == this {
            return;
        }
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        self.wait(match of {
            Some(length) => format!("place {place} of {length} in line{why}"),
            None => format!("place {place} in line{why}"),
        });
        self.last_place = this;
    }

    pub(in crate::cli) fn progress(&mut self, percent: u8, stage: &str) {
        if self.is_command {
            if !stage.is_empty() {
                self.wait(stage.to_owned());
            }
            return;
        }
        self.last_place = None;
        self.bar.set_style(running());
        self.bar.set_position(percent.min(100).into());
        self.bar.set_message(format!("{}{stage}", self.of));
        // Without a terminal, percents and stages are no change.
        let on = self.device.as_ref().map(|device| format!(" on {device}")).unwrap_or_default();
        self.tell(format!("{}running{on}", self.of));
    }

    pub(in crate::cli) fn wait(&mut self, text: String) {
        self.last_place = None;
        let text = format!("{}{text}", self.of);
        self.bar.set_style(waiting());
        self.bar.set_message(text.clone());
        self.tell(text);
    }

    /// Without a terminal a log reads along: each change is said once.
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
pub(in crate::cli) fn running() -> ProgressStyle {
    style("{bar:32.cyan/dim} {pos:>3}%  {wide_msg}").progress_chars("━╸─")
}

/// The style of something that goes on, nobody knows for how long.
pub(in crate::cli) fn waiting() -> ProgressStyle {
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

    use super::*;
    use crate::cli::out::sample;

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn bar(of: &str) -> Bar {
        let bar = Bar::that_says(of.to_owned(), |text| SAID.with_borrow_mut(|said| said.push(text)));
        bar.bar.set_draw_target(ProgressDrawTarget::hidden());
        bar
    }

    fn said() -> Vec<String> {
        SAID.take()
    }

    fn queued(queue_position: u64, waiting_for: Waiting, detail: &str) -> Job {
        let (waiting_for, waiting_detail) = (Some(waiting_for), Some(detail.to_owned()));
        Job { queue_position, waiting_for, waiting_detail, ..sample::job(1, Status::Queued) }
    }

    #[test]
    fn what_a_job_waits_for_stays_beside_its_place() {
        let mut bar = bar("");
        bar.job(&queued(2, Waiting::Paused, "the queue was paused"));
        bar.place(1, Some(3));
        bar.job(&queued(1, Waiting::Turn, "next"));
        bar.place(1, Some(2));
        let expected =
            ["place 2 in line: the queue was paused", "place 1 of 3 in line: the queue was paused", "place 1 in line"];
        assert_eq!(said(), expected);
    }

    #[test]
    fn a_place_is_said_once_and_of_which_job() {
        for (waiting_for, detail, why) in
            [(Waiting::Turn, "next on gpu0", ""), (Waiting::Paused, "gpu0 was paused", ": gpu0 was paused")]
        {
            let mut bar = bar("job 00000001: ");
            bar.job(&queued(2, waiting_for, detail));
            bar.place(2, Some(3));
            bar.job(&queued(2, waiting_for, detail));
            assert_eq!(said(), [format!("job 00000001: place 2 in line{why}")]);
        }
    }

    #[test]
    fn a_job_that_runs_says_where_and_a_command_what_is_done_for_it() {
        let running = Job { device: Some("gpu0".to_owned()), progress: 3, ..sample::job(1, Status::Processing) };
        let mut bar = bar("job 00000001: ");
        bar.job(&running);
        bar.progress(50, "step 10 of 20");
        assert_eq!(said(), ["job 00000001: running on gpu0"]);

        let backend = "command@gpu0".to_owned();
        let stage = Some("freeing the device's memory".to_owned());
        let mut bar = self::bar("easel: ");
        bar.job(&Job { backend, stage, ..running });
        bar.progress(0, "");
        bar.progress(0, "the command runs");
        bar.progress(0, "the command runs");
        assert_eq!(said(), ["easel: freeing the device's memory", "easel: the command runs"]);
    }
}
