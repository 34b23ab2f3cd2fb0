//! What kind of image some bytes are. The engine's settings decide (`samples_format`), and no field of its reply says.

use exif::{In, Tag};
use std::io::Cursor;

/// A kind of image that a browser shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// AVIF.
    Avif,
}

impl Format {
    /// By the first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if at(0, b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if at(0, b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Some(Self::Webp)
        } else if at(0, b"GIF8") {
            Some(Self::Gif)
        } else if at(4, b"ftypavif") || at(4, b"ftypavis") {
            Some(Self::Avif)
        } else {
            None
        }
    }

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// The media type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }
}

/// Width and height, where the bytes say so: of the picture as it is shown, which is how the engines turn it.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = imagesize::blob_size(bytes).ok()?;
    let (width, height) = (size.width.try_into().ok()?, size.height.try_into().ok()?);
    Some(if lies_on_its_side(bytes) { (height, width) } else { (width, height) })
}

/// Whether a camera was held upright when it took this, and noted so (EXIF).
fn lies_on_its_side(bytes: &[u8]) -> bool {
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(bytes));
    let turn = exif.ok().and_then(|exif| exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0));
    turn.is_some_and(|turn| (5..=8).contains(&turn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for (bytes, format) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some(Format::Png)),
            (b"\xff\xd8\xff\xe0", Some(Format::Jpeg)),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some(Format::Webp)),
            (b"GIF89a", Some(Format::Gif)),
            (b"\0\0\0\x1cftypavif", Some(Format::Avif)),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(Format::of(bytes), format, "{bytes:?}");
        }
    }

    /// EXIF with nothing in it but an orientation.
    fn orientation(turn: u8) -> Vec<u8> {
        [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[turn, 0, 0, 0, 0, 0, 0, 0]].concat()
    }

    /// Pictures of 300 by 200 pixels with that, as far as their sizes are told.
    fn turned(turn: u8) -> [Vec<u8>; 3] {
        let exif = orientation(turn);
        let length = u16::try_from(exif.len()).expect("short");
        let segment = [&b"\xff\xe1"[..], &(length + 8).to_be_bytes(), b"Exif\0\0", &exif].concat();
        let frame = b"\xff\xc0\0\x0b\x08\0\xc8\x01\x2c\x01\x01\x11\0\xff\xda\0\x02\xff\xd9";
        let jpeg = [&b"\xff\xd8"[..], &segment, frame].concat();
        let chunk = |name: &[u8], data: &[u8]| {
            [&u32::try_from(data.len()).expect("short").to_be_bytes()[..], name, data, &[0; 4]].concat()
        };
        let header = chunk(b"IHDR", b"\0\0\x01\x2c\0\0\0\xc8\x08\x02\0\0\0");
        let png = [&b"\x89PNG\r\n\x1a\n"[..], &header, &chunk(b"eXIf", &exif), &chunk(b"IEND", b"")].concat();
        let piece =
            |name: &[u8], data: &[u8]| [name, &u32::try_from(data.len()).expect("short").to_le_bytes(), data].concat();
        let canvas = piece(b"VP8X", b"\x08\0\0\0\x2b\x01\0\xc7\0\0");
        let webp = piece(b"RIFF", &[&b"WEBP"[..], &canvas, &piece(b"EXIF", &exif)].concat());
        [jpeg, png, webp]
    }

    #[test]
    fn the_sides_of_a_picture_that_lies_on_its_side_are_swapped() {
        for turn in 1..=8 {
            let sides = if turn < 5 { (300, 200) } else { (200, 300) };
            assert_eq!(turned(turn).map(|picture| size(&picture)), [Some(sides); 3], "orientation {turn}");
        }
        assert_eq!(turned(9).map(|picture| size(&picture)), [Some((300, 200)); 3], "there is no such orientation");
    }

    #[test]
    fn the_size_of_a_png_is_read_and_of_half_a_one_not() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        assert_eq!(size(&png), None);
        png.extend([0, 0, 2, 0, 0, 0, 1, 0]);
        assert_eq!(size(&png), Some((512, 256)));
    }
}
