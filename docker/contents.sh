#!/bin/sh
# contents.sh FOLDER writes what is in the image's programs, as CycloneDX, and what is known to be wrong with it.
# Needs cargo-cyclonedx, cargo-audit and cargo-deny: cargo install --locked cargo-cyclonedx cargo-audit cargo-deny
set -eu

out=$1
mkdir -p "$out"
for program in sc-server sc-train; do
    # The features and target that docker/Dockerfile builds; the file lands beside the manifest.
    cargo cyclonedx --quiet --format json --no-default-features --target x86_64-unknown-linux-gnu \
        --override-filename "$program.cdx" --manifest-path "crates/$program/Cargo.toml"
    mv "crates/$program/$program.cdx.json" "$out/"
done
cargo audit --json > "$out/audit.json" || failed=1
cargo deny --no-default-features --format json check advisories licenses sources 2> "$out/deny.jsonl" || failed=1
exit "${failed:-0}"
