#!/usr/bin/env bash
# test.sh [ARGUMENT...] tests on a real Docker Engine what docs/src/deploy.md says about the image. Arguments go to each `docker build`.
# It needs curl and python3. Its trainings have one epoch, on an archive that it writes itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=1

name=speech-commands-test
port=${TEST_PORT:-18000}
url=http://127.0.0.1:$port
work=$(mktemp -d)
build_args=("$@")
trap 'docker rm -f $name >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

heading() { printf '\n== %s\n' "$*"; }
ok() { printf 'ok: %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
now_ms() { date +%s%3N; }

expect() { # WHAT TEXT PATTERN
    grep -q -- "$3" <<<"$2" || fail "$1: expected \`$3\` in: $2"
    ok "$1: $(grep -m 1 -- "$3" <<<"$2" | sed 's/^#[0-9]* [0-9.]* //' | cut -c 1-100)"
}

# The URL is never the same, so that the trainer's step runs and prints, and does not come from the cache.
nonce() { echo "--build-arg=DATA_URL=http://never.invalid/$(date +%s%N)"; }

build() { # LOG ARGUMENT... : builds, and writes the build's output to LOG
    local log=$1
    shift
    docker build --progress plain -f docker/Dockerfile "${build_args[@]}" "$@" >"$log" 2>&1 \
        || { tail -n 40 "$log" >&2; fail "docker build $*"; }
}

serve() { # ARGUMENT... : runs the image $image and waits until it answers
    docker rm -f $name >/dev/null 2>&1 || true
    docker run -d --name $name -p "127.0.0.1:$port:8000" --health-interval 1s "$@" "$image" >/dev/null
    for _ in $(seq 500); do
        curl -fs -o /dev/null "$url/health" && return
        sleep 0.01
    done
    docker logs $name >&2
    fail "$image does not answer"
}

heading "An archive of tones, and a recording"
# Twenty words by eight speakers. The samples are random, so that no earlier training is continued.
python3 - "$work" <<'PYTHON'
import io, math, random, struct, sys, tarfile, wave

def wav(seconds, pitch_hz):
    samples = (math.sin(6.2832 * pitch_hz * i / 16000) * 8000 + random.gauss(0, 300) for i in range(seconds * 16000))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", int(sample)) for sample in samples))
    return file.getvalue()

def add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))

words = "yes no up down left right on off stop go zero one two three bed bird cat dog happy house".split()
with tarfile.open(f"{sys.argv[1]}/tones.tar.gz", "w:gz", compresslevel=1) as archive:
    for i, word in enumerate(words):
        for speaker in range(8):
            add(archive, f"{word}/{speaker:08x}_nohash_0.wav", wav(1, 150 + 60 * i + speaker))
    # Each half of the validation split needs a speaker: 5 and 6 are in different ones, by a digest of their names.
    for split, speakers in (("validation", (5, 6)), ("testing", (7,))):
        listed = "".join(f"{word}/{speaker:08x}_nohash_0.wav\n" for word in words for speaker in speakers)
        add(archive, f"{split}_list.txt", listed.encode())
    add(archive, "_background_noise_/hum.wav", wav(10, 50))
open(f"{sys.argv[1]}/word.wav", "wb").write(wav(1, 440))
PYTHON
digest=$(sha256sum "$work/tones.tar.gz" | cut -d ' ' -f 1)
ok "tones.tar.gz, $(du -h "$work/tones.tar.gz" | cut -f 1)"

heading "Way 2: a model is there, training is skipped"
build "$work/way2.log" -t $name "$(nonce)" .
expect "way 2" "$(<"$work/way2.log")" 'Model found: model.safetensors (.*). Training is skipped.'
build "$work/uk.log" --target trainer --build-arg LANG_MSG=uk "$(nonce)" .
expect "way 2, in Ukrainian" "$(<"$work/uk.log")" 'Навчання пропускаємо'

heading "The image"
image=$name
size=$(docker image inspect -f '{{.Size}}' $name)
[ "$size" -le 25000000 ] || fail "it has $size bytes"
ok "$size bytes, at most 25 MB"
expect "its user" "$(docker image inspect -f '{{.Config.User}}' $name)" '^65532:65532$'
id=$(docker create $name)
files=$(docker export "$id" | tar -t | grep -v '/$' | grep '^app/' | sort | tr '\n' ' ')
licences=$(docker cp "$id:/app/THIRD-PARTY.txt" - | tar -xO)
docker rm "$id" >/dev/null
expected='app/LICENSE-APACHE app/LICENSE-MIT app/MODEL_CARD.md app/THIRD-PARTY.txt app/model.safetensors app/sc-server '
[ "$files" = "$expected" ] || fail "it holds: $files"
ok "it holds $files"
expect "a licence in a file of small letters" "$(grep hound <<<"$licences")" '^---- .*hound v[0-9.]*: license'
! grep -q '^serde_derive ' <<<"$licences" || fail "its licences name a macro, which no program holds"
ok "no macro is among its crates"
build "$work/sbom.log" --target sbom --output "$work/sbom" .
expect "the crates of sc-train" "$(<"$work/sbom/sc-train.cdx.json")" '"name": "utoipa"'
! docker run --rm --entrypoint /bin/sh $name -c true 2>/dev/null || fail "it has a shell"
ok "it has no shell"

for _ in 1 2 3; do
    docker rm -f $name >/dev/null 2>&1 || true
    start=$(now_ms)
    serve --read-only --cap-drop ALL --security-opt no-new-privileges
    ok "answers $(($(now_ms) - start)) ms after \`docker run\` was called"
done
expect "/health" "$(curl -fsS "$url/health")" '"model_loaded":true'
expect "/predict" "$(curl -fsS -F "file=@$work/word.wav" "$url/predict")" '"accepted":'
expect "the page" "$(curl -fsS "$url/")" '<title>'
shipped=$(curl -fsS "$url/info")
sleep 2
expect "the engine's health check" "$(docker inspect -f '{{.State.Health.Status}}' $name)" '^healthy$'
expect "the health check by hand" "$(docker exec $name /app/sc-server healthcheck && echo well)" well
! docker exec $name /app/sc-server healthcheck http://127.0.0.1:1/ 2>/dev/null || fail "nobody is called well"
ok "a health check of nobody fails"
expect "the port of a platform" "$(docker run --rm -e PORT=81 $name --print-config)" '^port = 81$'
start=$(now_ms)
docker stop $name >/dev/null
expect "its status after \`docker stop\`, $(($(now_ms) - start)) ms" \
    "$(docker inspect -f '{{.State.ExitCode}}' $name)" '^0$'

heading "Way 1: no model, the build trains"
cp -r .dockerignore Cargo.toml Cargo.lock LICENSE-* assets crates docker "$work"
mv "$work/tones.tar.gz" "$work/docker/data/"
rm "$work/assets/model.safetensors"
train=(--build-arg "DATA_SHA256=$digest" --build-arg EPOCHS=1)
build "$work/way1.log" -t $name-trained "${train[@]}" "$work"
expect "way 1" "$(<"$work/way1.log")" 'No model at model.safetensors'
expect "way 1" "$(<"$work/way1.log")" 'Model trained and saved: model.safetensors (.*)'
build "$work/model.log" --target model --output "$work/trained" "${train[@]}" "$work"
expect "the same build again" "$(<"$work/model.log")" 'CACHED'
[ -s "$work/trained/model.safetensors" ] || fail "no model came out"
chmod 644 "$work/trained/model.safetensors"
image=$name-trained
serve
trained=$(curl -fsS "$url/info")
[ "$trained" != "$shipped" ] || fail "the image answers with the shipped model"
ok "the image answers with the model it trained"

heading "A training forced, though a model is there, in Ukrainian"
cp assets/model.safetensors "$work/assets/"
forced=(--target model --output "$work/forced" --build-arg MODEL=train --build-arg LANG_MSG=uk)
build "$work/forced.log" "${forced[@]}" "${train[@]}" "$work"
expect "MODEL=train" "$(<"$work/forced.log")" 'потрібна нова модель'
expect "MODEL=train" "$(<"$work/forced.log")" 'Модель навчено й збережено: model.safetensors (.*)'
cmp "$work/trained/model.safetensors" "$work/forced/model.safetensors" || fail "the same training gives another model"
ok "the same training gives the same model"

heading "No model, and no recordings to be had"
echo broken >"$work/assets/model.safetensors"
mv "$work/docker/data/tones.tar.gz" "$work"
if docker build --progress plain -f docker/Dockerfile "${build_args[@]}" "$(nonce)" "$work" >"$work/fail.log" 2>&1; then
    fail "a build without a model or recordings succeeds"
fi
expect "a model that does not load" "$(<"$work/fail.log")" 'is there, but does not load'
expect "recordings that cannot be had" "$(<"$work/fail.log")" 'Error: no model came of the training.'

heading "Way 3: a model mounted over the image's"
image=$name
serve -v "$work/trained/model.safetensors:/app/model.safetensors:ro"
[ "$(curl -fsS "$url/info")" = "$trained" ] || fail "the image answers with another model than the mounted one"
ok "the mounted model answers"
docker rm -f $name >/dev/null
if broken=$(docker run --rm -v "$work/assets/model.safetensors:/app/model.safetensors:ro" $name 2>&1); then
    fail "a broken model is served"
fi
expect "a broken one stops the start" "$broken" 'cannot serve --model (SC_MODEL): not a usable model: /app/model.safetensors'

heading "A shell, to look in"
build "$work/debug.log" -t $name-debug --target runtime-debug .
expect "runtime-debug" "$(docker run --rm --entrypoint /bin/bash $name-debug -c 'ls /app')" model.safetensors

heading "All is well"
