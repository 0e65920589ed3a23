#!/usr/bin/env python3
"""Adds synthetic clips to a data set: espeak-ng, flite and festival speak the ten commands, words that are nearly a
command, thousands of other words, and syllables.

    apt-get install espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts wamerican-small
    crates/sc-train/scripts/speak.py data/speech_commands_v0.02

The data set has only 25 words beside the commands. A network trained on it alone takes many new words for a command,
above all single syllables of other languages, so this script adds words and syllables.
The same voices also speak the commands, so that a voice does not give the label away. The clips belong to the training
split, because the lists of the other splits do not name them.
The same versions of the synthesisers and the dictionary give the same clips. A second run replaces them.
"""

import argparse
import array
import random
import re
import shutil
import subprocess
import sys
import unicodedata
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMMANDS = "yes no up down left right on off stop go".split()
# These words sound like a command or contain one, so they are neither commands nor other words.
ALIKE = {*COMMANDS, *"know knows noes write wright rite an own ups downs lefts rights stops goes going "
         "upon onto into offs yeses ya yea yep nope nah oh so".split()}
# Words that differ from a command in a sound or two: every voice says them often.
NEARLY = """yet yell yeast chess guess less mess bless dress yak yard jazz  note nose node gnome mow low row snow new nor now
nod  cup pup us ugh but hub sup app apt opt hop hut bump  town dawn done don dome dumb brown gown noun drown found doubt
lift loft laugh lest leapt let leg lent theft cleft rest  ride rice rise rate ripe light night bright fright rat route rye
one own won wand in and con john aunt hon en  of four forth oaf awful offer often cough aft oft half  step stoop stock
top shop stomp star stab stuff soap stub  goat joke gold god girl good got ghost grow glow coat code gore""".split()
OTHER_WORDS, NEARLY_COMMANDS, SYLLABLES = "spoken_other", "spoken_nearly", "spoken_syllable"
ESPEAK_LANGUAGES = ["en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd",
                    "en-029", "en-us-nyc"]
# An English spelling, read by the rules of another language, gives a word that is in no dictionary.
FOREIGN_LANGUAGES = "de fr es it pl pt nl sv cs ro tr fi hu id ca hr sk lt et".split()
# A syllable has a beginning, a vowel and an end, and is read by the rules of one of many languages.
PINYIN = "cmn-latn-pinyin"
SYLLABLE_LANGUAGES = [*FOREIGN_LANGUAGES, PINYIN, PINYIN, PINYIN, *"vi vi en-us en-gb ms sw eo cy ga sl lv".split()]
BEGINNINGS = ["", *"b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr q qu r s sc sh sk sl sm sn sp st "
              "str sw t th tr v w x y z zh".split()]
VOWELS = "a e i o u a e i o u ai ao au ea ei eo eu ia ie io iu oa oi ou ua ue ui uo".split()
ENDS = ["", "", "", "", *"b ch d f g k l m n ng p r s sh st t th v x z".split()]
# The sounds in those languages that are like an English command, without stress, length and tone.
COMMAND_SOUNDS = {*"jɛs jes jæs nəʊ noʊ nou no nɔ nəu nɔu ʌp ap ɐp əp daʊn daun dɑun dawn lɛft left ɹaɪt raɪt rait ɾait "
                  "ɾaɪt ɒn ɔn on ɑn ɒf ɔf of ɑf stɒp stɔp stop stɑp ɡəʊ ɡoʊ ɡou ɡo ɡɔ ɡəu ɡɔu kou".split()}
ESPEAK_VARIANTS = (
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen "
    "adam anika antonio aunty belinda benjamin boris caleb david ed edward f1 f2 f3 f4 f5 grandma grandpa iven john "
    "klatt klatt3 linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert pablo paul pedro quincy rob robert "
    "sandro shelby steph steph2 travis victor zac").split()
FLITE_VOICES = ["slt", "rms", "awb", "kal16"]
FESTIVAL_VOICES = ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]


def main():
    parser = options(__doc__, commands=200, others=8000, nearly=4000)
    parser.add_argument("--syllables", type=int, default=4000, metavar="N", help="clips of syllables [4000]")
    arguments = parser.parse_args()
    check_data(arguments.data)
    check_programs("espeak-ng", "flite", "text2wave")
    clips = list(plan(arguments))

    for engine in "espeak", "flite", "festival":
        for earlier in arguments.data.glob(f"*/{engine}-*.wav"):
            earlier.unlink()
    with ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(lambda clip: speak(arguments.data, *clip), clips), 1):
            if done % 1000 == 0:
                print(f"{done} of {len(clips)} clips", file=sys.stderr)


def options(description, commands, others, nearly):
    """Returns a parser of what a synthesiser is asked for, with these numbers of clips if nothing is said."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the data set, as `sc-data fetch` leaves it")
    for name, clips, of in [("commands", commands, "each command"), ("others", others, "other words"),
                            ("nearly", nearly, "words that are nearly a command")]:
        parser.add_argument(f"--{name}", type=int, default=clips, metavar="N", help=f"clips of {of} [{clips}]")
    parser.add_argument("--words", type=Path, default="/usr/share/dict/american-english-small", metavar="FILE",
                        help="file with one word per line")
    return parser


def check_data(data):
    for split in "validation_list.txt", "testing_list.txt":
        if not (data / split).exists():
            sys.exit(f"error: {data} has no {split}: expected a data set that `sc-data fetch` left")


def check_programs(*programs):
    for program in programs:
        if not shutil.which(program):
            sys.exit(f"error: {program} is missing; see --help")


def dictionary(path):
    """Returns the words of a file, one per line, that are neither commands nor like one, and not too long for a second."""
    if not path.exists():
        sys.exit(f"error: {path} is missing; see --help, or name another file by --words")
    return [word for word in path.read_text().split() if word.isascii() and word.isalpha() and word.islower()
            and 2 <= len(word) <= 9 and word not in ALIKE]


def plan(arguments):
    """Returns each clip's number, folder and text, and the language that reads it unless that is English."""
    words = dictionary(arguments.words)
    short_words = [word for word in words if len(word) <= 4]
    rng = random.Random(1)
    for number in range(arguments.commands * len(COMMANDS)):
        command = COMMANDS[number % len(COMMANDS)]
        yield number, command, command, None
    for number in range(arguments.others):
        word = rng.choice(short_words if rng.random() < 0.4 else words)  # those most like a command
        yield number, OTHER_WORDS, word, rng.choice(FOREIGN_LANGUAGES) if rng.random() < 0.25 else None
    for number in range(arguments.nearly):
        yield number, NEARLY_COMMANDS, NEARLY[number % len(NEARLY)], None
    for number in range(arguments.syllables):
        language = rng.choice(SYLLABLE_LANGUAGES)
        tone = str(rng.randint(1, 4)) if language == PINYIN else ""
        syllable = rng.choice(BEGINNINGS) + rng.choice(VOWELS) + rng.choice(ENDS) + tone
        yield number, SYLLABLES, syllable, language


def speak(data, number, folder, text, language):
    rng = random.Random(f"{folder} {number}")
    if language and sounds(text, language) in COMMAND_SOUNDS:
        return
    choice = rng.random()
    if not language and choice < 0.35:
        engine, wav = "flite", flite(text, rng)
    elif not language and choice < 0.45:
        engine, wav = "festival", festival(text, rng)
    else:
        engine, wav = "espeak", espeak(text, language or rng.choice(ESPEAK_LANGUAGES), rng)
    rate, samples = read(wav)
    samples = one_second(samples, rate, rng)
    if samples:
        path = data / folder / f"{engine}-{number}-{text}_nohash_0.wav"
        path.parent.mkdir(exist_ok=True)
        write(path, rate, samples)


def sounds(text, language):
    """Returns the sounds of a text, without the marks of stress, length and tone."""
    ipa = run(["espeak-ng", "-q", "--ipa", "-v", language, "--", text]).decode()
    return re.sub(r"\([a-z-]+\)", "", "".join(c for c in unicodedata.normalize("NFD", ipa)
                                              if c in "()-" or unicodedata.category(c) == "Ll"))


def espeak(text, language, rng):
    voice = f"{language}+{rng.choice(ESPEAK_VARIANTS)}"
    speed, pitch = rng.randint(110, 210), rng.randint(20, 80)
    return run(["espeak-ng", "--stdout", "-v", voice, "-s", str(speed), "-p", str(pitch), "--", text])


def flite(text, rng):
    stretch, pitch = rng.uniform(0.75, 1.35), rng.randint(85, 230)
    settings = ["--setf", f"duration_stretch={stretch:.2f}", "--setf", f"int_f0_target_mean={pitch}"]
    return run(["flite", "-voice", rng.choice(FLITE_VOICES), *settings, "-t", text, "-o", "/dev/stdout"])


def festival(text, rng):
    settings = f"(voice_{rng.choice(FESTIVAL_VOICES)}) (Parameter.set 'Duration_Stretch {rng.uniform(0.8, 1.3):.2f})"
    return run(["text2wave", "-eval", settings, "-F", "16000"], input=text.encode())


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, **options).stdout


def read(wav):
    """Returns the rate and the samples of a streamed 16-bit mono WAV file, whose header has wrong sizes."""
    at = wav.index(b"data") + 8
    return int.from_bytes(wav[24:28], "little"), array.array("h", wav[at:at + (len(wav) - at) // 2 * 2])


def write(path, rate, samples):
    """Writes a clip, which appears only when it is complete. Until then its file is hidden, so nobody takes it for a clip."""
    part = path.with_name(f".{path.name}.part")
    with wave.open(str(part), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", None))
        file.writeframes(samples.tobytes())
    part.rename(path)


def one_second(samples, rate, rng):
    """Returns the word at a random place and level in a second of silence, or None if it is shorter than 80 ms."""
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
