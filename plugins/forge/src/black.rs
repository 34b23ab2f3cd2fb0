//! Pictures that are black all over: what an engine without a check makes when its numbers overflow. It calls them a
//! success, so somebody has to look.

use png::{BitDepth, ColorType, Decoder, Transformations};
use std::io::Cursor;

/// What is still black: an encoder or a VAE may leave a trace of noise.
const DARK: u8 = 2;

/// Whether every pixel is black. None: the bytes are no PNG that can be read, so nobody knows.
pub fn is_black(bytes: &[u8]) -> Option<bool> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
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
    // Row by row, and no further than the first bright one: most pictures are judged by their first.
    while let Some(row) = reader.next_row().ok()? {
        let bright = |pixel: &[u8]| pixel.iter().take(colours).any(|value| *value > DARK);
        if row.data().chunks_exact(color.samples()).any(bright) {
            return Some(false);
        }
    }
    Some(true)
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

    #[test]
    fn of_what_is_no_png_nobody_knows() {
        assert_eq!(is_black(b"\xff\xd8\xff\xe0"), None);
        let whole = png(ColorType::Rgb, &[0; 12]);
        assert_eq!(is_black(&whole[..40]), None, "cut off");
    }
}
