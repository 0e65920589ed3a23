"""Clips for both sides."""

import random
import shutil
from pathlib import Path

import numpy
import soundfile

import subset

RATE_HZ = 16_000
SEED = 1


def write(folder: Path, n_clips, data: Path | None):
    """Writes one-second clips to `folder`: from the data set if there is one, else tones in noise."""
    folder.mkdir()
    if data:
        spoken = sorted(path for path in subset.words(data) if soundfile.info(path).frames == RATE_HZ)
        for i, path in enumerate(random.Random(SEED).sample(spoken, n_clips)):
            shutil.copy(path, folder / f"{i:04}.wav")
        return
    rng = numpy.random.default_rng(SEED)
    time_s = numpy.arange(RATE_HZ) / RATE_HZ
    for i in range(n_clips):
        pitch_hz, glide_hz = rng.uniform(80, 2_000), rng.uniform(-500, 2_000)
        tone = numpy.sin(2 * numpy.pi * (pitch_hz + glide_hz * time_s / 2) * time_s)
        noise = rng.standard_normal(RATE_HZ) * rng.uniform(0, 0.1)
        soundfile.write(folder / f"{i:04}.wav", 0.5 * tone + noise, RATE_HZ, subtype="PCM_16")


def read_all(folder: Path):
    """Returns all clips of a folder, [clip, sample]."""
    return numpy.stack([soundfile.read(path, dtype="float32")[0] for path in sorted(folder.iterdir())])
