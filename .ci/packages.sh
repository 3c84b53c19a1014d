#!/usr/bin/env bash
# Checks what users build: the dependencies' licences, sources and versions (deny.toml), and that the library compiles from its
# packages alone, with the oldest dependencies that its Cargo.toml allows. Needs no nightly toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."
"${CARGO_TARGET_DIR:-target}/deny/bin/cargo-deny" check bans licenses sources
mkdir -p "${CARGO_TARGET_DIR:-target}"
target="$(realpath "${CARGO_TARGET_DIR:-target}")"
version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
packages=(cekura-trace cekura-trace-macros cekura-cli)
folder="$target/packages"

rm -rf "$folder"
mkdir -p "$folder"
cargo package --quiet --no-verify --allow-dirty "${packages[@]/#/--package=}"
for package in cekura-trace cekura-trace-macros; do
  tar -xzf "$target/package/$package-$version.crate" -C "$folder"
done
cat >"$folder/Cargo.toml" <<END
[workspace]
resolver = "3"
members = ["cekura-trace-$version", "cekura-trace-macros-$version"]

[patch.crates-io]
cekura-trace-macros = { path = "cekura-trace-macros-$version" }
END
cd "$folder"
# An option of the nightly toolchain; nothing is compiled with it.
RUSTC_BOOTSTRAP=1 cargo generate-lockfile --quiet -Z direct-minimal-versions
for features in '' --all-features; do
  CARGO_TARGET_DIR="$target" cargo check --quiet --locked --package cekura-trace $features
done
