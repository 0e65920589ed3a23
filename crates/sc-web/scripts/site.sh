#!/usr/bin/env bash
# site.sh FOLDER writes the page as static files, which answer on the visitor's device. Any web space serves them, in a
# folder of any name.
set -euo pipefail
mkdir -p "${1:?expected a folder to write to}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../.."

if [ -n "$(ls -A "$out")" ] && [ ! -e "$out/files.json" ]; then
    echo "$out holds other files: name a new folder, an empty one, or one that has the page already" >&2
    exit 1
fi
rm -rf "${out:?}"/*
cp -rL assets/web/. assets/model.safetensors assets/report.json "$out"
cd "$out"
# What a browser keeps for when there is no network; the server makes this list too.
files=$(find . -type f ! -name model.safetensors ! -name files.json | sed 's|^\./||' | LC_ALL=C sort)
version=$(echo "$files" | xargs sha256sum | sha256sum | cut -c 1-16)
list=$(echo "$files" | sed 's|^index.html$|./|; s|.*|"&"|' | paste -sd ,)
printf '{"version":"%s","files":[%s]}\n' "$version" "$list" > files.json
