#!/bin/sh
# Packs an executable as a release: easel-VERSION-TARGET.tar.gz, with what a user needs beside it, and its checksum. Both lie in
# the directory that is named second, or in target/archives.
set -eu
cd "$(dirname "$0")/.."
easel=${1:?"usage: scripts/archive.sh EXECUTABLE [DIRECTORY]"}
into=${2:-target/archives}
version=$("$easel" --version | cut -d' ' -f2)
target=$(rustc -vV | sed -n 's/^host: //p')
name=easel-$version-$target
rm -rf "${into:?}/$name"
mkdir -p "$into/$name"
cp "$easel" LICENSE README.md CHANGELOG.md SECURITY.md "$into/$name/"
cp -R docs wit "$into/$name/"
tar -C "$into" -czf "$into/$name.tar.gz" "$name"
rm -r "${into:?}/$name"
if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi
(cd "$into" && $sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "$into/$name.tar.gz"
