#!/usr/bin/env bash
# Measures what metrics and redaction cost the worker for each span, prints a table and fills it into docs/performance.md. Takes how
# many rounds to measure, 31 when left out. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet --package ours --package receiver --package report --features ours/redact
target/release/parts "$@"
