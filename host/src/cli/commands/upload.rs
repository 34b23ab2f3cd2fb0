//! Handing files to the host before the job that uses them.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use easel_wire::{NewInput, Upload};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use tokio::fs::File;

use crate::cli::client::Client;

/// `--input NAME=FILE`
#[derive(Debug, Clone)]
pub(in crate::cli) struct Input {
    name: String,
    path: PathBuf,
}

impl FromStr for Input {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err("write NAME=FILE"),
        }
    }
}

/// Uploads the file and returns the entry that names it in a job's `inputs`.
pub(in crate::cli) async fn upload(client: &Client, input: &Input) -> anyhow::Result<NewInput> {
    let Input { name, path } = input;
    let told = || format!("--input {name}: {}", path.display());
    let file = File::open(path).await.with_context(told)?;
    let metadata = file.metadata().await.with_context(told)?;
    anyhow::ensure!(metadata.is_file(), "{}: not a file", told());
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let request = client
        .long_request(Method::POST, client.url(["v1", "uploads"]))
        .header(CONTENT_TYPE, mime.as_ref())
        .header(CONTENT_LENGTH, metadata.len())
        .body(Body::from(file));
    let upload: Upload = client.ask(request).await.with_context(told)?.parse()?;
    Ok(NewInput { name: name.clone(), upload: upload.id })
}
