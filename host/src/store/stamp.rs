//! The data directory remembers which store its files belong to: the wrong pair would sweep away everybody's pictures.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::StoreError;

const FILE: &str = "store-id";

/// Stamps `data` with the store's id, or makes sure that it carries that stamp.
pub(super) fn check(data: &Path, store: &str) -> Result<(), StoreError> {
    let path = data.join(FILE);
    let io = |what| move |error| StoreError::Io { what, path: data.join(FILE), error };
    match fs::read_to_string(&path) {
        Ok(expected) if expected.trim() == store => Ok(()),
        Ok(expected) => Err(StoreError::Mismatch {
            data: data.to_owned(),
            expected: expected.trim().to_owned(),
            found: store.to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Written beside and renamed: a crash here must not leave a stamp that fits no store.
            let new = data.join(".store-id.new");
            let mut file = fs::File::create(&new).map_err(io("cannot write"))?;
            writeln!(file, "{store}").map_err(io("cannot write"))?;
            file.sync_all().map_err(io("cannot write"))?;
            fs::rename(&new, &path).map_err(io("cannot write"))?;
            fs::File::open(data).and_then(|directory| directory.sync_all()).map_err(io("cannot write"))
        }
        Err(error) => Err(io("cannot read")(error)),
    }
}
