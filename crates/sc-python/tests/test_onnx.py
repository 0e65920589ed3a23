"""Exported networks in onnxruntime, beside the native engine."""

import json
import os
import shutil
import subprocess
import sys
import wave

import pytest
from conftest import EXAMPLES, GOLDEN, ROOT, programs

np = pytest.importorskip("numpy")
ort = pytest.importorskip("onnxruntime")

SOUNDS = [*sorted(GOLDEN.glob("*.wav")), *sorted(EXAMPLES.glob("[!s]*.mp3"))]


@pytest.fixture(scope="module", params=["features", "samples"])
def file(request, tmp_path_factory):
    """Returns the input of an exported network, and its file."""
    file = tmp_path_factory.mktemp("onnx") / "model.onnx"
    program = os.environ.get("SC_TRAIN", "cargo run --quiet -p sc-train --no-default-features --").split()
    subprocess.run([*program, "export", "--onnx", file, "--from", request.param], cwd=ROOT, check=True)
    return request.param, file


@pytest.fixture(scope="module")
def exported(file):
    """Returns the input of an exported network, and the network."""
    return file[0], ort.InferenceSession(str(file[1]), providers=["CPUExecutionProvider"])


def second(path):
    """Returns the second of a file of 16-bit samples at 16 kHz that the network is given."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    return np.pad(samples, (0, 16_000 - len(samples)))


def test_logits_are_the_native_ones(recognizer, exported):
    source, session = exported
    sounds = SOUNDS if source == "features" else [path for path in SOUNDS if path.name.endswith("-16000-1.wav")]
    make = recognizer.log_mel if source == "features" else second
    batch = np.array([make(path) for path in sounds], np.float32)
    (name,) = [value.name for value in session.get_inputs()]
    got = session.run(["logits"], {name: batch})[0]
    expected = np.array([recognizer.logits(path) for path in sounds])
    # A pure tone leaves bands near the floor of the logarithm, where sums of 32 bits in another order show: 2.7e-4.
    tolerance = 1e-4 if source == "features" else 5e-4
    assert np.abs(got - expected).max() < tolerance
    alone = session.run(["logits"], {name: batch[:1]})[0]
    assert np.abs(alone - got[:1]).max() < 1e-4


def test_probabilities_are_the_native_ones(recognizer, exported):
    source, session = exported
    if source == "features":
        assert [value.name for value in session.get_outputs()] == ["logits"]
        return
    path = GOLDEN / "speech-16000-1.wav"
    got = session.run(["probabilities"], {"samples": second(path)[None]})[0][0]
    expected = dict(recognizer.classify(path).predictions)
    assert np.abs(got - [expected[label] for label in recognizer.labels]).max() < 1e-4


@pytest.mark.parametrize("program", programs("onnxruntime"))
def test_the_programs_of_the_documents_answer_as_the_engine(recognizer, file, program):
    if file[0] == "samples":
        word = shutil.copy(GOLDEN / "speech-16000-1.wav", file[1].parent / "word.wav")
        done = subprocess.run([sys.executable, "-c", program], cwd=file[1].parent, capture_output=True, text=True, check=True)
        expected = recognizer.classify(word)
        assert done.stdout.split() == [expected.label, "accepted" if expected.accepted else "-"]


def test_the_metadata_are_those_of_the_model(recognizer, exported):
    metadata = exported[1].get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == recognizer.labels
    for key in ["threshold", "temperature"]:
        assert json.loads(metadata[key]) == recognizer.info[key]
    sizes = {key: value for key, value in recognizer.info["log_mel"].items() if key != "log_offset"}
    assert json.loads(metadata["log_mel"]).items() >= sizes.items()
