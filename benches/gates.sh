#!/usr/bin/env bash
# Fails where a span costs its caller more, or less, than gates.txt says. `gates.sh update` writes that file anew.
# Counts only what is exact: no time.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet --package ours --package receiver --package report
target/release/gates "$@"
