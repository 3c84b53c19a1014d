#!/bin/sh
# Speaks the caller's side of the call: caller.wav (16 kHz, mono, 16 bit) and caller.tsv (start, end, words).
# Needs espeak-ng and sox. The silences matter: caller.rs says what they mean.
set -eu
cd "$(dirname "$0")"
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT

at=0
: > caller.tsv

sum() {
    awk "BEGIN { printf \"%.3f\", $1 + $2 }"
}

silence() {
    at=$(sum "$at" "$1")
    file=$(printf '%s/%s.wav' "$parts" "$(printf '%08.3f' "$at")")
    sox -D -n -r 16000 -c 1 -b 16 "$file" trim 0.0 "$1"
}

say() {
    espeak-ng -v en-us -s 140 -w "$parts/spoken" "$1"
    sox -D -t wav "$parts/spoken" -r 16000 -c 1 -b 16 "$parts/said.wav" norm -3 silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
    length=$(soxi -D "$parts/said.wav")
    end=$(sum "$at" "$length")
    printf '%.2f\t%.2f\t%s\n' "$at" "$end" "$1" >> caller.tsv
    at=$end
    mv "$parts/said.wav" "$(printf '%s/%08.3f.wav' "$parts" "$at")"
}

silence 0.3
say "Hello. I would like an appointment next Tuesday afternoon."
silence 1.6
say "Three o'clock would be best. My name is Anna Miller."
silence 1.0
say "Sorry, four o'clock is fine."
silence 1.6
say "No, thank you. Goodbye."
silence 0.8

sox -D "$parts"/0*.wav caller.wav
