//! The WebSocket as a stream that outlives its connections: when one breaks, the next asks for everything since the
//! last frame that was read, so that a reader neither misses nor repeats an event across a restart of the host.

use std::time::Duration;

use easel_wire::{Frame, Heard};
use tokio::time::timeout;
use uuid::Uuid;

use super::Client;
use super::patience::Patience;
use super::problem::ClientError;
use super::socket::Socket;
use crate::cli::out::text;

/// How long a host may be away before its reader gives up. A restart with a long queue takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// A live host sends a mark every five seconds: without four of them the connection is dead, whatever TCP believes.
const SILENCE: Duration = Duration::from_secs(20);

/// What a reader hears.
#[derive(Debug)]
pub(in crate::cli) enum News {
    /// The host said something.
    Heard {
        /// As it came.
        raw: String,
        /// What it means.
        heard: Heard,
    },
    /// The connection broke; the next call tries to get it back.
    Lost(ClientError),
    /// It is there again, and nothing was missed.
    Back,
}

/// A subscription to the host's events.
pub(in crate::cli) struct Feed<'a> {
    client: &'a Client,
    job: Option<Uuid>,
    cursor: Option<String>,
    socket: Option<Socket>,
    patience: Patience,
    /// Whether its reader knows that the host is gone, and does not know yet that it is back.
    is_lost: bool,
    /// What is heard next, after that.
    kept: Option<News>,
}

impl<'a> Feed<'a> {
    /// Events of one job, or of everything.
    pub(in crate::cli) fn new(client: &'a Client, job: Option<Uuid>) -> Self {
        Self { client, job, cursor: None, socket: None, patience: Patience::new(PATIENCE), is_lost: false, kept: None }
    }

    /// The next news. An error is final: the host does not want us, or was away for too long.
    pub(in crate::cli) async fn next(&mut self) -> Result<News, ClientError> {
        if let Some(news) = self.kept.take() {
            return Ok(news);
        }
        loop {
            let Some(socket) = &mut self.socket else {
                match self.connect().await {
                    Err(error) if error.is_of_connection() && self.patience.wait().await => {}
                    outcome => outcome?,
                }
                continue;
            };
            match read(socket).await {
                Ok(Some(raw)) => {
                    let heard: Heard = text::read(&raw)
                        .map_err(|cause| ClientError::Garbled { server: self.client.server().to_owned(), cause })?;
                    // A host that takes connections only to drop them has not come back: this one has.
                    if matches!(heard, Heard::Frame(Frame::Mark { .. })) {
                        self.patience = Patience::new(PATIENCE);
                    }
                    if let Some(cursor) = heard.cursor() {
                        self.cursor = Some(cursor.to_owned());
                    }
                    let news = News::Heard { raw, heard };
                    if std::mem::take(&mut self.is_lost) {
                        self.kept = Some(news);
                        return Ok(News::Back);
                    }
                    return Ok(news);
                }
                Ok(None) => {}
                Err(error) if error.is_of_connection() && self.patience.wait().await => {
                    self.socket = None;
                    self.is_lost = true;
                    return Ok(News::Lost(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects, once.
    pub(in crate::cli) async fn connect(&mut self) -> Result<(), ClientError> {
        let mut url = self.client.url(["v1", "ws"]);
        if let Some(job) = self.job {
            url.query_pairs_mut().append_pair("job_id", &job.to_string());
        }
        if let Some(cursor) = &self.cursor {
            url.query_pairs_mut().append_pair("since", cursor);
        }
        self.socket = Some(Socket::connect(self.client, url, None).await?);
        Ok(())
    }
}

/// One message of a host that is not silent for too long.
async fn read(socket: &mut Socket) -> Result<Option<String>, ClientError> {
    match timeout(SILENCE, socket.read()).await {
        Ok(message) => message,
        Err(_) => Err(socket.silent()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::fake_host::FakeHost;
    use crate::cli::out::sample;

    #[tokio::test]
    async fn a_new_connection_asks_for_what_came_since_the_last_frame_of_the_old_one() {
        let (snapshot, mark) = (sample::snapshot("L:1", Vec::new()), sample::mark("L:7"));
        let hello = r#"{"type":"hello","protocol":1,"cursor":"L:9","now":"2026-01-01T00:00:00Z"}"#.to_owned();
        let host = FakeHost::start(vec![vec![snapshot, mark.clone()], vec![hello], vec![mark]]).await;
        let client = host.client();
        let mut feed = Feed::new(&client, Some(Uuid::nil()));
        let mut lost = 0;
        while lost < 3 {
            if let News::Lost(_) = feed.next().await.expect("news") {
                lost += 1;
            }
        }
        let asked = host.asked();
        let first = format!("/v1/ws?job_id={}", Uuid::nil());
        let again = format!("{first}&since=L%3A7");
        assert_eq!(asked, [first, again.clone(), again]);
    }

    #[tokio::test]
    async fn a_host_that_comes_back_is_told_of_before_what_it_says() {
        let (first, second) = (sample::mark("L:1"), sample::mark("L:2"));
        let host = FakeHost::start(vec![vec![first.clone()], vec![second.clone()]]).await;
        let client = host.client();
        let mut feed = Feed::new(&client, None);
        let mut told = Vec::new();
        while told.len() < 4 {
            told.push(match feed.next().await.expect("news") {
                News::Heard { raw, .. } => raw,
                News::Lost(_) => "lost".to_owned(),
                News::Back => "back".to_owned(),
            });
        }
        assert_eq!(told, [first, "lost".to_owned(), "back".to_owned(), second]);
    }

    #[tokio::test]
    async fn a_host_that_drops_every_connection_is_asked_less_and_less_often() {
        let host = FakeHost::start(vec![vec![]; 100]).await;
        let client = host.client();
        let mut feed = Feed::new(&client, None);
        let hearing = async { while feed.next().await.is_ok() {} };
        timeout(Duration::from_secs(1), hearing).await.expect_err("goes on for longer");
        assert!(host.asked().len() <= 4, "{:?}", host.asked());
    }
}
