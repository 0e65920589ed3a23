#!/usr/bin/env bash
# Makes the peers' Python environment under the user's cache if it is not there, then compares: `just bench-peers`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/speech-commands/peers

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "making the peers' environment in $venv: PyTorch alone is hundreds of megabytes" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --retries 1 --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/"
fi
exec "$venv/bin/python" "$here/bench_peers.py" "$@"
