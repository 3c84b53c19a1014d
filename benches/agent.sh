#!/usr/bin/env bash
# Measures what a whole agent feels: the example voice_agent with tracing on and off, a call each in turn. Takes how
# many rounds to measure, 31 when left out; each takes eleven seconds.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet --package receiver --package report
cargo build --release --quiet --manifest-path ../Cargo.toml --package cekura-trace-examples --example voice_agent
target/release/agent "$@"
