#!/usr/bin/env bash
# page.sh compiles the engine of the page anew, into assets/web/device. page.sh --check says if that is due.
set -euo pipefail
cd "$(dirname "$0")/../../.."
digest_file=assets/device.sha256

# The crates that the engine links, with versions and features. A release's version changes nothing in it.
crates() {
    cargo tree --locked -p sc-web --target wasm32-unknown-unknown -e normal --prefix none -f '{p} {f}' |
        sed 's/ ([^)]*)//g; /^sc-/s/ v[^ ]*//' | LC_ALL=C sort -u
}

# All that the engine is made from: sources, crates, and how they are compiled.
sources() {
    find crates/sc-data/src crates/sc-model/src crates/sc-model/build.rs crates/sc-web/src crates/sc-web/scripts/package.sh \
        rust-toolchain.toml -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum &&
        crates && sed -n '/^\[profile\.\(release\|image\|web\)/,/^$/p' Cargo.toml
}

digest() {
    sources | sha256sum | cut -d ' ' -f 1
}

if [ "${1:-}" = --check ]; then
    digest=$(digest)
    [ "$digest" = "$(cat "$digest_file")" ] || { echo "assets/web/device is older than its sources: run just web" >&2; exit 1; }
    exit
fi
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
crates/sc-web/scripts/package.sh "$package"
rm -rf assets/web/device/simd assets/web/device/relaxed
cp -r "$package/simd" "$package/relaxed" assets/web/device
digest > "$digest_file"
