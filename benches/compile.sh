#!/usr/bin/env bash
# Measures how long an agent of one file takes to compile with this crate, with the stock set-up, and without tracing.
# Takes how many rounds to measure, 3 when left out; each takes minutes and needs 2 GB of disk.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet --package report
target/release/compile "$@"
