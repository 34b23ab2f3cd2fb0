#!/bin/sh
# Lints what the plugins do on the wasm target only; natively, cfg hides it. The first argument is the target directory.
# Debian's rustc, which is used where rustup does not reach its server, has no clippy: then this half is not linted, and it says so.
set -eu
bin=$(dirname "$(sh "$(dirname "$0")/wasm-target.sh")")
if [ ! -x "$bin/cargo-clippy" ]; then
  echo "NOT LINTED: the wasm half of the plugins; there is no clippy in $bin" >&2; exit 0
fi
cd "$(dirname "$0")/../plugins"
PATH="$bin:$PATH" exec cargo clippy --workspace --locked --target wasm32-wasip2 --target-dir "$1" -- -D warnings
