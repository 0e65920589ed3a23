"""Measures a data set as large as v0.02: memory of a training, and time to build the sample cache."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import clips
import subset
from our_side import OurSide, target_folder
from timing import alternate, progress

N_CLIPS = 105_829
ROUNDS = 3
GB = 1e9


def run(table, data):
    """Adds the rows of a data set as large as the published one: the clips of `data`, several times over."""
    with tempfile.TemporaryDirectory(dir=data.parent) as folder:
        folder = Path(folder)
        full = folder / "full"
        progress(f"linking and packing {N_CLIPS} clips")
        link(data, full)
        archive = folder / "full.tar.gz"
        subprocess.run(["tar", "-czf", archive, "-C", full, "."], check=True)
        clips.write(folder / "clips", 1, data)
        side = OurSide(folder / "clips")
        seconds = alternate(ROUNDS, lambda: cache_seconds(side, full, folder), lambda: unpack_seconds(archive))
        table.at_most(1.5, "sample cache of 105,829 clips", "tar -xzf", *seconds, unit="s", threads=2)
        progress("training an epoch")
        most = peak_memory(full, folder / "run")
    table.at_most(1, "training on 105,829 clips, most resident", "4 GB", [most / GB], 4.0, unit="GB", threads=2)


def link(data, full):
    """Links every clip under several speakers' names, until there are enough clips."""
    paths = sorted(subset.words(data))
    for i in range(N_CLIPS):
        path = paths[i % len(paths)]
        speaker, rest = path.name.split("_", 1)
        copy = full / path.parent.name / f"{speaker}{i // len(paths):x}_{rest}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
    for path in data.glob("_background_noise_/*.wav"):
        copy = full / path.relative_to(data)
        copy.parent.mkdir(exist_ok=True)
        os.link(path, copy)


def cache_seconds(side, full, folder):
    cache = folder / "samples"
    cache.unlink(missing_ok=True)
    return side.ask("cache", full, cache)


def unpack_seconds(archive):
    with tempfile.TemporaryDirectory(dir=archive.parent) as unpacked:
        start = time.perf_counter()
        subprocess.run(["tar", "-xzf", archive, "-C", unpacked], check=True)
        return time.perf_counter() - start


def peak_memory(full, out):
    """Returns the most resident bytes while an epoch is trained and validated."""
    train = [target_folder() / "release/sc-train", "train", "--epochs=1", "--data", full, "--out", out]
    process = subprocess.Popen(train, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the training failed")
    return usage.ru_maxrss * 1024  # Linux counts in kilobytes
