#!/usr/bin/env bash
# package.sh FOLDER makes the npm package in FOLDER: the engine in two builds, the model, and the JavaScript around them.
# It needs `rustup target add wasm32-unknown-unknown` and wasm-bindgen of the version in Cargo.lock.
set -euo pipefail
mkdir -p "${1:?expected a folder to write to}"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../.."
target=${CARGO_TARGET_DIR:-$PWD/target}

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    echo "wasm-bindgen $version is not installed: cargo install wasm-bindgen-cli --version $version" >&2
    exit 1
fi

# build NAME TARGET_FEATURES [OPTION...] compiles the recogniser for engines with those features.
build() {
    RUSTFLAGS="-C target-feature=$2" cargo build --locked --profile web \
        --target wasm32-unknown-unknown --target-dir "$target" -p sc-web "${@:3}"
    wasm-bindgen --target web --no-typescript --remove-name-section --out-dir "$out/$1" "$target/wasm32-unknown-unknown/web/sc_web.wasm"
}

build simd +simd128
build relaxed +simd128,+relaxed-simd --features relaxed-simd
cp crates/sc-web/js/* LICENSE-* assets/model.safetensors "$out"
docker/licences.sh -p sc-web --target wasm32-unknown-unknown > "$out/THIRD-PARTY.txt"
# Everything has the version in Cargo.toml. npm's provenance asks for the repository that makes the package.
fields="\"version\": \"$(.ci/version)\","
if [ -n "${GITHUB_REPOSITORY:-}" ]; then
    fields+=" \"repository\": { \"type\": \"git\", \"url\": \"git+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git\" },"
fi
sed "s|\"version\": .*|$fields|" crates/sc-web/js/package.json > "$out/package.json"
