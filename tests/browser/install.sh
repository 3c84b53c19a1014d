#!/usr/bin/env bash
# Installs what the tests of the page need, where it is missing: Chromium and node from Debian, the driver below target/.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if ((${#missing[@]})); then
  root=()
  ((EUID == 0)) || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

driver=playwright-core@1.56.0
folder="${CARGO_TARGET_DIR:-target}/browser"
if [[ "$(cat "$folder/installed" 2>/dev/null)" != "$driver" ]]; then
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error "$driver" >/dev/null
  echo "$driver" >"$folder/installed"
fi
