//! The answer to a job's request: which images are ours, and what is known of them.

use crate::black::is_black;
use crate::catalog;
use crate::image::{self, Format};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::DecodePaddingMode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Padded or not, both are sent.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of an image, with or without the `data:` prefix that some put in front.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let code = match text.split_once(',') {
        Some((head, code)) if head.starts_with("data:") => code,
        _ => text,
    };
    BASE64.decode(code.trim()).map_err(|error| format!("an image is not base64: {error}"))
}

/// An answer. The images stay where they are in its text, since they are nearly all of it.
pub struct Reply<'a> {
    images: Vec<Text<'a>>,
    info: Info,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    images: Option<Vec<Text<'a>>>,
    #[serde(default)]
    info: Value,
}

/// Borrowed where the text has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is used of the `info`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    seed: Option<i64>,
    all_seeds: Vec<i64>,
    index_of_first_image: usize,
    sd_model_name: Option<String>,
    sd_model_hash: Option<String>,
    sampler_name: Option<String>,
    version: Option<String>,
}

/// One image that was made.
pub struct Made {
    /// Its file's name.
    pub name: String,
    /// Its media type.
    pub mime: &'static str,
    /// Its seed.
    pub seed: i64,
    /// Width and height, where they can be read.
    pub size: Option<(u32, u32)>,
    /// Whether it is black all over.
    pub black: bool,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Made {
    /// What the result says of it; null is what cannot be read.
    pub fn entry(&self) -> Value {
        let (width, height) = self.size.unzip();
        let mut entry = json!({ "name": self.name, "seed": self.seed, "width": width, "height": height });
        if self.black
            && let Some(entry) = entry.as_object_mut()
        {
            entry.insert("black".into(), json!(true));
        }
        entry
    }
}

impl<'a> Reply<'a> {
    /// Reads an answer. An `info` that cannot be read is done without: images are what counts.
    pub fn parse(body: &'a [u8]) -> Result<Self, String> {
        let raw: Raw =
            serde_json::from_slice(body).map_err(|error| format!("the engine's answer cannot be read: {error}"))?;
        let info = match &raw.info {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            Value::Null => Info::default(),
            other => serde_json::from_value(other.clone()).unwrap_or_default(),
        };
        Ok(Self { images: raw.images.unwrap_or_default(), info })
    }

    /// How many of the images that were asked for are there. A grid may come before the first, and maps of a control net
    /// after the last.
    pub fn count(&self, wanted: usize) -> usize {
        let rest = self.images.len().saturating_sub(self.first());
        rest.min(wanted)
    }

    /// Image `index`, when the first was asked for with the seed `asked`.
    pub fn image(&self, index: usize, asked: u32) -> Result<Made, String> {
        let text = self.images.get(self.first() + index).ok_or("an image is missing")?;
        let bytes = decode(&text.0)?;
        let format = Format::of(&bytes).ok_or("the engine sent something that is not an image")?;
        let black = is_black(&bytes).map_err(|why| format!("the engine sent a broken picture: {why}"))?;
        Ok(Made {
            name: format!("{index}.{}", format.extension()),
            mime: format.mime(),
            seed: self.seed(index, asked),
            size: image::size(&bytes),
            black: black.unwrap_or(false),
            bytes,
        })
    }

    /// The name of the model that made them, if it is not `model`, which was to make them. An engine that does not say
    /// gets the benefit of the doubt.
    pub fn other_model(&self, model: &Value) -> Option<&str> {
        let names = catalog::names("models", model);
        let is = |told: &Option<String>| told.as_ref().is_some_and(|told| names.contains(told));
        let told = self.info.sd_model_name.as_deref().filter(|name| !name.is_empty())?;
        (!is(&self.info.sd_model_name) && !is(&self.info.sd_model_hash)).then_some(told)
    }

    /// What the result says besides the images: what the engine says it made them with.
    pub fn made_with(&self) -> Map<String, Value> {
        let Info { sd_model_name, sd_model_hash, sampler_name, version, .. } = &self.info;
        [
            ("model", sd_model_name),
            ("model_hash", sd_model_hash),
            ("sampler_name", sampler_name),
            ("engine_version", version),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))))
        .collect()
    }

    /// The seed of image `index`: as told, else as the engines count.
    pub fn seed(&self, index: usize, asked: u32) -> i64 {
        let told = self.info.all_seeds.get(index).copied();
        told.unwrap_or_else(|| self.info.seed.unwrap_or(asked.into()) + index as i64)
    }

    fn first(&self) -> usize {
        self.info.index_of_first_image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXEL: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn body(images: &[&str], info: Value) -> Vec<u8> {
        json!({ "images": images, "parameters": {}, "info": info }).to_string().into_bytes()
    }

    #[test]
    fn a_grid_in_front_is_passed_over() {
        let info = json!({ "index_of_first_image": 1, "all_seeds": [41, 42], "seed": 41, "sd_model_name": "tiny" });
        let body = body(&["AAAA", PIXEL, PIXEL], json!(info.to_string()));
        let reply = Reply::parse(&body).expect("parses");
        assert_eq!(reply.count(2), 2);
        let second = reply.image(1, 41).expect("an image");
        assert_eq!((&*second.name, second.mime, second.seed), ("1.png", "image/png", 42));
        assert_eq!(second.entry(), json!({ "name": "1.png", "seed": 42, "width": 1, "height": 1 }));
        assert_eq!(reply.made_with().get("model"), Some(&json!("tiny")));
    }

    #[test]
    fn without_an_info_seeds_count_up_from_the_one_that_was_sent() {
        for info in [json!(""), json!(null), json!("rubbish"), json!({})] {
            let body = body(&[PIXEL, PIXEL, PIXEL], info);
            let reply = Reply::parse(&body).expect("parses");
            assert_eq!(reply.count(2), 2);
            assert_eq!(reply.image(1, 7).expect("an image").seed, 8);
            assert!(reply.made_with().is_empty());
        }
    }

    #[test]
    fn no_images_are_no_images() {
        for body in [&b"{\"images\": []}"[..], b"{\"images\": null}", b"{}"] {
            assert_eq!(Reply::parse(body).expect("parses").count(1), 0);
        }
        assert!(Reply::parse(b"<html>").is_err());
    }

    #[test]
    fn another_model_than_the_one_that_was_named_is_noticed() {
        let wanted = json!({ "title": "painter.safetensors [0123]", "model_name": "painter", "hash": "0123" });
        let other = |info: Value| {
            let body = body(&[], info);
            let reply = Reply::parse(&body).expect("parses");
            reply.other_model(&wanted).map(str::to_owned)
        };
        assert_eq!(other(json!({ "sd_model_name": "tiny", "sd_model_hash": "4567" })), Some("tiny".into()));
        assert_eq!(other(json!({ "sd_model_name": "painter" })), None);
        assert_eq!(
            other(json!({ "sd_model_name": "sd\\painter", "sd_model_hash": "0123" })),
            None,
            "the hash is enough"
        );
        assert_eq!(other(json!({ "sd_model_name": "" })), None);
        assert_eq!(other(json!("")), None, "it does not say");
    }

    #[test]
    fn what_is_no_image_is_not_passed_on() {
        let body = body(&["PGh0bWw+"], json!(""));
        let reply = Reply::parse(&body).expect("parses");
        assert!(reply.image(0, 1).is_err());
    }

    #[test]
    fn base64_is_read_with_a_prefix_and_without_padding() {
        assert_eq!(decode("data:image/png;base64,QUI=").as_deref(), Ok(&b"AB"[..]));
        assert_eq!(decode("QUI").as_deref(), Ok(&b"AB"[..]));
    }
}
