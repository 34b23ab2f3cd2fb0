use super::*;

fn picture(prompt: &str, seed: u32, width: u32, height: u32) -> Picture {
    let vision = Vision::of(prompt, "", seed, 20);
    Painting::new(&vision, width, height).picture(|| ControlFlow::Continue(()))
}

const PROMPTS: [&str; 12] = [
    "a red fox",
    "snowy mountains at dawn",
    "a boat on the sea at sunset",
    "misty forest with birds",
    "aurora over a lake",
    "golden desert dunes",
    "a cyberpunk city in the rain",
    "a planet in a purple nebula",
    "abstract teal paper",
    "a meadow of flowers with balloons",
    "a black cat under the moon",
    "qwerty",
];

#[test]
fn the_same_asks_for_the_same_picture() {
    for prompt in PROMPTS {
        assert_eq!(picture(prompt, 5, 40, 30), picture(prompt, 5, 40, 30), "{prompt}");
    }
}

#[test]
fn another_prompt_or_seed_is_another_picture() {
    let mut seen = std::collections::HashSet::new();
    for prompt in PROMPTS {
        for seed in [1, 2] {
            assert!(seen.insert(picture(prompt, seed, 40, 30).bytes), "{prompt}");
        }
    }
}

#[test]
fn the_negative_prompt_and_few_steps_show() {
    let with = |negative, steps| {
        let vision = Vision::of("mountains and birds", negative, 1, steps);
        Painting::new(&vision, 64, 64).picture(|| ControlFlow::Continue(()))
    };
    assert_ne!(with("", 20), with("birds", 20));
    assert_ne!(with("", 20), with("", 4));
}

#[test]
fn every_size_has_all_its_pixels_and_is_no_flat_colour() {
    for prompt in PROMPTS {
        for (width, height) in [(16, 16), (16, 200), (200, 16), (64, 48)] {
            let Picture { bytes, .. } = picture(prompt, 1, width, height);
            assert_eq!(bytes.len(), (width * height * 3) as usize);
            let (low, high) = (bytes.iter().min(), bytes.iter().max());
            assert!(high.zip(low).is_some_and(|(high, low)| high - low > 40), "{prompt} {width}x{height}");
        }
    }
}

#[test]
fn red_is_red_and_blue_is_blue() {
    let mean = |prompt: &str| {
        let Picture { bytes, .. } = picture(prompt, 3, 48, 48);
        let sum = bytes.chunks_exact(3).fold([0u32; 3], |sum, pixel| {
            [sum[0] + u32::from(pixel[0]), sum[1] + u32::from(pixel[1]), sum[2] + u32::from(pixel[2])]
        });
        (sum[0], sum[2])
    };
    for scene in ["mountains", "sea", "abstract", "desert"] {
        let (red, blue) = mean(&format!("red {scene}"));
        assert!(red > blue, "red {scene}");
        let (red, blue) = mean(&format!("blue {scene}"));
        assert!(blue > red, "blue {scene}");
    }
}

#[test]
fn it_can_be_left_between_rows() {
    let vision = Vision::of("x", "", 1, 20);
    let mut rows = 0;
    Painting::new(&vision, 32, 32).picture(|| {
        rows += 1;
        if rows > 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(rows, 5);
}

/// With `PAINT_TO=FILE.png`, and perhaps `PAINT="a prompt|another"`, the sheet is large and kept, to be looked at:
/// `cargo test --release -p flux-stub gallery`.
#[test]
fn each_prompt_of_the_gallery_gets_a_picture_of_its_own() {
    let file = std::env::var("PAINT_TO").ok();
    let side: u32 = if file.is_some() { 384 } else { 32 };
    let asked = std::env::var("PAINT").unwrap_or_default();
    let prompts: Vec<&str> = if asked.is_empty() { PROMPTS.to_vec() } else { asked.split('|').collect() };
    let seed = std::env::var("PAINT_SEED").map_or(1, |seed| seed.parse().expect("a seed"));
    let columns = prompts.len().clamp(1, 4);
    let mut sheet = Picture {
        width: side * columns as u32,
        height: side * prompts.len().div_ceil(columns) as u32,
        bytes: Vec::new(),
    };
    let mut painted = Vec::new();
    for row in prompts.chunks(columns) {
        let mut pictures = Vec::new();
        for prompt in row {
            let start = std::time::Instant::now();
            pictures.push(picture(prompt, seed, side, side));
            painted.extend(pictures.last().map(|picture| picture.bytes.clone()));
            println!("{prompt}: {:?}", start.elapsed());
        }
        pictures.resize(columns, Picture { width: side, height: side, bytes: vec![0; (side * side * 3) as usize] });
        for y in 0..side as usize {
            let line = side as usize * 3;
            for picture in &pictures {
                sheet.bytes.extend_from_slice(&picture.bytes[y * line..(y + 1) * line]);
            }
        }
    }
    let encoded = crate::encode::png(&sheet, None).expect("encodes");
    if let Some(file) = file {
        std::fs::write(file, encoded).expect("writes");
    }
    painted.sort();
    painted.dedup();
    assert_eq!(painted.len(), prompts.len(), "two prompts got the same picture");
}
