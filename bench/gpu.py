#!/usr/bin/env python3
"""Compares training on the GPU with two cores of the processor, in clips a second, with everything that the recipe
`rooms-and-voices` does to a clip. On a GPU that is worth its name it takes less than eight minutes; `just bench-gpu`
builds the program and runs it."""

import argparse
import tempfile
from pathlib import Path

import subset

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "assets/recipes/rooms-and-voices.toml"
TWO_CORES = ["taskset", "--cpu-list", "0,1"]
WIDTHS = [1, 3]
BATCHES = [64, 512]
"""Clips in a step: the processor gains nothing by more than 64, a GPU does."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Speech Commands, unpacked")
    parser.add_argument("--program", type=Path, required=True, help="sc-train, built with the feature wgpu")
    arguments = parser.parse_args()
    print("| width | clips in a step | GPU | waits for clips | two cores | ratio |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=arguments.data.parent) as folder:
        data = Path(folder) / "data"
        subset.link(arguments.data, data)
        for width in WIDTHS:
            train = [arguments.program, "train", "--data", data, "--recipe", RECIPE, f"--width={width}"]
            cpu = subset.last_epoch([*TWO_CORES, *train, "--backend=flex", "--epochs=1"], folder)
            for batch in BATCHES:
                # The first epoch on a GPU compiles its programs and tries them.
                gpu = subset.last_epoch([*train, "--backend=wgpu", "--epochs=3", f"--batch-size={batch}"], folder)
                print(row(width, batch, gpu, cpu), flush=True)


def row(width, batch, gpu, cpu):
    waits = gpu["parts"]["waiting"] / gpu["seconds"]
    speeds = gpu["clips_per_s"], cpu["clips_per_s"]
    ratio = speeds[0] / speeds[1]
    return f"| {width} | {batch} | {speeds[0]:,.0f} clips/s | {waits:.0%} | {speeds[1]:,.0f} clips/s | {ratio:.1f} |"


if __name__ == "__main__":
    main()
