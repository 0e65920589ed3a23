"""Compares this project with PyTorch, torchaudio, onnxruntime and Flask.

Writes `bench-peers/bench-peers.json` and `.md` in cargo's target directory, and prints the table.
"""

import argparse
import importlib.metadata
import os
from pathlib import Path

import dataset
import in_process
import our_side
import packages
import serving
import streams
import training
from table import Table

GROUPS = ["network", "log-mel", "wav", "stream", "streams", "web", "python", "serving", "training", "dataset"]
PACKAGES = ["torch", "torchaudio", "onnxruntime", "openwakeword", "flask", "gunicorn"]


def main():
    options = arguments()
    # All programs get two cores: those started from here inherit the limit.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    our_side.build()
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    table = Table(our_side.target_folder() / "bench-peers", versions)
    if {"network", "log-mel", "wav", "stream"} & options.only:
        in_process.run(table, 5 if options.quick else 25, options.data, options.only)
    if "web" in options.only:
        packages.web_rows(table, 5 if options.quick else 25)
    if "python" in options.only:
        packages.python_rows(table, 3 if options.quick else 9, options.data)
    if "serving" in options.only:
        serving.run(table, options.data)
    if "streams" in options.only:
        streams.run(table, options.data)
    if "training" in options.only:
        training.run(table, options.data)
    if "dataset" in options.only:
        dataset.run(table, options.data)
    print(table.markdown())


def arguments():
    parser = argparse.ArgumentParser(prog="just bench-peers", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help="Speech Commands, as `just fetch` writes it; training, dataset and python need it, the others use tones without it")
    parser.add_argument("--only", type=groups, metavar="NAME,NAME", help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--full", action="store_true", help="run dataset too; it takes minutes and 7 GB of disk")
    parser.add_argument("--quick", action="store_true", help="measure fewer times, for a first try")
    options = parser.parse_args()
    if options.data:
        options.data = options.data.resolve()
    if not options.only:
        left_out = set() if options.data else {"training", "python"}
        options.only = set(GROUPS) - {"dataset"} - left_out | ({"dataset"} if options.full else set())
    if {"training", "dataset", "python"} & options.only and not options.data:
        parser.error("training, dataset and python need --data DIR")
    return options


def groups(text):
    names = set(text.split(","))
    if unknown := names - set(GROUPS):
        raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return names


main()
