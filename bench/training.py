"""Measures clips a second through the whole training loop, on two threads."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import subset
from our_side import target_folder
from timing import alternate, progress

HERE = Path(__file__).parent
TRIAL_STEPS, STEPS = 30, 100
ROUNDS = 5
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
"""glibc hands large tensors back to the system at every step unless told to keep them."""
SETTINGS = [
    (layout, compiled, allocator)
    for layout in ([], ["channels_last"])
    for compiled in ([], ["compile"])
    for allocator in ({}, KEEP_MEMORY)
]


def run(table, data):
    """Adds the row of the whole loop. PyTorch first chooses its best setting."""
    with tempfile.TemporaryDirectory(dir=data.parent) as folder:
        part = Path(folder) / "data"
        subset.link(data, part)
        best = max(SETTINGS, key=lambda setting: torch_clips_per_s(part, TRIAL_STEPS, setting))
        progress(f"PyTorch's best setting: {name(best)}")
        theirs = lambda: torch_clips_per_s(part, STEPS, best)
        measured = alternate(ROUNDS, lambda: our_clips_per_s(part, Path(folder)), theirs)
    how = {"unit": "clips/s", "threads": 2, "peers": ["torch", "torchaudio"]}
    table.at_least(1.3, "training", f"PyTorch, {name(best)}", *measured, **how)


def name(setting):
    layout, compiled, allocator = setting
    return ", ".join(["eager", *layout] if not compiled else [*compiled, *layout]) + (
        ", allocator keeps memory" if allocator else ""
    )


def our_clips_per_s(part, folder):
    """Returns the speed of `sc-train`, which augments its examples in more ways than the PyTorch side."""
    train = [target_folder() / "release/sc-train", "train", "--epochs=1", "--data", part]
    return subset.last_epoch(train, folder)["clips_per_s"]


def torch_clips_per_s(part, steps, setting):
    """Returns the speed of one PyTorch process, or 0 if the setting does not work."""
    layout, compiled, allocator = setting
    command = [sys.executable, "torch_training.py", part, str(subset.N_CLIPS), str(steps), *layout, *compiled]
    environment = os.environ | allocator | {"OMP_NUM_THREADS": "2"}
    ended = subprocess.run(command, cwd=HERE, env=environment, text=True, capture_output=True)
    if ended.returncode:
        progress(f"PyTorch, {name(setting)}: does not work here")
        return 0.0
    speed = float(ended.stdout.splitlines()[-1])
    progress(f"PyTorch, {name(setting)}: {speed:.0f} clips/s")
    return speed
