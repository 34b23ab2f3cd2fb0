//! The bytes that the fake makes: known in advance, so that a test can compare what came out at the other end.

use sha2::{Digest, Sha256};

/// The size of the pieces in which a file is written.
pub const CHUNK: u64 = 256 * 1024;

/// Part of the text file `index`: byte number n is the letter n + index of the alphabet, round and round.
pub fn letters(index: u32, offset: u64, len: u64) -> Vec<u8> {
    let start = offset + u64::from(index);
    (start..start + len).map(|place| b'a' + (place % 26) as u8).collect()
}

/// A PNG of `side` by `side` pixels, of a colour that depends on `index`.
pub fn square(side: u32, index: u32) -> Result<Vec<u8>, png::EncodingError> {
    let shade = (index.wrapping_mul(37) % 256) as u8;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let pixels: Vec<u8> = (0..side * side).flat_map(|_| [shade, 255 - shade, 128]).collect();
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// The hash of some pieces, in hexadecimal.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// One more piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// All of them.
    pub fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_pieces_are_the_letters_in_one() {
        let whole = letters(3, 0, 100);
        assert_eq!(&whole[..3], b"def");
        assert_eq!([letters(3, 0, 40), letters(3, 40, 60)].concat(), whole);
    }

    #[test]
    fn a_square_is_a_png_of_that_size() {
        let file = square(8, 1).expect("encodes");
        let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info();
        let info = reader.expect("decodes").info().size();
        assert_eq!(info, (8, 8));
    }

    #[test]
    fn a_hash_is_the_well_known_one() {
        let mut hash = Hash::default();
        hash.update(b"a");
        hash.update(b"bc");
        assert!(hash.hex().starts_with("ba7816bf8f01cfea"));
    }
}
