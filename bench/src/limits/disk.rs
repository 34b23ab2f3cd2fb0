//! What it takes to have something on the disk.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use super::RUNS;
use crate::statistics::Spread;

const WRITES: usize = 200;

pub fn sync(directory: &Path) -> anyhow::Result<Spread> {
    let mut file = File::create(directory.join("sync"))?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut times = Vec::new();
        for _ in 0..WRITES {
            let begun = Instant::now();
            file.write_all(&[7; 4096])?;
            file.sync_data()?;
            times.push(begun.elapsed().as_secs_f64());
        }
        runs.push(times);
    }
    Ok(Spread::of_quantiles(&mut runs, 0.5))
}
