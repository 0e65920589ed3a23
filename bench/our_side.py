"""Builds and runs this project's programs."""

import json
import subprocess
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "assets/model.safetensors"


def target_folder():
    """Returns cargo's target directory."""
    metadata = subprocess.check_output(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT)
    return Path(json.loads(metadata)["target_directory"])


def build():
    """Builds the programs. The server is built alone: built with others, it would contain Burn too."""
    release = ["cargo", "build", "--release", "--locked"]
    subprocess.run([*release, "-p", "sc-server"], cwd=ROOT, check=True)
    programs = ["--bin", "sc-train", "--example", "bench_side"]
    subprocess.run([*release, "-p", "sc-train", *programs], cwd=ROOT, check=True)


class OurSide:
    """The program `bench_side`, which answers each line with a line."""

    def __init__(self, clips: Path):
        program = target_folder() / "release/examples/bench_side"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([program, clips], text=True, bufsize=1, **pipes)

    def ask(self, *command):
        """Returns the number that `bench_side` answers."""
        self.process.stdin.write(" ".join(map(str, command)) + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"bench_side ended at {command}")
        return float(answer)

    def array(self, what, file: Path):
        """Returns `features` or `logits` of all clips, [clip, ...]."""
        n_clips = int(self.ask(what, file))
        return numpy.fromfile(file, "<f4").reshape(n_clips, -1)
