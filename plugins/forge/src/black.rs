//! Pictures to their last pixel: whether they are whole, and whether they are black all over, which is what an engine without a
//! check makes when its numbers overflow. It calls both a success, so somebody has to look.

use std::io::Cursor;

use image::{ImageError, ImageReader, Limits};
use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};

use crate::image::Format;

/// What is still black: an encoder or a VAE may leave a trace of noise.
const DARK: u8 = 2;
/// What a picture may take when it is unpacked, in bytes: 16 megapixels. A larger one is delivered without being judged,
/// rather than lost to the memory and the time that looking at it took.
const UNPACKED: u64 = 64 << 20;

/// Whether every pixel is black. None: nobody knows, since it is too large, or of a kind that no engine sends unless it was taught
/// to (GIF, AVIF). An error: it is not a whole picture.
pub fn is_black(bytes: &[u8]) -> Result<Option<bool>, String> {
    match Format::of(bytes) {
        Some(Format::Png) => rows(bytes),
        Some(Format::Jpeg) => {
            // Its decoder makes up what is missing. Neither marker can be among the data of a scan.
            let last = |marker: &[u8]| bytes.windows(2).rposition(|pair| pair == marker);
            if last(b"\xff\xd9") <= last(b"\xff\xda") {
                return Err("the JPEG has no end".into());
            }
            whole(bytes, image::ImageFormat::Jpeg)
        }
        Some(Format::Webp) => whole(bytes, image::ImageFormat::WebP),
        Some(Format::Gif | Format::Avif) | None => Ok(None),
    }
}

/// Row by row.
fn rows(png: &[u8]) -> Result<Option<bool>, String> {
    let mut decoder = Decoder::new(Cursor::new(png));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = match decoder.read_info() {
        Err(DecodingError::LimitsExceeded) => return Ok(None),
        read => read.map_err(|error| error.to_string())?,
    };
    let pixels = u64::from(reader.info().width) * u64::from(reader.info().height);
    if pixels > UNPACKED / 4 {
        return Ok(None);
    }
    let (color, depth) = reader.output_color_type();
    let colours = match color {
        _ if depth != BitDepth::Eight => return Ok(None),
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba => 3,
        ColorType::Indexed => return Ok(None),
    };
    let mut black = true;
    while let Some(row) = reader.next_row().map_err(|error| error.to_string())? {
        let bright = |pixel: &[u8]| pixel.iter().take(colours).any(|value| *value > DARK);
        black = black && !row.data().chunks_exact(color.samples()).any(bright);
    }
    reader.finish().map_err(|error| error.to_string())?;
    Ok(Some(black))
}

/// All at once: what these two unpack depends on what came before.
fn whole(bytes: &[u8], format: image::ImageFormat) -> Result<Option<bool>, String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(UNPACKED);
    reader.limits(limits);
    match reader.decode() {
        Ok(pixels) => Ok(Some(pixels.into_rgb8().as_raw().iter().all(|value| *value <= DARK))),
        Err(ImageError::Limits(_) | ImageError::Unsupported(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
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
        assert_eq!(is_black(&png(ColorType::Rgb, &[0; 12])), Ok(Some(true)));
        assert_eq!(is_black(&png(ColorType::Grayscale, &[0, 1, 2, 0])), Ok(Some(true)));
        let opaque = [0, 0, 0, 255].repeat(4);
        assert_eq!(is_black(&png(ColorType::Rgba, &opaque)), Ok(Some(true)));
    }

    #[test]
    fn one_bright_pixel_is_enough() {
        let mut data = [0; 12];
        data[11] = 40;
        assert_eq!(is_black(&png(ColorType::Rgb, &data)), Ok(Some(false)));
    }

    fn painted(format: image::ImageFormat, colour: [u8; 3]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::from_pixel(16, 16, image::Rgb(colour)).write_to(&mut bytes, format).expect("an image");
        bytes.into_inner()
    }

    #[test]
    fn jpeg_and_webp_are_judged_as_png_is() {
        for format in [image::ImageFormat::Jpeg, image::ImageFormat::WebP] {
            assert_eq!(is_black(&painted(format, [0; 3])), Ok(Some(true)), "{format:?}");
            assert_eq!(is_black(&painted(format, [0, 0, 80])), Ok(Some(false)), "{format:?}");
        }
    }

    #[test]
    fn a_picture_that_is_cut_off_anywhere_is_not_a_whole_one() {
        let noise: Vec<u8> = (0..12_u8).map(|at| at.wrapping_mul(89)).collect();
        let jpeg = painted(image::ImageFormat::Jpeg, [9, 90, 200]);
        for whole in [png(ColorType::Rgb, &noise), jpeg, painted(image::ImageFormat::WebP, [9, 90, 200])] {
            assert_eq!(is_black(&whole), Ok(Some(false)));
            // The last byte may be padding.
            for length in 12..whole.len() - 1 {
                let told = is_black(&whole[..length]);
                assert!(told.is_err(), "{length} of {} bytes: {told:?}", whole.len());
            }
        }
        assert_eq!(is_black(b"GIF89a"), Ok(None), "nobody looks at those");
    }

    #[test]
    fn a_picture_too_large_to_unpack_is_not_judged() {
        // The header of a JPEG of 65,500 × 65,500 pixels.
        let mut huge = painted(image::ImageFormat::Jpeg, [0; 3]);
        let frame = huge.windows(2).position(|bytes| bytes == [0xff, 0xc0]).expect("a frame") + 5;
        huge[frame..frame + 4].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert_eq!(is_black(&huge), Ok(None));

        let mut black = Vec::new();
        let mut encoder = png::Encoder::new(&mut black, 4_097, 4_096);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::One);
        encoder.write_header().expect("a header").write_image_data(&[0; 513 * 4_096]).expect("an image");
        assert_eq!(is_black(&black), Ok(None));
    }
}
