//! Builds the guests (`../plugins`) for wasm32-wasip2, so that one `cargo build` gives a whole host.
//!
//! Cargo runs inside cargo here, which asks for three cares. A target directory of its own (`TARGET/guests`), because
//! the outer cargo holds the lock of the usual one. None of the outer build's flags, wrappers and profiles: they are
//! meant for another machine, and clippy would lint the guests as part of the host. And a compiler that has the target:
//! the toolchain's own where rustup could install it, else the one that `scripts/wasm-target.sh` prepared.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";

/// Settings of cargo that say how to reach things rather than how to build them, or that share out the cores.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_MAKEFLAGS",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];

fn main() -> ExitCode {
    match build_guests() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one line that matters: cargo prints it below everything else that this script said.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build_guests() -> Result<(), Box<dyn Error>> {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let root = host.parent().ok_or("the host's directory has no parent")?;
    let plugins = root.join("plugins");
    watch(root, &plugins)?;

    // OUT_DIR is TARGET/PROFILE/build/PACKAGE/out.
    let guests = out.ancestors().nth(4).ok_or("OUT_DIR is not in a target directory")?.join("guests");
    let rustc = rustc_with_the_target().ok_or_else(|| {
        format!("no rustc with the target {TARGET}: run scripts/wasm-target.sh, or `rustup target add {TARGET}`")
    })?;
    cargo_build(&rustc, &plugins, &guests)?;

    let built = guests.join(TARGET).join("release");
    embed(&built, &out, "flux_stub.wasm", "EASEL_GUEST_FLUX_STUB")?;
    embed(&built, &out, "forge.wasm", "EASEL_GUEST_FORGE")?;
    // Only the unit tests read it, from where it is.
    println!("cargo:rustc-env=EASEL_GUEST_FAKES={}", built.join("fakes.wasm").display());
    Ok(())
}

/// Names what the guests are made of. Not `plugins` as a whole: a target directory in there would always look changed.
fn watch(root: &Path, plugins: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=EASEL_GUEST_RUSTC");
    println!("cargo:rerun-if-changed=build.rs");
    let mut watched = vec![root.join("wit"), plugins.join("Cargo.toml"), plugins.join("Cargo.lock")];
    let entries = plugins.read_dir().map_err(|error| format!("cannot read {}: {error}", plugins.display()))?;
    for entry in entries {
        let member = entry?.path();
        if member.join("Cargo.toml").is_file() {
            watched.extend([member.join("Cargo.toml"), member.join("src")]);
        }
    }
    for path in watched {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    Ok(())
}

/// The first compiler that can build guests: the one that was named, this build's, Debian's.
fn rustc_with_the_target() -> Option<PathBuf> {
    let named = env::var_os("EASEL_GUEST_RUSTC").filter(|path| !path.is_empty());
    let candidates = [named, env::var_os("RUSTC"), Some(OsString::from("/usr/bin/rustc"))];
    candidates.into_iter().flatten().map(PathBuf::from).find(|rustc| has_the_target(rustc))
}

/// Whether the standard library for the target is there. `rustc` names the directory also when it is not.
fn has_the_target(rustc: &Path) -> bool {
    let Ok(output) = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output() else {
        return false;
    };
    let directory = String::from_utf8_lossy(&output.stdout);
    let Ok(entries) = Path::new(directory.trim()).read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn cargo_build(rustc: &Path, plugins: &Path, guests: &Path) -> Result<(), Box<dyn Error>> {
    // A compiler and the cargo beside it belong together; Debian's rustc and rustup's cargo may not.
    let beside = rustc.parent().map(|bin| bin.join("cargo")).filter(|cargo| cargo.is_file());
    let cargo = match beside {
        Some(cargo) => cargo,
        None => PathBuf::from(variable("CARGO")?),
    };
    let mut command = Command::new(&cargo);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let builds = text.starts_with("CARGO") || text.starts_with("RUSTC") || text.starts_with("RUSTFLAGS");
        if builds && !KEPT.iter().any(|kept| text.starts_with(kept)) {
            command.env_remove(&name);
        }
    }
    command
        .current_dir(plugins)
        .env("RUSTC", rustc)
        .args(["build", "--release", "--locked", "--workspace", "--target", TARGET, "--target-dir"])
        .arg(guests);
    let status = command.status().map_err(|error| format!("cannot run {}: {error}", cargo.display()))?;
    if status.success() { Ok(()) } else { Err(format!("the guests in {} do not build", plugins.display()).into()) }
}

/// Copies a guest to where `include_bytes!` finds it, whatever becomes of the guests' target directory later.
fn embed(built: &Path, out: &Path, file: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let (from, to) = (built.join(file), out.join(file));
    std::fs::copy(&from, &to)
        .map_err(|error| format!("cannot copy {} to {}: {error}", from.display(), to.display()))?;
    println!("cargo:rustc-env={name}={}", to.display());
    Ok(())
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("{name} is not set: run this through cargo"))
}
