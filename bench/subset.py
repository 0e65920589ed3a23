"""A part of the data set, and short trainings on it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

N_CLIPS = 6400


def words(data: Path):
    """Returns the paths of the data set's clips of words."""
    return [path for path in data.glob("*/*.wav") if not path.parent.name.startswith("_")]


def link(data: Path, subset: Path):
    """Links some clips of each word, and all noise. Without lists, the published rule splits them."""
    paths = sorted(words(data))
    chosen = paths[:: max(1, len(paths) // N_CLIPS)][:N_CLIPS]
    for path in [*chosen, *data.glob("_background_noise_/*.wav")]:
        link = subset / path.relative_to(data)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)


def last_epoch(train, folder):
    """Runs the command `train` of `sc-train`, and returns what it tells of its last epoch."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        subprocess.run([*train, "--out", out], check=True, stdout=subprocess.DEVNULL)
        return json.loads((Path(out) / "metrics.jsonl").read_text().splitlines()[-1])
