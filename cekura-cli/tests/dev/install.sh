#!/usr/bin/env bash
# Makes target/dev here with OpenTelemetry's own exporters for Python, which send to `cekura dev` as agents in Python do, and with
# pipecat and LiveKit's agents, whose own code names their spans' attributes. Half a minute; 80 MB on disk.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder="$(realpath "${CARGO_TARGET_DIR:-target}")/dev"
# Written last: a folder without it is one whose making was interrupted.
[[ "$(cat "$folder/made" 2>/dev/null)" == "$(sha256sum cekura-cli/tests/dev/install.sh | cut -d' ' -f1)" ]] && exit 0

rm -rf "$folder"
root=()
((EUID == 0)) || root=(sudo)
if ! python3 -c 'import ensurepip' 2>/dev/null; then
  "${root[@]}" apt-get update -qq
  "${root[@]}" apt-get install -qq --yes python3-venv >/dev/null
fi
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
  opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp==1.45.2
# Only the files that name their span attributes are used of these.
"$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
  livekit-agents==1.8.9 pipecat-ai==1.14.0
sha256sum cekura-cli/tests/dev/install.sh | cut -d' ' -f1 >"$folder/made"
