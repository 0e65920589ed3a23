#!/usr/bin/env bash
# build.sh FOLDER [URL] writes the guide as a site to a folder. It needs mdBook. Links from the guide to other files of the
# repository then lead to URL, such as https://github.com/OWNER/NAME/blob/main, or to the files themselves.
set -euo pipefail
mkdir -p "${1:?expected a folder to write to}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
files=${2:-file://$PWD}

mdbook build docs --dest-dir "$out"
# mdBook takes every Markdown file for a page of its own.
sed -i -E "s#href=\"\.\./\.\./([^\"]*)\.html#href=\"$files/\1.md#g; s#href=\"\.\./\.\./#href=\"$files/#g" "$out"/*.html
# The one HTML file that the guide names.
sed -i "s#$files/assets/report\.md#$files/assets/report.html#g" "$out"/*.html
