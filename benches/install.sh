#!/usr/bin/env bash
# Installs what the gates count with, where it is missing, from Debian: valgrind.
set -euo pipefail

if ! command -v valgrind >/dev/null; then
  root=()
  ((EUID == 0)) || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends valgrind >/dev/null
fi
