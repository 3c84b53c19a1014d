#!/usr/bin/env bash
# Measures what a span costs with this crate and with others, prints tables, draws docs/performance.svg and fills in
# docs/performance.md. Takes how many rounds to measure, 31 when left out. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")"
build() {
  cargo build --release --quiet --package ours --package receiver --package report "$@"
}

# Each feature off in turn.
all=(grpc http local ring)
for feature in "${all[@]}"; do
  others=("${all[@]/$feature/}")
  build --no-default-features --features "$(printf 'ours/%s\n' "${others[@]}" | grep -v '/$' | paste -sd,)"
  for program in ours ours-allocations; do
    cp "target/release/$program" "target/release/${program/ours/ours-no-$feature}"
  done
done
build
# Alone, so that nothing of ours is built with features that only they ask for.
cargo build --release --quiet --package peers
target/release/caller "$@"
target/release/conversations "$@"
