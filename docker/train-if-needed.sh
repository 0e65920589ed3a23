#!/bin/sh
# Makes sure there is a model at $1: one already there is kept, else the full data set is fetched and trained on.
set -eu

model=$1
data=${SC_DATA:-/tmp/speech_commands_v0.02}
run=${SC_RUN:-/tmp/run}

size_of() {
    du -h "$1" | cut -f 1
}

if [ -s "$model" ]; then
    echo "$model is there ($(size_of "$model")): training skipped"
    exit 0
fi

echo "$model is not there: training"
sc-data fetch --dest "$data"
sc-train train --data "$data" --out "$run" --resume

if [ ! -s "$run/model.safetensors" ]; then
    echo "training left no model at $run/model.safetensors" >&2
    exit 1
fi
mkdir -p "$(dirname "$model")"
cp "$run/model.safetensors" "$model"
echo "$model trained ($(size_of "$model"))"
# The data set would otherwise stay in this layer of the image.
rm -rf "$data" "$run"
