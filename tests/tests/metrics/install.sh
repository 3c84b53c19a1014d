#!/usr/bin/env bash
# Makes target/metrics here with Prometheus in it, of this Debian, and VictoriaMetrics of Debian's sid, for older ones do not
# take OTLP. Both are unpacked, not installed, so that no service starts. 120 MB on disk; about half a minute.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder="$(realpath "${CARGO_TARGET_DIR:-target}")/metrics"
binaries=(prometheus/usr/bin/prometheus prometheus/usr/bin/promtool victoria-metrics/usr/bin/victoria-metrics)

missing=0
for binary in "${binaries[@]}"; do
  [[ -x "$folder/$binary" ]] || missing=1
done
((missing)) || exit 0

rm -rf "$folder"
mkdir -p "$folder"/{apt/lists/partial,apt/cache/archives/partial,packages}
root=()
((EUID == 0)) || root=(sudo)
targets() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main'; }
"${root[@]}" apt-get update -qq
# The mirror that this machine uses.
mirror="$(targets | grep -v security | head -n 1)"
echo "deb $mirror sid main" >"$folder/apt/sid.list"
sid=(
  -o "Dir::Etc::SourceList=$folder/apt/sid.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache" -o APT::Sandbox::User=root
)
apt-get "${sid[@]}" update -qq
cd "$folder/packages"
apt-get -o APT::Sandbox::User=root download -qq prometheus
apt-get "${sid[@]}" download -qq victoria-metrics
for package in prometheus victoria-metrics; do
  dpkg-deb -x "$package"_*.deb "$folder/$package"
done
find "$folder/victoria-metrics" -type f ! -name victoria-metrics -delete
rm -rf "$folder/apt" "$folder/packages"
