//! Pictures that are black all over: what an engine without a check makes when its numbers overflow. It calls them a
//! success, so somebody has to look.

use std::io::Cursor;

use image::{ImageReader, Limits};
use png::{BitDepth, ColorType, Decoder, Transformations};

use crate::image::Format;

/// What is still black: an encoder or a VAE may leave a trace of noise.
const DARK: u8 = 2;
/// What a picture may take when it is unpacked, in bytes: 16 megapixels. A larger one is delivered without being judged,
/// rather than lost to the memory that looking at it took.
const UNPACKED: u64 = 64 << 20;

/// Whether every pixel is black. None: the bytes cannot be read as the picture that they say they are, or are of a kind that
/// no engine sends unless it was taught to (GIF, AVIF), so nobody knows.
pub fn is_black(bytes: &[u8]) -> Option<bool> {
    match Format::of(bytes)? {
        Format::Png => rows(bytes),
        Format::Jpeg => whole(bytes, image::ImageFormat::Jpeg),
        Format::Webp => whole(bytes, image::ImageFormat::WebP),
        Format::Gif | Format::Avif => None,
    }
}

/// Row by row, and no further than the first bright one: most pictures are judged by their first.
fn rows(png: &[u8]) -> Option<bool> {
    let mut decoder = Decoder::new(Cursor::new(png));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().ok()?;
    let (color, depth) = reader.output_color_type();
    if depth != BitDepth::Eight {
        return None;
    }
    let colours = match color {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba => 3,
        ColorType::Indexed => return None,
    };
    while let Some(row) = reader.next_row().ok()? {
        let bright = |pixel: &[u8]| pixel.iter().take(colours).any(|value| *value > DARK);
        if row.data().chunks_exact(color.samples()).any(bright) {
            return Some(false);
        }
    }
    Some(true)
}

/// All at once: what these two unpack depends on what came before.
fn whole(bytes: &[u8], format: image::ImageFormat) -> Option<bool> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(UNPACKED);
    reader.limits(limits);
    let pixels = reader.decode().ok()?.into_rgb8();
    Some(pixels.as_raw().iter().all(|value| *value <= DARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(color: ColorType, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
        encoder.set_color(color);
        encoder.write_header().expect("a header").write_image_data(data).expect("an image");
        bytes
    }

    #[test]
    fn a_picture_without_any_light_is_black() {
        assert_eq!(is_black(&png(ColorType::Rgb, &[0; 12])), Some(true));
        assert_eq!(is_black(&png(ColorType::Grayscale, &[0, 1, 2, 0])), Some(true));
        let opaque = [0, 0, 0, 255].repeat(4);
        assert_eq!(is_black(&png(ColorType::Rgba, &opaque)), Some(true));
    }

    #[test]
    fn one_bright_pixel_is_enough() {
        let mut data = [0; 12];
        data[11] = 40;
        assert_eq!(is_black(&png(ColorType::Rgb, &data)), Some(false));
    }

    fn painted(format: image::ImageFormat, colour: [u8; 3]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::from_pixel(16, 16, image::Rgb(colour)).write_to(&mut bytes, format).expect("an image");
        bytes.into_inner()
    }

    #[test]
    fn jpeg_and_webp_are_judged_as_png_is() {
        for format in [image::ImageFormat::Jpeg, image::ImageFormat::WebP] {
            assert_eq!(is_black(&painted(format, [0; 3])), Some(true), "{format:?}");
            assert_eq!(is_black(&painted(format, [0, 0, 80])), Some(false), "{format:?}");
        }
    }

    #[test]
    fn of_what_cannot_be_read_nobody_knows() {
        assert_eq!(is_black(b"\xff\xd8\xff\xe0"), None);
        assert_eq!(is_black(b"GIF89a"), None);
        for whole in [png(ColorType::Rgb, &[0; 12]), painted(image::ImageFormat::WebP, [0; 3])] {
            assert_eq!(is_black(&whole[..whole.len() / 2]), None, "cut off");
        }
    }

    #[test]
    fn a_picture_too_large_to_unpack_is_not_judged() {
        // The header of a JPEG of 65,500 × 65,500 pixels.
        let mut huge = painted(image::ImageFormat::Jpeg, [0; 3]);
        let frame = huge.windows(2).position(|bytes| bytes == [0xff, 0xc0]).expect("a frame") + 5;
        huge[frame..frame + 4].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert_eq!(is_black(&huge), None);
    }
}
