#!/usr/bin/env bash
# Installs what the library's tests of sound need, where it is missing, from Debian: espeak-ng, which speaks, and flac, which
# reads what was encoded.
set -euo pipefail

missing=()
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
command -v flac >/dev/null || missing+=(flac)
if ((${#missing[@]})); then
  root=()
  ((EUID == 0)) || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
