#!/bin/sh
# licences.sh OPTION... prints the licences of the crates that cargo tree lists as linked into the programs, so without
# macros: first the list of crates, then each text once. GLIBC_SOURCE says where the source of this machine's glibc is,
# if programs hold it.
set -eu

texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT

crates=$(cargo tree --locked "$@" -e normal,no-proc-macro --prefix none --format '{p}|{l}' \
    | grep -v -e '(/' -e '^$' | sed 's/ (\*)$//' | sort -u)
echo "$crates" | sed 's/|/  /'
if [ -n "${GLIBC_SOURCE:-}" ]; then
    echo "$(getconf GNU_LIBC_VERSION), in programs for Linux  LGPL-2.1-or-later, source: $GLIBC_SOURCE"
fi

echo "$crates" | while IFS=' |' read -r name version _; do
    crate=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name-${version#v}")
    find "$crate" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort \
        | while read -r text; do
            digest=$(sha256sum < "$text" | cut -c 1-16)
            cp "$text" "$texts/$digest.text"
            echo "$name $version: $(basename "$text")" >> "$texts/$digest.of"
        done
done
for of in "$texts"/*.of; do
    printf '\n---- '
    paste -s -d ',' "$of" | sed 's/,/, /g'
    echo
    cat "${of%.of}.text"
done
