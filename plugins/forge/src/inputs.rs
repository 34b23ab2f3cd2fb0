//! The pictures that come with a job: `init`, which makes it image to image, and `mask`, which says where.
//!
//! They are inputs and never params: an engine fetches a URL that stands where a picture should, and nobody is to fetch
//! anything through it.

use crate::image::{self, Format};
use crate::problem::{Kind, Problem};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The name of the picture to start from.
pub const INIT: &str = "init";

/// The name of the picture that is white where the other is to be painted anew.
pub const MASK: &str = "mask";

/// The pictures of a job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The picture to start from.
    pub init: Option<Picture>,
    /// Where to paint.
    pub mask: Option<Picture>,
}

/// One picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    /// As the engines take it: base64 without a prefix.
    pub base64: String,
    /// Width and height, where they can be read.
    pub size: Option<(u32, u32)>,
}

/// Whether inputs of these names are what a job can have.
pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Problem> {
    let (mut init, mut mask) = (false, false);
    for name in names {
        match name {
            INIT => init = true,
            MASK => mask = true,
            _ => {
                let message = format!("inputs: unknown input \"{name}\"; use {INIT} or {MASK}");
                return Err(Problem::new(Kind::Invalid, message));
            }
        }
    }
    if mask && !init {
        return Err(Problem::new(Kind::Invalid, format!("inputs: a {MASK} needs an {INIT} to lie on")));
    }
    Ok(())
}

impl Picture {
    /// Of an input's bytes, which have to be a picture's.
    pub fn of(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        if Format::of(bytes).is_none() {
            let message = format!("inputs: {name} is not a PNG, JPEG, WebP, GIF or AVIF picture");
            return Err(Problem::new(Kind::Invalid, message));
        }
        Ok(Self { base64: BASE64_STANDARD.encode(bytes), size: image::size(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_init_alone_and_one_with_a_mask_are_fine() {
        for names in [&[][..], &["init"], &["init", "mask"], &["mask", "init"]] {
            assert_eq!(check_names(names.iter().copied()), Ok(()), "{names:?}");
        }
    }

    #[test]
    fn another_name_and_a_mask_alone_are_refused_by_name() {
        for (names, told) in [(&["init", "photo"][..], "photo"), (&["mask"], "init")] {
            let problem = check_names(names.iter().copied()).expect_err("refused");
            assert_eq!(problem.kind, Kind::Invalid);
            assert!(problem.message.contains(told), "{}", problem.message);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        let problem = Picture::of("mask", b"http://10.0.0.1/secret").expect_err("refused");
        assert_eq!(problem.kind, Kind::Invalid);
        assert!(problem.message.contains("mask"));
    }

    #[test]
    fn a_picture_is_passed_on_as_plain_base64() {
        let picture = Picture::of("init", b"GIF89a\x02\x00\x03\x00\x00\x00").expect("a picture");
        assert_eq!(picture, Picture { base64: "R0lGODlhAgADAAAA".into(), size: Some((2, 3)) });
    }
}
