#!/usr/bin/env python3
"""Speaks words with espeak-ng and flite into a data set: the ten commands, and thousands of other words.

    apt-get install espeak-ng flite wamerican-small
    crates/sc-train/scripts/speak.py data/speech_commands_v0.02

The recordings hold 25 words beside the commands, so a network trained on them alone takes many a word it
has never heard for a command. Here are more. The same voices speak the commands too, so that a voice says
nothing about the label. The clips join the training split: the lists of the other splits do not name them.
The same versions of the synthesisers and the dictionary give the same clips; a second run replaces them.
"""

import argparse
import array
import random
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMMANDS = "yes no up down left right on off stop go".split()
# Words that sound like a command, or hold one: neither a command nor another word.
ALIKE = {*COMMANDS, *"know knows noes write wright rite an own ups downs lefts rights stops goes going "
         "upon onto into offs yeses ya yea yep nope nah oh so".split()}
OTHER_WORDS = "spoken_other"
ESPEAK_LANGUAGES = ["en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd",
                    "en-029", "en-us-nyc"]
# Read by another language's rules, an English spelling is a word that no dictionary holds.
FOREIGN_LANGUAGES = "de fr es it pl pt nl sv cs ro tr fi hu id ca hr sk lt et".split()
ESPEAK_VARIANTS = (
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen "
    "adam anika antonio aunty belinda benjamin boris caleb david ed edward f1 f2 f3 f4 f5 grandma grandpa iven john "
    "klatt klatt3 linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert pablo paul pedro quincy rob robert "
    "sandro shelby steph steph2 travis victor zac").split()
FLITE_VOICES = ["slt", "rms", "awb", "kal16"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the data set, as `sc-data fetch` leaves it")
    parser.add_argument("--commands", type=int, default=120, metavar="N", help="clips of each command [120]")
    parser.add_argument("--others", type=int, default=6000, metavar="N", help="clips of other words [6000]")
    parser.add_argument("--words", type=Path, default="/usr/share/dict/american-english-small", metavar="FILE",
                        help="a word a line")
    arguments = parser.parse_args()
    for split in "validation_list.txt", "testing_list.txt":
        if not (arguments.data / split).exists():
            sys.exit(f"error: {arguments.data} has no {split}: expected a data set that `sc-data fetch` left")

    for earlier in [*arguments.data.glob("*/espeak-*.wav"), *arguments.data.glob("*/flite-*.wav")]:
        earlier.unlink()
    clips = list(plan(arguments))
    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(lambda clip: speak(arguments.data, *clip), clips), 1):
            if done % 1000 == 0:
                print(f"{done} of {len(clips)} clips", file=sys.stderr)


def plan(arguments):
    """Every clip's number, folder, word and whether a foreign voice reads it."""
    words = arguments.words.read_text().split()
    words = [word for word in words if word.isascii() and word.isalpha() and word.islower()
             and 2 <= len(word) <= 9 and word not in ALIKE]
    rng = random.Random(1)
    for number in range(arguments.commands * len(COMMANDS)):
        command = COMMANDS[number % len(COMMANDS)]
        yield number, command, command, False
    for number in range(arguments.others):
        yield number, OTHER_WORDS, rng.choice(words), rng.random() < 0.25


def speak(data, number, folder, word, foreign):
    rng = random.Random(f"{folder} {number}")
    if not foreign and rng.random() < 0.4:
        engine, wav = "flite", flite(word, rng)
    else:
        engine, wav = "espeak", espeak(word, rng.choice(FOREIGN_LANGUAGES if foreign else ESPEAK_LANGUAGES), rng)
    rate, samples = read(wav)
    samples = one_second(samples, rate, rng)
    if samples:
        path = data / folder / f"{engine}-{folder}-{number}_nohash_0.wav"
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", None))
            file.writeframes(samples.tobytes())


def espeak(word, language, rng):
    voice = f"{language}+{rng.choice(ESPEAK_VARIANTS)}"
    speed, pitch = rng.randint(110, 210), rng.randint(20, 80)
    return run(["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), "-p", str(pitch), "--", word])


def flite(word, rng):
    stretch, pitch = rng.uniform(0.75, 1.35), rng.randint(85, 230)
    settings = ["--setf", f"duration_stretch={stretch:.2f}", "--setf", f"int_f0_target_mean={pitch}"]
    return run(["flite", "-voice", rng.choice(FLITE_VOICES), *settings, "-t", word, "-o", "/dev/stdout"])


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def read(wav):
    """Rate and samples of a 16-bit mono WAV file that was streamed: the sizes in its header are not true."""
    at = wav.index(b"data") + 8
    return int.from_bytes(wav[24:28], "little"), array.array("h", wav[at:at + (len(wav) - at) // 2 * 2])


def one_second(samples, rate, rng):
    """The word somewhere in a second of silence, at any level; nothing if it is shorter than 80 ms."""
    loudest = max(map(abs, samples), default=0)
    loud = [i for i, sample in enumerate(samples) if abs(sample) > 0.02 * loudest]
    if not loud or loud[-1] - loud[0] < 0.08 * rate:
        return None
    margin = rate // 50
    word = samples[max(0, loud[0] - margin):loud[-1] + margin]
    gain = rng.uniform(0.1, 0.9) * 32767 / loudest
    word = array.array("h", (int(sample * gain) for sample in word))
    space = rate - len(word)
    if space < 0:
        return word[-space // 2:][:rate]
    before = int(space * rng.triangular(0.2, 0.8))
    return array.array("h", bytes(2 * before)) + word + array.array("h", bytes(2 * (space - before)))


if __name__ == "__main__":
    main()
