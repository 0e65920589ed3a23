#!/usr/bin/env bash
# site.sh FOLDER writes the page as static files, which answer on the visitor's device. Any web space serves them, in a
# folder of any name. Other files in the folder stay.
set -euo pipefail
mkdir -p "${1:?expected a folder to write to}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../.."

if [ -n "$(ls -A "$out")" ] && [ ! -e "$out/files.json" ]; then
    echo "$out holds other files: name a new folder, an empty one, or one that has the page already" >&2
    exit 1
fi
page=$(mktemp -d)
trap 'rm -rf "$page"' EXIT
cp -rL assets/web/. assets/model.safetensors assets/report.json "$page"
cd "$page"
# What a browser keeps for when there is no network; the server makes this list too.
files=$(find . -type f ! -name model.safetensors | sed 's|^\./||' | LC_ALL=C sort)
version=$(echo "$files" | xargs sha256sum | sha256sum | cut -c 1-16)
list=$(echo "$files" | sed 's|^index.html$|./|; s|.*|"&"|' | paste -sd ,)
printf '{"version":"%s","files":[%s]}\n' "$version" "$list" > files.json
cd "$out"
if [ -e files.json ]; then
    tr '[],' '\n' < files.json | sed -n 's|^"\./"$|"index.html"|; s|^"\(.*\)"$|\1|p' | tr '\n' '\0' | xargs -0 rm -f --
fi
# The list comes first: if this is killed, the next call knows what is the page's.
cp "$page/files.json" .
cp -r "$page/." .
