#!/usr/bin/env bash
# run.sh [OPTION...] compares the project with its peers; `just bench-peers` runs it. The first run makes the peers' Python
# environment in the user's cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/speech-commands/peers

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "making the peers' environment in $venv: PyTorch alone is hundreds of megabytes" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --retries 1 --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/"
fi
# The Python package, of this checkout.
"$venv/bin/pip" install --quiet "$here/../crates/sc-python"
exec "$venv/bin/python" "$here/bench_peers.py" "$@"
