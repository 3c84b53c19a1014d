#!/usr/bin/env bash
# Measures what a span costs with this crate and with others, prints tables, and draws docs/performance.svg. Takes how
# many rounds to measure, 31 when left out. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")"
# The peers alone, so that nothing of ours is built with features that only they ask for.
cargo build --release --quiet --package ours --package receiver --package report
cargo build --release --quiet --package peers
target/release/caller "$@"
target/release/conversations "$@"
