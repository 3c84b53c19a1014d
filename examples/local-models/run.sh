#!/bin/sh
# Runs the example voice_agent against real models on this machine: ./run.sh [recording.wav]
# ./run.sh stopwatch compares the trace's first-token times with a stopwatch's instead.
# PORT (8093) is where front.py listens; one that already listens there is used and left running.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-8093}
url=http://127.0.0.1:$port

healthy() { curl --silent --fail --noproxy "*" --output /dev/null "$url/health"; }

[ -d "$here/.venv" ] || { echo "Run install.sh first." >&2; exit 1; }
if ! healthy; then
    HF_HUB_OFFLINE=1 "$here/.venv/bin/python" "$here/front.py" --port "$port" > "$here/front.log" 2>&1 &
    front=$!
    trap 'kill "$front" 2>/dev/null && wait "$front" || true' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    echo "Loading the models"
    until healthy; do
        kill -0 "$front" 2>/dev/null || { cat "$here/front.log" >&2; exit 1; }
        sleep 0.2
    done
fi

export OPENAI_BASE_URL="$url/v1" OPENAI_API_KEY=local NO_PROXY=127.0.0.1
export TRANSCRIPTION_MODEL=whisper-tiny.en CHAT_MODEL=smollm2-135m-instruct SPEECH_MODEL=piper-en_US-joe
manifest=$here/../Cargo.toml
case ${1-} in
stopwatch) cargo test --manifest-path "$manifest" --example voice_agent -- --ignored --nocapture stopwatch ;;
*) cargo run --manifest-path "$manifest" --example voice_agent -- "$@" ;;
esac
