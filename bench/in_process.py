"""Measures the network, the front end and both together: CPU time of one thread."""

import tempfile
from pathlib import Path

import numpy
import onnxruntime
import torch
from onnxruntime import quantization

import clips
import network
from our_side import MODEL, OurSide
from timing import alternate, cpu_us, progress

N_CLIPS = 200
BATCH = 32
PIECE = 1280  # samples: 80 ms, which openWakeWord asks for
TOLERANCE = 1e-4
TOLERANCE_INT8 = 0.5


class Peers:
    """All implementations, ready to answer, and checked to give the same answers."""

    def __init__(self, folder: Path, data: Path | None):
        torch.set_num_threads(1)
        clips.write(folder / "clips", N_CLIPS, data)
        self.ours = OurSide(folder / "clips")
        self.waveforms = torch.from_numpy(clips.read_all(folder / "clips"))
        header = network.read_header(MODEL)
        config = header["network"]
        self.log_mel = network.LogMel(header["log_mel"])
        self.eager = network.load(MODEL)
        features = self.ours.array("features", folder / "features")
        self.features = torch.from_numpy(features.reshape(-1, config["n_frames"], config["n_mels"]))
        self.frozen = frozen(self.eager, self.features[:1])
        export(self.eager, self.features[:1], folder / "network.onnx")
        self.onnx = onnx_session(folder / "network.onnx")
        self.onnx_int8 = quickest_int8(folder / "network.onnx", self.features.numpy())
        self.check(self.ours.array("logits", folder / "logits"))

    def check(self, ours):
        """Ends the program if the answers differ."""
        features = self.features.numpy()
        with torch.inference_mode():
            answers = {
                "PyTorch": self.eager(self.features).numpy(),
                "PyTorch, frozen": self.frozen(self.features[:1]).numpy(),
                "onnxruntime": self.onnx.run(None, {"log_mel": features})[0],
            }
        for peer, logits in answers.items():
            furthest = abs(logits - ours[: len(logits)]).max()
            if not furthest <= TOLERANCE:
                raise SystemExit(f"{peer}: logits are {furthest} from ours, at most {TOLERANCE} is right")
        with torch.inference_mode():
            mel = self.log_mel(self.waveforms).numpy()
        if not (furthest := abs(mel - features).max()) <= 1e-2:
            raise SystemExit(f"torchaudio: features are {furthest} from ours")
        if not (furthest := self.ours.ask("furthest-int8")) <= TOLERANCE_INT8:
            raise SystemExit(f"eight bits: logits are {furthest} from floats, at most {TOLERANCE_INT8} is right")
        progress(f"{len(ours)} clips: the same logits from all")


def frozen(model, example):
    """Returns the traced network, frozen and optimised."""
    traced = torch.jit.optimize_for_inference(torch.jit.trace(model, example))
    with torch.inference_mode():
        for _ in range(5):  # its first calls compile
            traced(example)
    return traced


def export(model, example, path: Path):
    """Exports the network to ONNX."""
    axes = {"log_mel": {0: "batch"}, "logits": {0: "batch"}}
    names = {"input_names": ["log_mel"], "output_names": ["logits"]}
    # This exporter needs no further package; the graph is the same.
    torch.onnx.export(model, (example,), path, dynamic_axes=axes, dynamo=False, **names)


def onnx_session(path: Path):
    """Loads a network with full optimisation on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Calibration(quantization.CalibrationDataReader):
    """Gives the features of some clips, from which ranges are taken."""

    def __init__(self, features):
        self.inputs = iter([{"log_mel": features[i : i + 1]} for i in range(len(features))])

    def get_next(self):
        return next(self.inputs, None)


def quickest_int8(path: Path, features):
    """Rounds a network to eight bits, static and per channel, and returns the session of the quickest settings."""
    prepared = path.with_suffix(".prepared.onnx")
    quantization.shape_inference.quant_pre_process(path, prepared)
    sessions = []
    for activations in (quantization.QuantType.QUInt8, quantization.QuantType.QInt8):
        for reduce_range in (False, True):
            file = path.with_suffix(f".{activations}.{reduce_range}.onnx")
            quantization.quantize_static(
                prepared, file, Calibration(features), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                reduce_range=reduce_range, activation_type=activations, weight_type=quantization.QuantType.QInt8)
            session = onnx_session(file)
            measure = cpu_us(lambda: session.run(None, {"log_mel": features[:1]}), N_CLIPS)
            sessions.append((min(measure() for _ in range(3)), len(sessions), session))
    return min(sessions)[2]


def run(table, rounds, data, wanted):
    """Adds the rows of the groups `wanted`."""
    groups = {"network": network_rows, "log-mel": log_mel_rows, "wav": wav_rows, "stream": stream_rows}
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(Path(folder), data)
        for name, group in groups.items():
            if name in wanted:
                group(table, peers, rounds)


def ours_us(peers, command, n_clips):
    return lambda: peers.ours.ask(command, n_clips) * 1e6


def network_rows(table, peers, rounds):
    one, batch = peers.features[:1], peers.features[:BATCH]
    run_onnx = lambda features: lambda: peers.onnx.run(None, {"log_mel": features})
    how = {"unit": "µs", "threads": 1, "clock": "CPU"}

    measured = alternate(rounds, ours_us(peers, "network", N_CLIPS), cpu_us(run_onnx(one.numpy()), N_CLIPS))
    table.at_most(0.65, "network", "onnxruntime", *measured, peers=["onnxruntime"], **how)
    theirs = cpu_us(lambda: peers.onnx_int8.run(None, {"log_mel": one.numpy()}), N_CLIPS)
    measured = alternate(rounds, ours_us(peers, "network-int8", N_CLIPS), theirs)
    table.at_most(0.8, "network, 8 bits", "onnxruntime, 8 bits", *measured, peers=["onnxruntime"], **how)
    # Our engine has no batches, so it takes 32 clips one after another.
    theirs = cpu_us(run_onnx(batch.numpy()), 6, BATCH)
    measured = alternate(rounds, ours_us(peers, "network", 6 * BATCH), theirs)
    table.at_most(0.8, "network, a clip of 32", "onnxruntime", *measured, peers=["onnxruntime"], **how)
    theirs = cpu_us(lambda: peers.eager(one), N_CLIPS)
    measured = alternate(rounds, ours_us(peers, "network", N_CLIPS), theirs)
    table.at_most(0.15, "network", "PyTorch, eager", *measured, peers=["torch"], **how)
    theirs = cpu_us(lambda: peers.frozen(one), N_CLIPS)
    measured = alternate(rounds, ours_us(peers, "network", N_CLIPS), theirs)
    table.at_most(0.3, "network", "PyTorch, frozen", *measured, peers=["torch"], **how)

    # Multiply-adds of plain convolutions: the engine needs fewer, so its share may be above 1.
    multiply_adds = peers.ours.ask("multiply-adds")
    speed = lambda: multiply_adds / peers.ours.ask("network", N_CLIPS) / 1e9
    measured = alternate(rounds, speed, lambda: peers.ours.ask("fma") / 1e9)
    how = {"unit": "G multiply-adds/s", "threads": 1, "clock": "CPU"}
    table.at_least(0.75, "network", "the processor's peak", *measured, **how)


def log_mel_rows(table, peers, rounds):
    one = peers.waveforms[:1]
    theirs = cpu_us(lambda: peers.log_mel(one), N_CLIPS)
    measured = alternate(rounds, ours_us(peers, "log-mel", N_CLIPS), theirs)
    table.at_most(0.12, "log-mel", "torchaudio", *measured, unit="µs", threads=1, clock="CPU", peers=["torchaudio"])


def wav_rows(table, peers, rounds):
    measured = alternate(rounds, ours_us(peers, "wav", N_CLIPS), ours_us(peers, "network", N_CLIPS))
    table.at_most(1.4, "WAV bytes to label", "network alone", *measured, unit="µs", threads=1, clock="CPU")


def stream_rows(table, peers, rounds):
    """Measures a second of sound in which words are searched all the time."""
    ours = {"a second of a live stream": "stream", "a second of a recording": "recording"}
    how = {"unit": "µs", "threads": 1, "clock": "CPU"}
    for work, command in ours.items():
        measured = alternate(rounds, ours_us(peers, command, N_CLIPS), ours_us(peers, "network", N_CLIPS))
        table.at_most(1.2, work, "network alone, once", *measured, **how)
    measured = alternate(rounds, ours_us(peers, "stream", N_CLIPS), open_wake_word_us(peers.waveforms.numpy()))
    table.at_most(1, "a second of a live stream", "openWakeWord, one word", *measured, peers=["openwakeword"], **how)


def open_wake_word_us(waveforms):
    """Returns a function that measures its pipeline with one wake word, in µs of this thread's CPU time per second of sound."""
    import openwakeword

    folder = Path(openwakeword.__file__).parent / "resources/models"
    model = openwakeword.Model(wakeword_model_paths=[str(folder / "alexa_v0.1.onnx")], ncpu=1)
    samples = (waveforms.reshape(-1) * 32767).astype(numpy.int16)
    pieces = numpy.split(samples[: len(samples) // PIECE * PIECE], len(samples) // PIECE)

    def listen():
        for piece in pieces:
            model.predict(piece)

    return cpu_us(listen, 1, len(waveforms))
