//! What the queue itself takes when a million jobs wait, beside what it takes when ten thousand do: each of the things that
//! clients and devices ask of it, on drafts of 64 as the writer makes them, while readers hold the version before.
//!
//! Between two drafts the writer commits, and a commit leaves little in the processor's caches of what the next draft needs.
//! So there is a commit here as well, which is not counted: without it, ten thousand jobs would be measured as they are
//! found in the caches of a machine that does nothing else.

use std::fs;

use anyhow::Context as _;
use easel_core::{Cold, Command, Draft, Finished, Job, JobId, MoveTo, Outcome, Reply, State};
use indicatif::ProgressBar;
use rustix::time::{ClockId, clock_gettime};

use crate::bench::Bench;
use crate::commits::Commits;
use crate::queue::{self, DEVICE};
use crate::row::{Row, Section, Unit};
use crate::statistics::Spread;

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
const RUNS: u64 = 5;
/// Operations of a kind in a run.
const EACH: u64 = 1024;
/// Commands of a draft.
const BATCH: u64 = 64;
/// How much more a million may cost.
const FACTOR: f64 = 5.0;

/// Seconds for one operation, in each run.
#[derive(Default)]
struct Costs {
    enqueue: Vec<f64>,
    claim: Vec<f64>,
    cancel: Vec<f64>,
    shift: Vec<f64>,
    position: Vec<f64>,
    estimate: Vec<f64>,
    /// Bytes for one waiting job.
    memory: f64,
}

pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let bar = bench.bar("the queue itself, 1,000,000 waiting", MANY);
    let directory = bench.fresh_directory()?;
    let mut commits = Commits::open(directory.path()).await?;
    let few = costs(FEW, &mut commits, &bar).await?;
    bar.set_position(0);
    let many = costs(MANY, &mut commits, &bar).await?;
    bar.finish_and_clear();
    commits.close().await?;

    let row = |what: &str, of: fn(&Costs) -> &Vec<f64>| {
        let before = Spread::of(of(&few).clone()).median;
        Row::new(what, Unit::Seconds, Spread::of(of(&many).clone())).goal(before * FACTOR).limit("at 10,000", before)
    };
    let position = Spread::of(many.position.clone());
    Ok(Section {
        rows: vec![
            Row::new("position of a job, 1,000,000 waiting", Unit::Seconds, position).goal(10e-6),
            row("the queue alone, 1,000,000 waiting: enqueue", |costs| &costs.enqueue),
            row("claim, with the outcome of the job before", |costs| &costs.claim),
            row("cancel", |costs| &costs.cancel),
            row("move", |costs| &costs.shift),
            row("position", |costs| &costs.position),
            row("ETA", |costs| &costs.estimate),
        ],
        notes: vec![format!("the queue alone: {:.0} B for each of 1,000,000 waiting jobs.", many.memory)],
    })
}

async fn costs(jobs: u64, commits: &mut Commits, bar: &ProgressBar) -> anyhow::Result<Costs> {
    let before = resident()?;
    let mut line = Line { state: queue::empty(), last: 0 };
    line.fill(jobs, bar)?;
    let mut costs = Costs { memory: (resident()? - before) / jobs as f64, ..Costs::default() };
    // Until three have completed there are no estimates.
    line.claim(BATCH)?;
    for run in 0..RUNS {
        let some = line.some(run);
        costs.enqueue.push(line.timed(&some, commits, |line, jobs| line.enqueue(jobs.len() as u64)).await?);
        costs.claim.push(line.timed(&some, commits, |line, jobs| line.claim(jobs.len() as u64)).await?);
        let some = line.some(run);
        costs.shift.push(line.timed(&some, commits, |line, jobs| line.shift(jobs)).await?);
        let place = |state: &State, job: &Job| state.position(job) > 0;
        costs.position.push(line.timed(&some, commits, |line, jobs| line.look(jobs, place)).await?);
        let end = |state: &State, job: &Job| state.estimate(job, 0, &|_| None).is_some();
        costs.estimate.push(line.timed(&some, commits, |line, jobs| line.look(jobs, end)).await?);
        costs.cancel.push(line.timed(&some, commits, |line, jobs| line.cancel(jobs)).await?);
        // As many as were claimed and cancelled.
        line.enqueue(EACH)?;
    }
    Ok(costs)
}

/// A line that is as long after each run as before.
struct Line {
    state: State,
    /// The number of the last job.
    last: u64,
}

impl Line {
    fn fill(&mut self, jobs: u64, bar: &ProgressBar) -> anyhow::Result<()> {
        for _ in 0..jobs / BATCH {
            self.enqueue(BATCH)?;
            bar.inc(BATCH);
        }
        Ok(())
    }

    /// Seconds for one of these jobs, done `BATCH` at a time with a commit before each: of processor time, for nothing that is
    /// counted waits for anything.
    async fn timed(
        &mut self,
        jobs: &[JobId],
        commits: &mut Commits,
        work: impl Fn(&mut Self, &[JobId]) -> anyhow::Result<()>,
    ) -> anyhow::Result<f64> {
        let mut spent = 0.0;
        for jobs in jobs.chunks(BATCH as usize) {
            commits.full().await?;
            let begun = processor();
            work(self, jobs)?;
            spent += processor() - begun;
        }
        Ok(spent / jobs.len() as f64)
    }

    /// Decides commands in drafts; the state before each draft stays until it is done, as for readers.
    fn decide(&mut self, commands: impl Iterator<Item = Command>) -> anyhow::Result<()> {
        let mut commands = commands.peekable();
        while commands.peek().is_some() {
            let mut draft = Draft::new(self.state.clone(), Cold::default());
            for command in commands.by_ref().take(BATCH as usize) {
                queue::decide_on(&mut draft, command)?;
            }
            self.state = draft.state;
        }
        Ok(())
    }

    fn enqueue(&mut self, jobs: u64) -> anyhow::Result<()> {
        let first = self.last + 1;
        self.last += jobs;
        self.decide((first..=self.last).map(|number| Command::Submit(Box::new(queue::new_job(number)))))
    }

    /// A draft for each: a claim waits for nobody.
    fn claim(&mut self, jobs: u64) -> anyhow::Result<()> {
        let mut finished = None;
        for _ in 0..jobs {
            let mut draft = Draft::new(self.state.clone(), Cold::default());
            let turn = Command::Turn { device: DEVICE.to_owned(), finished, claim: true };
            let Reply::Turn(Some(claimed)) = queue::decide_on(&mut draft, turn)? else { anyhow::bail!("nobody waits") };
            finished = Some(Box::new(complete(&claimed.job)));
            self.state = draft.state;
        }
        let mut draft = Draft::new(self.state.clone(), Cold::default());
        queue::decide_on(&mut draft, Command::Turn { device: DEVICE.to_owned(), finished, claim: false })?;
        self.state = draft.state;
        Ok(())
    }

    fn shift(&mut self, jobs: &[JobId]) -> anyhow::Result<()> {
        let (middle, jobs) = jobs.split_last().context("no job waits")?;
        self.decide(jobs.iter().enumerate().map(|(index, job)| Command::Move {
            job: *job,
            to: if index % 2 == 0 { MoveTo::Front } else { MoveTo::Before(*middle) },
        }))
    }

    fn cancel(&mut self, jobs: &[JobId]) -> anyhow::Result<()> {
        self.decide(jobs.iter().map(|job| Command::Cancel { job: *job }))
    }

    fn look(&self, jobs: &[JobId], known: impl Fn(&State, &Job) -> bool) -> anyhow::Result<()> {
        for job in jobs {
            let job = self.state.job(*job).context("a job that does not wait")?;
            anyhow::ensure!(known(&self.state, job), "nothing is known of a job");
        }
        Ok(())
    }

    /// Waiting jobs from all over the line.
    fn some(&self, run: u64) -> Vec<JobId> {
        let every = self.state.open_count() / EACH as usize;
        self.state.jobs().skip(run as usize % every).step_by(every).take(EACH as usize).map(|job| job.id).collect()
    }
}

fn complete(job: &Job) -> Finished {
    Finished {
        job: job.id,
        attempt: job.attempt,
        outcome: Outcome::Complete,
        clean: true,
        took: Some(1_000_000),
        progress: 100,
        result: None,
        artifacts: Vec::new(),
        error: None,
        retry_after_ms: None,
    }
}

/// The seconds that this thread has computed.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The memory of this process, in bytes.
fn resident() -> anyhow::Result<f64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = pages.split(' ').nth(1).context("no resident pages")?.parse()?;
    Ok(pages * rustix::param::page_size() as f64)
}
