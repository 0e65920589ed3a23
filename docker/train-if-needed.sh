#!/bin/sh
# train-if-needed.sh FILE leaves a model at FILE. It keeps a model that loads; otherwise it fetches the data set and
# trains. train-if-needed.sh --is-needed FILE only exits with status 0 if a training is needed, and with 1 if not.
#
# MODEL=train trains even if there is a model. DATA_URL names a mirror, and DATA_SHA256 the digest of another archive. An
# archive in the folder SC_ARCHIVES is used before both. The training takes MINUTES (12), whatever the size of the archive, or
# EPOCHS if that is set. TASK goes to sc-train. LANG_MSG=uk selects messages in Ukrainian. SC_CACHE is the folder in which an
# interrupted run finds its data again.
set -eu
MINUTES=${MINUTES:-12}

say() { # ENGLISH UKRAINIAN
    if [ "${LANG_MSG:-en}" = uk ]; then echo "$2"; else echo "$1"; fi
}

# Prints why the model does not load, or nothing if it does. This script stands for the recording: an unreadable recording
# becomes a row on standard output, so standard error is about the model only.
complaint() {
    { sc-train classify --model "$model" "$0" >/dev/null; } 2>&1 || true
}

is_needed() {
    [ "${MODEL:-auto}" = train ] || [ ! -s "$model" ] || [ -n "$(complaint)" ]
}

say_why() {
    if [ "${MODEL:-auto}" = train ]; then
        say "MODEL=train: a new model is wanted." "MODEL=train: потрібна нова модель."
    elif [ -s "$model" ]; then
        say "$model is there, but does not load: $(complaint)" "$model є, але не завантажується: $(complaint)"
    else
        say "No model at $model." "Моделі $model немає."
    fi
}

# Another archive, program or setting makes another data set or run, which must not be continued.
key_of() {
    printf '%s ' "$@" | sha256sum | cut -c 1-12
}

train() {
    length=${EPOCHS:+--epochs $EPOCHS}
    length=${length:---minutes $MINUTES}
    data=$cache/data-$(key_of "${DATA_SHA256:-}")
    run=$cache/run-$(key_of "$(sha256sum < "$(command -v sc-train)")" "${DATA_SHA256:-}" "${TASK:-}" "$length")
    archive=$(find "${SC_ARCHIVES:-/nowhere}" -name '*.tar.gz' 2>/dev/null | head -n 1)

    set -- --dest "$data" ${DATA_SHA256:+--sha256 "$DATA_SHA256"}
    if [ -n "$archive" ]; then
        set -- "$@" --archive "$archive"
    elif [ -n "${DATA_URL:-}" ]; then
        set -- "$@" --url "$DATA_URL"
    fi
    sc-data fetch "$@"
    # shellcheck disable=SC2086 # an option and its value
    sc-train train --data "$data" --out "$run" --resume ${TASK:+--task "$TASK"} $length
    # The file is renamed into place when it is complete: another container may be waiting for it.
    mkdir -p "$(dirname "$model")"
    cp "$run/model.safetensors" "$model.part"
    mv "$model.part" "$model"
    rm -rf "$run"
}

# Without this check, a model that loads would be taken for a broken one.
if ! sc-train --version >/dev/null; then
    say "Error: sc-train does not run here. For another architecture, register QEMU first (docs/src/deploy.md)." \
        "Помилка: sc-train тут не запускається. Для іншої архітектури спершу зареєструйте QEMU (docs/src/deploy.md)." >&2
    exit 2
fi

if [ "$1" = --is-needed ]; then
    model=$2
    is_needed
    exit
fi
model=$1
cache=${SC_CACHE:-/tmp}

if ! is_needed; then
    size=$(du -h "$model" | cut -f 1)
    say "Model found: $model ($size). Training is skipped." "Модель знайдено: $model ($size). Навчання пропускаємо."
    exit 0
fi
say_why
say "Training starts; it takes $MINUTES minutes unless EPOCHS is set." \
    "Починається навчання; воно триває $MINUTES хвилин, якщо не задано EPOCHS."
trap 'say "Error: no model came of the training." "Помилка: після навчання моделі немає." >&2' EXIT
train
[ -z "$(complaint)" ]
trap - EXIT
size=$(du -h "$model" | cut -f 1)
say "Model trained and saved: $model ($size)." "Модель навчено й збережено: $model ($size)."
