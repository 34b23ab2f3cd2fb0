//! What a guest holds while it works on a job: the attempt itself and the files that it makes.

use std::sync::Arc;

use bytes::Bytes;
use easel_core::{Job, Json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::journal::Journal;
use crate::artifacts::{Exchange, WriteError};
use crate::lasting::Deadline;
use crate::sandbox::pace::Pace;
use crate::sandbox::{InputFile, News, Task, limits, text};

/// One attempt, as the guest sees it.
pub struct Attempt {
    pub(crate) job: Arc<Job>,
    /// As its component takes them.
    pub(crate) params: Json,
    pub(crate) files: Arc<dyn Exchange>,
    pub(crate) inputs: Vec<InputFile>,
    pub(crate) dependencies: String,
    until: Deadline,
    cancel: CancellationToken,
    news: mpsc::Sender<News>,
    /// What it remembered; before that, what the attempt before it did.
    pub(crate) note: Option<String>,
    journal: Journal,
    notes: Pace,
    previews: Pace,
}

impl Attempt {
    /// The attempt of a task, and the log that it writes to.
    pub(crate) fn of(task: Task, params: Json) -> (Self, Journal) {
        let Task { job, files, inputs, dependencies, until, deadline: _, cancel, kill: _, news } = task;
        let journal = Journal::job(news.clone());
        let note = job.note.clone();
        let (notes, previews) = (Pace::new(limits::NOTES, Instant::now()), Pace::new(limits::PREVIEWS, Instant::now()));
        (
            Self {
                job,
                params,
                files,
                inputs,
                dependencies,
                until,
                cancel,
                news,
                note,
                journal: journal.clone(),
                notes,
                previews,
            },
            journal,
        )
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        let left = self.until.left();
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) async fn report(&self, percent: Option<f32>, stage: Option<String>) {
        let (percent, stage) = (percent.and_then(presentable), stage.as_deref().map(short));
        self.tell(News::Report { percent, stage }).await;
    }

    /// Shows a preview. Those that come faster than anybody could look are dropped without a word: the next one shows more.
    pub(crate) async fn preview(&mut self, mime: String, image: Vec<u8>) {
        match check_preview(&mime, &image) {
            Ok(()) if !self.previews.take(Instant::now()) => {}
            Ok(()) => self.tell(News::Preview { mime, image: Bytes::from(image) }).await,
            Err(reason) => self.journal.write(Level::WARN, &format!("a preview was dropped: {reason}")).await,
        }
    }

    /// Stores a note. Whether it is durable now; if not, there is nobody to store it and the guest must not go on.
    pub(crate) async fn remember(&mut self, note: String) -> bool {
        tokio::time::sleep(self.notes.queue(Instant::now())).await;
        let note = text::cut(note, limits::NOTE);
        let (done, stored) = oneshot::channel();
        self.tell(News::Remember { note: note.clone(), done }).await;
        let stored = stored.await.is_ok();
        self.note = Some(note);
        stored
    }

    async fn tell(&self, news: News) {
        // Nobody listens any more when the attempt is being ended.
        drop(self.news.send(news).await);
    }
}

/// A percentage that can be shown. What is not a number tells nothing, and is dropped.
fn presentable(percent: f32) -> Option<f32> {
    percent.is_finite().then(|| percent.clamp(0.0, 100.0))
}

/// A stage that fits on a line.
fn short(stage: &str) -> String {
    let cut: String = stage.chars().take(limits::STAGE).collect();
    text::line(&cut, 4 * limits::STAGE)
}

/// Whether a preview may be shown. Browsers sniff: only bytes that are the image that they claim to be get there.
fn check_preview(mime: &str, image: &[u8]) -> Result<(), String> {
    if image.len() > limits::PREVIEW {
        return Err(format!("it has {} bytes; at most {} are allowed", image.len(), limits::PREVIEW));
    }
    let is = match imagesize::image_type(image) {
        Ok(imagesize::ImageType::Png) => "image/png",
        Ok(imagesize::ImageType::Jpeg) => "image/jpeg",
        Ok(imagesize::ImageType::Webp) => "image/webp",
        Ok(imagesize::ImageType::Gif) => "image/gif",
        Ok(imagesize::ImageType::Heif(imagesize::Compression::Av1)) => "image/avif",
        _ => return Err("it is not a PNG, JPEG, WebP, GIF or AVIF".into()),
    };
    if is == mime { Ok(()) } else { Err(format!("it is {is}, and was handed over as {}", text::line(mime, 64))) }
}

/// A file in the making, as the guest sees it. Dropped unfinished, it never was.
pub struct File {
    files: Arc<dyn Exchange>,
    number: u32,
}

impl File {
    pub(crate) async fn begin(files: Arc<dyn Exchange>, name: &str, mime: &str) -> Result<Self, WriteError> {
        let number = files.begin(name, mime).await?;
        Ok(Self { files, number })
    }

    pub(crate) async fn write(&self, chunk: Vec<u8>) -> Result<(), WriteError> {
        self.files.write(self.number, chunk).await
    }

    pub(crate) async fn finish(self) -> Result<(), WriteError> {
        self.files.finish(self.number).await
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.files.discard(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_between_nothing_and_everything_or_none_at_all() {
        for (told, shown) in [(42.5, Some(42.5)), (-1.0, Some(0.0)), (1e30, Some(100.0)), (100.0, Some(100.0))] {
            assert_eq!(presentable(told), shown, "{told}");
        }
        for told in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(presentable(told), None, "{told}");
        }
    }

    #[test]
    fn a_stage_is_short_and_on_one_line() {
        assert_eq!(short("sampling 8/20"), "sampling 8/20");
        assert_eq!(short("a\nb"), "a\\nb");
        assert_eq!(short(&"ä".repeat(1000)), "ä".repeat(200));
    }

    #[test]
    fn a_preview_must_be_the_image_that_it_claims_to_be() {
        let gif = b"GIF89a\x01\0\x01\0\0\0\0;";
        assert_eq!(check_preview("image/gif", gif), Ok(()));
        assert!(check_preview("image/png", gif).unwrap_err().contains("image/gif"));
        assert!(check_preview("text/html", b"<script>").is_err());
        assert!(check_preview("image/png", b"<script>").is_err());
        assert!(check_preview("image/png", b"").is_err());
        let mut large = gif.to_vec();
        large.resize(limits::PREVIEW + 1, 0);
        assert!(check_preview("image/gif", &large).unwrap_err().contains("bytes"));
    }
}
