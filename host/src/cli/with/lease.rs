//! The lease of a device: one WebSocket after the other, as long as somebody wants it.
//!
//! What makes it safe is `expires`: a lease lasts for the host's grace from the moment at which a question was *asked* that the
//! host has answered. The host counts from when it answered, which is later: so it never gives the device to anybody before the
//! lease has expired here, whatever was slow or lost on the way.

use std::collections::VecDeque;
use std::time::Duration;

use easel_wire::{HolderFrame, Job, LeaseFrame, Report};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use uuid::Uuid;

use super::Args;
use crate::cli::client::Client;
use crate::cli::client::patience::Patience;
use crate::cli::client::problem::ClientError;
use crate::cli::client::socket::Socket;
use crate::cli::out::text;
use crate::show;

/// How often the host is asked whether it is still there, at the least.
const ASK: Duration = Duration::from_secs(5);
/// The most often.
const SHORTEST: Duration = Duration::from_millis(100);
/// A host that is silent for half of the grace is not there, but nobody is gone sooner than this.
const SILENCE: Duration = Duration::from_millis(500);
/// What the host's first word may take.
const GREETING: Duration = Duration::from_secs(20);
/// Connecting is given up by others, who know what depends on it.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// What is heard of the lease.
pub(super) enum News {
    /// The command waits, or the device is made ready for it.
    Waiting(Box<Job>),
    /// The device is ours.
    Granted {
        /// As this attempt.
        attempt: u32,
        /// What did not go as it was asked to.
        warning: Option<String>,
    },
    /// The command is to end: somebody cancelled it.
    End,
    /// The job has ended.
    Ended(Box<Job>),
    /// The connection is lost, and is tried to be had again.
    Away(ClientError),
    /// It is there again.
    Back,
    /// There is no lease any more.
    Failed(ClientError),
}

/// What the host said when it took the command into the line.
#[derive(Clone)]
pub(super) struct Terms {
    /// The job that the command is.
    pub(super) job: Uuid,
    /// What the command gets to end in.
    pub(super) ending: Duration,
    grace: Duration,
}

/// A lease, or the wish for one.
pub(super) struct Lease {
    news: mpsc::Receiver<News>,
    report: watch::Sender<Option<HolderFrame>>,
    terms: watch::Receiver<Option<Terms>>,
    expires: watch::Receiver<Option<Instant>>,
}

impl Lease {
    /// Asks for the device, and keeps asking.
    pub(super) fn ask(client: Client, args: &Args, program: &str) -> anyhow::Result<Self> {
        let mut url = client.url(["v1", "devices", &args.device, "lease"]);
        let mut wish = vec![("command", program.to_owned()), ("priority", args.priority.to_string())];
        wish.extend(args.name.clone().map(|name| ("name", name)));
        wish.extend(args.unload.then(|| ("unload", "true".to_owned())));
        wish.extend(args.timeout.map(|time| ("timeout_s", time.as_secs().to_string())));
        url.query_pairs_mut().extend_pairs(wish);
        let key = HeaderValue::from_str(&Uuid::now_v7().to_string())?;

        let (lease, keeper) = Self::new();
        tokio::spawn(keeper.keep(client, url, key));
        Ok(lease)
    }

    fn new() -> (Self, Keeper) {
        let (tell, news) = mpsc::channel(16);
        let (report, reports) = watch::channel(None);
        let (agree, terms) = watch::channel(None);
        let (renew, expires) = watch::channel(None);
        let keeper = Keeper {
            tell,
            reports,
            terms: agree,
            renew,
            patience: Patience::new(ENDLESS),
            asked: VecDeque::new(),
            number: 0,
        };
        (Self { news, report, terms, expires }, keeper)
    }

    /// The next news. Nothing is lost when this is dropped half way.
    pub(super) async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// What was agreed; none before the host has answered.
    pub(super) fn terms(&self) -> Option<Terms> {
        self.terms.borrow().clone()
    }

    /// Whether the device is still ours, if it was given to us.
    pub(super) fn is_valid(&self) -> bool {
        self.expires.borrow().is_some_and(|at| Instant::now() < at)
    }

    /// When the lease expires.
    pub(super) fn expiry(&self) -> Expiry {
        Expiry(self.expires.clone())
    }

    /// Whether all has been heard that there will be.
    pub(super) fn is_over(&self) -> bool {
        self.news.is_closed() && self.news.is_empty()
    }

    /// Gives the device back.
    pub(super) fn report(&self, report: Report) {
        self.report.send_replace(Some(HolderFrame::Done(report)));
    }
}

/// When a lease expires, which moves on as long as the host answers.
pub(super) struct Expiry(watch::Receiver<Option<Instant>>);

impl Expiry {
    /// Waits until it is put off.
    pub(super) async fn renewed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it has expired.
    pub(super) async fn passed(&mut self) {
        loop {
            let at = *self.0.borrow_and_update();
            let past = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = past => return,
                Ok(()) = self.0.changed() => {}
            }
        }
    }
}

/// Holds the connection.
struct Keeper {
    tell: mpsc::Sender<News>,
    reports: watch::Receiver<Option<HolderFrame>>,
    terms: watch::Sender<Option<Terms>>,
    renew: watch::Sender<Option<Instant>>,
    patience: Patience,
    /// Questions that are not answered yet, and when they were asked.
    asked: VecDeque<(u64, Instant)>,
    number: u64,
}

impl Keeper {
    async fn keep(mut self, client: Client, url: Url, key: HeaderValue) {
        loop {
            let lost = match self.talk(&client, &url, &key).await {
                Ok(()) => return,
                // A host that was never there is told of at once: nothing is lost by that.
                Err(error) if error.is_of_connection() && self.terms.borrow().is_some() => News::Away(error),
                Err(error) => News::Failed(error),
            };
            let over = matches!(lost, News::Failed(_));
            if !self.tell(lost).await || over || !self.patience.wait().await {
                return;
            }
        }
    }

    /// Connects, and talks until the job has ended or nobody listens any more.
    async fn talk(&mut self, client: &Client, url: &Url, key: &HeaderValue) -> Result<(), ClientError> {
        let begun = Instant::now();
        let header = (HeaderName::from_static("idempotency-key"), key.clone());
        let mut url = url.clone();
        // Whatever the host has forgotten by now, it does not take the command for a new one.
        if let Some(terms) = &*self.terms.borrow() {
            url.query_pairs_mut().append_pair("job_id", &terms.job.to_string());
        }
        let mut socket = Socket::connect(client, url, Some(header)).await?;
        // To be let in is the first answer.
        self.asked = VecDeque::from([(0, begun)]);
        if self.reports.borrow().is_some() {
            self.reports.mark_changed();
        }
        let (mut heard, mut silence, mut asking) = (Instant::now(), GREETING, interval(ASK));
        loop {
            let text = tokio::select! {
                text = socket.read() => text?,
                () = sleep_until(heard + silence) => return Err(socket.silent()),
                _ = asking.tick() => {
                    self.number += 1;
                    self.asked.push_back((self.number, Instant::now()));
                    socket.send(show::text(&HolderFrame::Ping { reference: self.number.into() })).await?;
                    continue;
                }
                changed = self.reports.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let report = self.reports.borrow().as_ref().map(show::text);
                    if let Some(report) = report {
                        socket.send(report).await?;
                    }
                    continue;
                }
            };
            heard = Instant::now();
            let Some(text) = text else { continue };
            let garbled = |cause: String| ClientError::Garbled { server: client.server().to_owned(), cause };
            let news = match text::read(&text).map_err(garbled)? {
                LeaseFrame::Hello { job_id, grace_ms, ending_ms } => {
                    let (grace, ending) = (Duration::from_millis(grace_ms), Duration::from_millis(ending_ms));
                    (silence, asking) = ((grace / 2).max(SILENCE), interval(ASK.min(grace / 6).max(SHORTEST)));
                    asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    let again = self.terms.send_replace(Some(Terms { job: job_id, ending, grace })).is_some();
                    self.answered(0);
                    if !again {
                        continue;
                    }
                    News::Back
                }
                LeaseFrame::Pong { reference } => {
                    reference.as_u64().into_iter().for_each(|number| self.answered(number));
                    self.patience = Patience::new(ENDLESS);
                    continue;
                }
                LeaseFrame::Waiting { job } => News::Waiting(job),
                LeaseFrame::Granted { attempt, warning, .. } => News::Granted { attempt, warning },
                LeaseFrame::End { .. } => News::End,
                LeaseFrame::Ended { job } => {
                    self.tell(News::Ended(job)).await;
                    return Ok(());
                }
                LeaseFrame::Error { title } => return Err(garbled(title)),
                LeaseFrame::Unknown => continue,
            };
            if !self.tell(news).await {
                return Ok(());
            }
        }
    }

    /// The host has answered this question, and hence knows that it was asked.
    fn answered(&mut self, number: u64) {
        let grace = self.terms.borrow().as_ref().map(|terms| terms.grace);
        while let Some((_, at)) = self.asked.pop_front_if(|(asked, _)| *asked <= number) {
            self.renew.send_replace(grace.map(|grace| at + grace));
        }
    }

    /// Whether anybody listens.
    async fn tell(&self, news: News) -> bool {
        self.tell.send(news).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_from_when_it_was_asked_for_and_not_from_when_the_answer_came() {
        let (lease, mut keeper) = Lease::new();
        let (grace, ending, now) = (Duration::from_secs(30), Duration::ZERO, Instant::now());
        keeper.terms.send_replace(Some(Terms { job: Uuid::nil(), ending, grace }));
        assert!(!lease.is_valid(), "nothing was answered");
        keeper.asked = VecDeque::from([(1, now - Duration::from_secs(31)), (2, now - Duration::from_secs(20))]);
        keeper.answered(1);
        assert!(!lease.is_valid(), "it was asked for too long ago");
        keeper.answered(2);
        assert_eq!(*lease.expires.borrow(), Some(now + Duration::from_secs(10)));
        keeper.answered(2);
        keeper.answered(9);
        assert_eq!(*lease.expires.borrow(), Some(now + Duration::from_secs(10)), "an answer counts once");
    }
}
