#!/usr/bin/env python3
"""Adds what people say to a data set: other words, and pieces of running speech, from recordings that Debian packages.

    apt-get install ancient ffmpeg
    crates/sc-train/scripts/people.py data/speech_commands_v0.02

The data set has single words by volunteers at their computers. A network trained on it alone takes pieces of running
speech for a command, so this script adds actors, announcers and players, in many languages. The clips
belong to the training split, because the lists of the other splits do not name them. A second run replaces them.

A command may be said among them, so what the shipped model surely takes for a word that the language has is left out: it is
asked by `sc-train classify`, which has to be on the PATH, or `--classify COMMAND` says how to run it.
"""

import argparse
import array
import json
import random
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from speak import COMMANDS, check_data, check_programs, write

RATE_HZ = 16_000
RAW = ".ALS"  # the suffix of bare unsigned bytes at 11,025 Hz, as two of the games have them
# For each folder of clips: the Debian packages, their recordings, and how many clips are taken at most.
SOURCES = {
    "spoken_queen": (["flight-of-the-amazon-queen"], "usr/share/scummvm/*/queen.1c", 8000),
    "spoken_sky": (["beneath-a-steel-sky"], "usr/share/scummvm/*/sky.dnr", 8000),
    "spoken_drascula": (["drascula"], "usr/share/scummvm/*/en/*.ALS", 2000),
    "spoken_fillets": (["fillets-ng-data", "fillets-ng-data-cs", "fillets-ng-data-nl"],
                       "usr/share/games/fillets-ng/sound/**/*.ogg", 6000),
    "spoken_asterisk": (["asterisk-core-sounds-it-wav", "asterisk-core-sounds-ru-wav", "asterisk-prompt-es-co",
                         "asterisk-prompt-fr-armelle", "asterisk-prompt-it-menardi-wav"],
                        "usr/share/asterisk/sounds/**/*.*", 5000),
    "spoken_tuxpaint": (["tuxpaint-stamps-default"], "usr/share/tuxpaint/stamps/**/*_desc*.ogg", 8000),
    "spoken_hedgewars": (["hedgewars-data"], "usr/share/games/hedgewars/Data/Sounds/voices/**/*.ogg", 1200),
}
# Commands that are said in them, and are left out where the model hears one: *no* and *stop* are words of many languages.
SAID = dict.fromkeys(["spoken_queen", "spoken_sky", "spoken_drascula", "spoken_hedgewars"], COMMANDS)
SAID_ELSEWHERE = {"no", "stop"}
LEAST_CONFIDENCE = 0.9
# Recordings are cut into seconds that overlap by a quarter; of a long one, three that are drawn by chance are taken.
STEP = RATE_HZ * 3 // 4
MOST_OF_ONE = 3
# Hidden folders beside the clips, so that a folder becomes complete by its name alone.
SCRATCH = ".people-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the data set, as `sc-data fetch` leaves it")
    parser.add_argument("--classify", default="sc-train classify", metavar="COMMAND",
                        help="the command that names a word [%(default)s]")
    arguments = parser.parse_args()
    check_data(arguments.data)
    check_programs("apt-get", "dpkg", "ancient", "ffmpeg", shlex.split(arguments.classify)[0])
    for killed in arguments.data.glob(f"{SCRATCH}*"):
        shutil.rmtree(killed)
    for name, source in SOURCES.items():
        with tempfile.TemporaryDirectory(dir=arguments.data, prefix=SCRATCH) as scratch:
            clips = Path(scratch) / name
            clips.mkdir()
            cut(clips, Path(scratch), *source)
            n_left_out = leave_out_commands(clips, arguments.classify)
            print(f"{name}: {len(list(clips.glob('*.wav')))} clips, {n_left_out} left out", file=sys.stderr)
            replace(arguments.data / name, clips)


def replace(folder, clips):
    """Puts a folder of clips, which is complete, in the place of an earlier one."""
    if folder.exists():
        shutil.rmtree(folder)
    clips.rename(folder)


def cut(folder, scratch, packages, pattern, most):
    """Writes the seconds of the packages' recordings, each by a speaker of its own: nobody knows whose voice it is."""
    for package in packages:
        run(["apt-get", "download", package], cwd=scratch)
        archive, = scratch.glob(f"{package}_*.deb")
        run(["dpkg", "-x", archive.name, package], cwd=scratch)
    recordings = sorted(path for path in scratch.glob(f"*/{pattern}") if path.is_file())
    if not recordings:
        sys.exit(f"error: no {pattern} in {', '.join(packages)}: the packages' layout has changed; mend SOURCES")
    unpack = UNPACK.get(recordings[0].suffix)
    if unpack:
        recordings = unpack(recordings[0], scratch)
    rng = random.Random(1)
    rng.shuffle(recordings)
    name = folder.name.removeprefix("spoken_")
    n_clips = 0
    with ThreadPoolExecutor() as pool:
        for seconds in pool.map(lambda path: list(cut_one(path)), recordings[:most]):
            rng.shuffle(seconds)
            for second in seconds[:min(MOST_OF_ONE, most - n_clips)]:
                write(folder / f"{name}-{n_clips}_nohash_0.wav", RATE_HZ, second)
                n_clips += 1
            if n_clips == most:
                break  # the rest is not decoded


def unpack_queen(path, scratch):
    """Writes the speech of *Flight of the Amazon Queen*, files `.SB` in an archive that ScummVM describes, as MP3."""
    recordings = []
    with path.open("rb") as archive:
        archive.seek(13)  # the magic number, the version and the codec
        n_files, = struct.unpack(">H", archive.read(2))
        files = [struct.unpack(">12sxII", archive.read(21)) for _ in range(n_files)]
        for name, offset, length in files:
            if name.rstrip(b"\0 ").endswith(b".SB"):
                archive.seek(offset)
                recordings.append(scratch / f"{name.rstrip(bytes(1)).decode()}.mp3")
                recordings[-1].write_bytes(archive.read(length))
    return sorted(recordings)


def unpack_sky(table, scratch):
    """Writes the speech of *Beneath a Steel Sky*: files from number 50,000 on, packed behind a header of 22 bytes."""
    recordings = []
    entries = table.read_bytes()[4:]  # behind their number
    with table.with_suffix(".dsk").open("rb") as archive:
        for entry in (entries[i:i + 8] for i in range(0, len(entries), 8)):
            number, offset, size = (int.from_bytes(field, "little") for field in (entry[:2], entry[2:5], entry[5:]))
            if 50_000 <= number < 56_000:
                archive.seek((offset & 0x7FFFFF) * (16 if offset >> 23 else 1))
                packed = scratch / f"{number}.rnc"
                packed.write_bytes(archive.read(size & 0x3FFFFF)[22:])
                recordings.append(packed.with_suffix(RAW))
                run(["ancient", "decompress", packed, recordings[-1]])
    return sorted(recordings)


UNPACK = {".1c": unpack_queen, ".dnr": unpack_sky}


def cut_one(path):
    """Yields the seconds of a recording that are not much quieter than its loudest; one that is shorter, amid silence."""
    raw = ["-f", "u8", "-ar", "11025"] if path.suffix == RAW else []
    wav = run(["ffmpeg", "-v", "quiet", *raw, "-i", path, "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", "-"], check=False)
    samples = array.array("h", wav[:len(wav) // 2 * 2])
    loudest = max(map(abs, samples), default=0)
    loud = [i for i in range(0, len(samples), 160) if max(map(abs, samples[i:i + 160])) > 0.05 * loudest]
    if loudest < 300 or not loud:
        return
    samples = samples[max(0, loud[0] - RATE_HZ // 20):loud[-1] + RATE_HZ * 6 // 100]
    if len(samples) < RATE_HZ // 8:
        return
    if len(samples) <= RATE_HZ:
        before = (RATE_HZ - len(samples)) // 2
        yield array.array("h", bytes(2 * before)) + samples + array.array("h", bytes(2 * (RATE_HZ - len(samples) - before)))
        return
    seconds = [samples[i:i + RATE_HZ] for i in range(0, len(samples) - RATE_HZ + 1, STEP)]
    energies = [sum(sample * sample for sample in second[::7]) for second in seconds]
    yield from (second for second, energy in zip(seconds, energies) if energy > 0.03 * max(energies))


def leave_out_commands(folder, classify):
    """Removes the clips in which the model surely hears a command that is said in them."""
    said = SAID.get(folder.name, SAID_ELSEWHERE)
    heard = [json.loads(line) for line in run([*shlex.split(classify), "--json", folder]).splitlines()]
    commands = [answer["path"] for answer in heard
                if answer.get("label") in said and answer["confidence"] >= LEAST_CONFIDENCE]
    for path in commands:
        Path(path).unlink()
    return len(commands)


def run(command, check=True, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, check=check, **options).stdout


if __name__ == "__main__":
    main()
