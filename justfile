# `just` alone lists the recipes. Each wraps a command of README.md.

data := "data/speech_commands_v0.02"
run := "runs/latest"
model := "assets/model.safetensors"

_default:
    @just --list --unsorted

# Download, check and unpack the data set (2.4 GB)
fetch *args:
    cargo run --release -p sc-data -- fetch --dest {{ data }} {{ args }}

# Add words spoken by synthesisers to the data set, as the shipped model's had (needs espeak-ng and flite)
speak *args:
    crates/sc-train/scripts/speak.py {{ data }} {{ args }}

# Train on it; a second call goes on where the first was interrupted
train *args:
    cargo run --release -p sc-train -- train --data {{ data }} --out {{ run }} --resume {{ args }}

# Train with three seeds, and print the mean and the spread of each validation figure
train-seeds *args:
    for seed in 1 2 3; do \
        cargo run --release -p sc-train -- train --data {{ data }} --out {{ run }}-seed-$seed --seed $seed --resume {{ args }} || exit; \
    done
    crates/sc-train/scripts/spread.py {{ run }}-seed-1 {{ run }}-seed-2 {{ run }}-seed-3

# Score a model on the testing split
evaluate *args:
    cargo run --release -p sc-train -- evaluate --model {{ model }} --data {{ data }} --split testing {{ args }}

# Name the word in files and folders
classify *paths:
    cargo run --release -p sc-train -- classify --model {{ model }} {{ paths }}

# Serve on http://localhost:8000
serve *args:
    cargo run --release -p sc-server -- {{ args }}

# Run every test
test *args:
    cargo test --workspace {{ args }}

# All that CI checks, cheapest first
check:
    .ci/run

# The GPU backend compiles and is free of warnings; not part of `check`, as it builds for half an hour
check-wgpu:
    cargo clippy --locked -p sc-train -p sc-server --features wgpu -- -D warnings

# Measure speed
bench *args:
    cargo bench --workspace {{ args }}

# Build the image; trains first if there is no model yet
docker-build *args:
    docker build -f docker/Dockerfile -t speech-commands-app {{ args }} .

# Serve from the image on http://localhost:8000
docker-run *args:
    docker run --rm -p 8000:8000 --name speech-app {{ args }} speech-commands-app
