#!/usr/bin/env bash
# Measures what recording a call costs: the caller for each frame, the background for each minute, the memory for an hour. Fills
# in docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet --package audio
"${CARGO_TARGET_DIR:-target}/release/audio"
