//! What the configuration promises, one sentence each. Nothing here reads or changes the environment of the process.

mod layers;
mod rules;

use tempfile::TempDir;

use super::*;

/// What `load` makes of a file with this text and of this environment.
fn load_with(toml: &str, environment: &[(&str, &str)], flags: &Overrides) -> Result<Config, String> {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("easel.toml");
    std::fs::write(&file, toml).expect("a file");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::layered(Some(&file), environment, flags)
        .map_err(|error| error.to_string().replace(directory.path().to_str().expect("UTF-8"), "DIR"))
}

fn load(toml: &str) -> Result<Config, String> {
    load_with(toml, &[], &Overrides::default())
}

fn refused(toml: &str) -> String {
    load(toml).expect_err("is refused")
}

fn forge(url: &str) -> Overrides {
    Overrides { forge: Some(url.parse().expect("a URL")), ..Overrides::default() }
}

/// A valid backend, to which a test adds the line that it is about.
const FORGE: &str = "[backend.forge]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\n";

fn with_forge(line: &str) -> String {
    format!("{FORGE}{line}\n")
}
