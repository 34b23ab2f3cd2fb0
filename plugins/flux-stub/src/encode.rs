//! From pixels to PNG.

use crate::paint::Picture;

/// A PNG file with a note of what made it, as image tools expect one under the key `parameters`.
pub fn png(picture: &Picture, parameters: Option<&str>) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::with_capacity(picture.bytes.len() / 2);
    let mut encoder = png::Encoder::new(&mut file, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    // Painted grain hardly compresses: more effort would cost a second and save a tenth.
    encoder.set_compression(png::Compression::Fast);
    if let Some(parameters) = parameters {
        encoder.add_itxt_chunk("parameters".into(), parameters.into())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.bytes)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_can_be_decoded() {
        let picture = Picture { width: 3, height: 2, bytes: (0..18).collect() };
        let file = png(&picture, Some("ein Fuchs, 狐")).expect("encodes");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("decodes");
        let mut pixels = vec![0; 18];
        reader.next_frame(&mut pixels).expect("decodes");
        assert_eq!(pixels, picture.bytes);
    }
}
