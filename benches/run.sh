#!/usr/bin/env bash
# Measures what a span costs with this crate and with others, prints tables, and draws docs/performance.svg. Takes how
# many rounds to measure, 31 when left out. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")"
# Each alone, so that none is built with features that only another one asks for.
for member in ours peers receiver report; do
  cargo build --release --quiet --package "$member"
done
target/release/caller "$@"
