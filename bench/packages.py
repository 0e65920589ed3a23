"""Measures the packages for other languages: the page's engine in WebAssembly, and the Python package."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from our_side import MODEL, ROOT, target_folder
from timing import alternate, progress

WEB = ROOT / "bench/web"
N_FILES = 1000


def web_rows(table, rounds):
    """Compares with onnxruntime-web in Node.js and in Chromium, on one thread, by wall time."""
    if not shutil.which("npm"):
        return progress("npm is not installed: no row of the web")
    subprocess.run(["npm", "ci", "--prefix", WEB, "--no-audit", "--no-fund", "--loglevel=error"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "network.onnx"
        export = [target_folder() / "release/sc-train", "export", "--onnx", onnx, "--from", "features"]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        for place in ["node", "chromium"]:
            output = subprocess.check_output(["node", "--preserve-symlinks", WEB / "run.js", place, onnx, str(rounds)])
            measured = json.loads(output)
            how = {"unit": "ms", "threads": 1}
            table.at_most(0.35, f"network in {place}", "onnxruntime-web", measured["ours"], measured["theirs"], **how)
            whole = f"samples to label in {place}"
            table.at_most(0.5, whole, "onnxruntime-web, network alone", measured["whole"], measured["theirs"], **how)


def python_rows(table, rounds, data):
    """Compares with torchaudio and PyTorch on files from disk, on two cores, by wall time."""
    import soundfile
    import torch

    import network
    import speech_commands

    folders = [folder for folder in sorted(data.iterdir()) if folder.is_dir() and not folder.name.startswith("_")]
    files = [file for folder in folders for file in sorted(folder.glob("*.wav"))[: N_FILES // len(folders) + 1]][:N_FILES]
    torch.set_num_threads(2)
    recognizer, eager = speech_commands.Recognizer(), network.load(MODEL)
    header = network.read_header(MODEL)
    log_mel = network.LogMel(header["log_mel"])

    def theirs(file):
        samples = torch.from_numpy(soundfile.read(file, dtype="float32")[0])[:16000]
        samples = torch.nn.functional.pad(samples, (0, 16000 - len(samples)))
        return header["labels"][int(eager(log_mel(samples[None])).argmax())]

    def files_a_second(answer):
        def measure():
            start = time.perf_counter()
            with torch.inference_mode():
                answer()
            return len(files) / (time.perf_counter() - start)

        return measure

    with torch.inference_mode():
        same = [answer.label == theirs(file) for answer, file in zip(recognizer.classify_many(files), files)]
    if sum(same) < 0.99 * len(files):  # a second may be cut elsewhere from a longer file
        raise SystemExit(f"{len(files) - sum(same)} of {len(files)} files have other answers")
    ours, their = lambda: recognizer.classify_many(files), lambda: [theirs(file) for file in files]
    measured = alternate(rounds, files_a_second(ours), files_a_second(their))
    how = {"unit": "files/s", "threads": 2, "peers": ["torch", "torchaudio"]}
    table.at_least(10, "files to labels in Python", "torchaudio and PyTorch", *measured, **how)
