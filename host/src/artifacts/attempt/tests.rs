use std::fs;

use super::*;
use crate::artifacts::sweep::tests::{data, job};

/// The signature and the header of a PNG of 3 by 2 pixels: all that is needed to know its size.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0\x12\x16\xf1\x4d";

async fn attempt(quota: u64) -> (tempfile::TempDir, AttemptFiles) {
    let (dir, files) = data();
    let attempt = files.attempt(job(1), 3, quota);
    (dir, attempt)
}

fn files_in(attempt: &AttemptFiles) -> usize {
    fs::read_dir(&attempt.0.directory).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_finished_artifact_is_told_with_its_hash_and_its_size() {
    let (_dir, attempt) = attempt(100).await;

    let mut writer = attempt.create("0.txt", "text/plain").unwrap();
    writer.write(b"ab").await.unwrap();
    writer.write(b"c").await.unwrap();
    writer.finish().await.unwrap();

    let artifacts = attempt.finished().await.unwrap();
    let [artifact] = artifacts.as_slice() else { panic!("{artifacts:?}") };
    assert_eq!((artifact.name.as_str(), artifact.mime.as_str()), ("0.txt", "text/plain"));
    assert_eq!((artifact.size, artifact.attempt, artifact.width), (3, 3, None));
    assert!(artifact.sha256.starts_with("ba7816bf8f01cfea"), "{}", artifact.sha256);
}

#[tokio::test]
async fn an_artifact_lies_where_its_path_says() {
    let (_dir, files) = data();
    let attempt = files.attempt(job(1), 3, 100);
    let mut writer = attempt.create("0.txt", "text/plain").unwrap();
    writer.write(b"abc").await.unwrap();
    writer.finish().await.unwrap();

    let artifact = attempt.finished().await.unwrap().remove(0);

    assert_eq!(fs::read(files.artifact_path(job(1), &artifact)).unwrap(), b"abc");
}

#[tokio::test]
async fn a_picture_is_told_with_its_pixels_and_a_text_that_says_it_is_one_is_not() {
    let (_dir, attempt) = attempt(100).await;
    for (name, mime, bytes) in [("a", "image/png", PNG), ("b", "image/png", b"text"), ("c", "text/plain", PNG)] {
        let mut writer = attempt.create(name, mime).unwrap();
        writer.write(bytes).await.unwrap();
        writer.finish().await.unwrap();
    }

    let pixels: Vec<_> = attempt.finished().await.unwrap().iter().map(|file| file.width.zip(file.height)).collect();

    assert_eq!(pixels, [Some((3, 2)), None, None]);
}

#[tokio::test]
async fn artifacts_are_told_in_the_order_in_which_they_were_begun() {
    let (_dir, attempt) = attempt(100).await;
    let (first, second) = (attempt.create("b", "a/b").unwrap(), attempt.create("a", "a/b").unwrap());

    second.finish().await.unwrap();
    first.finish().await.unwrap();

    let names: Vec<_> = attempt.finished().await.unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["b", "a"]);
}

#[tokio::test]
async fn names_that_lead_elsewhere_make_no_file() {
    let (dir, attempt) = attempt(100).await;
    let long = "x".repeat(129);
    for name in ["../../x", "", ".hidden", "a/b", &long] {
        let refused = attempt.create(name, "text/plain").unwrap_err();
        assert!(matches!(refused, WriteError::BadName(_)), "{name:?}: {refused}");
    }
    assert_eq!(files_in(&attempt), 0);
    assert!(!dir.path().join("artifacts/x").exists());
}

#[tokio::test]
async fn a_name_is_used_once_even_if_the_file_is_dropped() {
    let (_dir, attempt) = attempt(100).await;
    drop(attempt.create("0.png", "image/png").unwrap());

    let refused = attempt.create("0.png", "image/png").unwrap_err();

    assert!(matches!(refused, WriteError::BadName(_)), "{refused}");
}

#[tokio::test]
async fn a_media_type_cannot_smuggle_a_header() {
    let (_dir, attempt) = attempt(100).await;
    for mime in ["", "png", "/", "text/plain\r\nSet-Cookie: a=b", "text/\u{e4}"] {
        assert!(matches!(attempt.create("a", mime), Err(WriteError::Other(_))), "{mime:?}");
    }
    attempt.create("a", "text/plain; charset=utf-8").unwrap();
}

#[tokio::test]
async fn the_quota_is_one_for_all_files_of_an_attempt() {
    let (_dir, attempt) = attempt(10).await;
    let mut first = attempt.create("a", "a/b").unwrap();
    let mut second = attempt.create("b", "a/b").unwrap();
    first.write(&[0; 6]).await.unwrap();
    second.write(&[0; 4]).await.unwrap();

    assert!(matches!(second.write(&[0; 1]).await, Err(WriteError::Quota(_))));
    assert!(matches!(first.write(&[0; 1]).await, Err(WriteError::Quota(_))));
}

#[tokio::test]
async fn a_dropped_writer_gives_its_bytes_back_and_leaves_no_file() {
    let (_dir, attempt) = attempt(10).await;
    let mut dropped = attempt.create("a", "a/b").unwrap();
    dropped.write(&[0; 10]).await.unwrap();

    drop(dropped);

    assert_eq!(files_in(&attempt), 0);
    let mut other = attempt.create("b", "a/b").unwrap();
    other.write(&[0; 10]).await.unwrap();
    assert!(matches!(other.write(&[0; 1]).await, Err(WriteError::Quota(_))));
    other.finish().await.unwrap();
    assert_eq!(attempt.finished().await.unwrap().len(), 1);
}

#[tokio::test]
async fn finished_bytes_stay_booked() {
    let (_dir, attempt) = attempt(10).await;
    let mut finished = attempt.create("a", "a/b").unwrap();
    finished.write(&[0; 10]).await.unwrap();
    finished.finish().await.unwrap();

    let refused = attempt.create("b", "a/b").unwrap().write(&[0; 1]).await;

    assert!(matches!(refused, Err(WriteError::Quota(_))));
}

#[tokio::test]
async fn an_attempt_begins_no_more_than_sixty_four_files() {
    let (_dir, attempt) = attempt(100).await;
    for index in 0..MAX_ARTIFACTS {
        drop(attempt.create(&index.to_string(), "a/b").unwrap());
    }
    assert!(matches!(attempt.create("one-more", "a/b"), Err(WriteError::Quota(_))));
}

#[tokio::test]
async fn an_attempt_without_a_finished_file_has_no_directory() {
    let (_dir, files) = data();
    let attempt = files.attempt(job(1), 1, 100);
    assert_eq!(attempt.finished().await.unwrap(), []);
    assert!(!files.artifacts_of(job(1)).exists(), "nothing was begun");

    let mut writer = attempt.create("0.txt", "text/plain").unwrap();
    writer.write(b"abc").await.unwrap();
    drop(writer);
    assert_eq!(attempt.finished().await.unwrap(), []);
    assert!(!files.artifacts_of(job(1)).exists(), "nothing was finished");
}

#[tokio::test]
async fn what_an_older_attempt_of_this_number_left_is_not_taken_for_its_own() {
    let (_dir, files) = data();
    fs::create_dir_all(files.attempt_directory(job(1), 1)).unwrap();
    fs::write(files.attempt_directory(job(1), 1).join("old.txt"), "old").unwrap();

    let attempt = files.attempt(job(1), 1, 100);
    attempt.create("0.txt", "text/plain").unwrap().finish().await.unwrap();

    assert_eq!(files_in(&attempt), 1);
}
