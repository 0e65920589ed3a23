#!/bin/sh
# sbom.sh PROGRAM [OPTION...] prints the crates linked into a program of the image, so without macros, as CycloneDX.
# Options go to cargo tree. It knows the features of this build; cargo-cyclonedx would list three times as many crates.
set -eu

version=$(cargo pkgid --locked -p "$1" | sed 's/.*[#@]//')
crates=$(cargo tree --locked -p "$@" -e normal,no-proc-macro --prefix none --format '{p}|{l}')
cat <<JSON
{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
 "metadata": {"component": {"type": "application", "name": "$1", "version": "$version"}},
 "components": [
JSON
printf '%s\n' "$crates" \
    | grep -v '(/' | sed 's/ (\*)$//; s/ v/|/' | sort -u \
    | awk -F '|' '{
        gsub("/", " OR ", $3)
        printf "%s  {\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", \"purl\": \"pkg:cargo/%s@%s\",", comma, $1, $2, $1, $2
        printf " \"licenses\": [{\"expression\": \"%s\"}]}", $3
        comma = ",\n"
    }'
echo ']}'
