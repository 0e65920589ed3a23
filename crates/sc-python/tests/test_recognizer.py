"""The package as its users call it."""

import _thread
import array
import ast
import copy
import inspect
import io
import json
import multiprocessing
import os
import pickle
import pydoc
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest
from conftest import EXAMPLES, GOLDEN, ROOT, programs

import speech_commands as sc
from speech_commands.__main__ import answers, files

np = pytest.importorskip("numpy")

SPEECH = GOLDEN / "speech-16000-1.wav"
STUB = ast.parse(Path(sc.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))


def read(path):
    """Returns a WAV file's 16-bit samples of one channel, and its rate."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate()


def wav(samples, rate):
    """Returns the bytes of a WAV file of one channel."""
    with wave.open(bytes_of := io.BytesIO(), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", None))
        file.writeframes(samples.tobytes())
    return bytes_of.getvalue()


def takes(samples, rate):
    """Returns three recordings of a word, of which no two are the same."""
    return [wav((gain * samples).astype(np.int16), rate) for gain in (1.0, 0.9, 0.8)]


class Tensor:
    """What is no array, but makes one of itself, as those of torch and pandas do."""

    def __init__(self, samples):
        self.samples = samples

    def __array__(self):
        if isinstance(self.samples, BaseException):
            raise self.samples
        return self.samples

    def __iter__(self):
        return iter(self.samples)


def test_the_examples_are_the_words_they_say(recognizer):
    for word in ["yes", "stop"]:
        answer = recognizer.classify(EXAMPLES / f"{word}.mp3")
        assert (answer.label, answer.accepted) == (word, True)
    assert not recognizer.classify(EXAMPLES / "banana.mp3").accepted


def test_eight_bits_answer_alike(recognizer):
    eight_bits = sc.Recognizer(backend="native-int8")
    assert recognizer.backend == "native"
    assert eight_bits.backend in ["native-int8", "native"]  # the latter on a processor that cannot
    for word in ["yes", "stop", "banana"]:
        path = EXAMPLES / f"{word}.mp3"
        answer, expected = eight_bits.classify(path), recognizer.classify(path)
        assert (answer.label, answer.accepted) == (expected.label, expected.accepted)
        assert answer.confidence == pytest.approx(expected.confidence, abs=0.05)
    with pytest.raises(sc.Error, match="native-int8"):
        sc.Recognizer(backend="int8")


def test_a_path_its_bytes_and_its_samples_have_one_answer(recognizer):
    path = GOLDEN / "speech-16000-1.wav"
    samples, rate = read(path)
    expected = recognizer.classify(path)
    assert recognizer.classify(str(path)) == expected
    for file in [path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes())]:
        assert recognizer.classify(file) == expected, type(file)
    assert recognizer.classify(samples, sample_rate=rate) == expected
    floats = samples.astype(np.float32) / 32768
    for numbers in [floats, floats.astype(np.float64), array.array("f", floats), memoryview(floats), np.repeat(floats, 2)[::2]]:
        assert recognizer.classify(numbers, sample_rate=rate) == expected, type(numbers)
    assert recognizer.classify(samples.astype(np.int32) << 16, sample_rate=rate) == expected  # of 24 or 32 bits, at full scale
    for halves in ["<f2", ">f2"]:
        assert recognizer.classify(floats.astype(halves), sample_rate=rate).label == expected.label, halves


def test_what_makes_an_array_of_itself_is_taken_as_one(recognizer):
    samples, rate = read(SPEECH)
    tensor = Tensor(samples)
    assert recognizer.classify(tensor, sample_rate=rate) == recognizer.classify(samples, sample_rate=rate)
    assert recognizer.detector(rate).push(tensor) == recognizer.detector(rate).push(samples)


def test_an_array_without_a_mask_is_not_a_masked_one(recognizer):
    samples, rate = read(SPEECH)
    tensor = Tensor(samples)
    tensor.filled = True
    assert recognizer.classify(tensor, sample_rate=rate) == recognizer.classify(samples, sample_rate=rate)
    tensor.mask = len  # a method, as of pandas
    assert recognizer.classify(tensor, sample_rate=rate) == recognizer.classify(samples, sample_rate=rate)


def test_numbers_in_another_order_of_bytes_are_refused(recognizer):
    samples, rate = read(SPEECH)
    foreign = ">" if sys.byteorder == "little" else "<"
    for dtype in ["i2", "i4", "f4", "f8"]:
        with pytest.raises(sc.Error, match="order of bytes"):
            recognizer.classify(samples.astype(foreign + dtype), sample_rate=rate)
    with pytest.raises(sc.Error, match="order of bytes"):
        recognizer.detector(rate).push(samples.astype(foreign + "i2"))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no processes are forked here")
def test_a_forked_process_classifies_many_files(recognizer):
    files = [EXAMPLES / "yes.mp3"] * 8
    recognizer.classify_many(files)
    process = multiprocessing.get_context("fork").Process(target=recognizer.classify_many, args=(files,))
    process.start()
    process.join(60)
    process.kill()
    assert process.exitcode == 0


def test_probabilities_add_up_to_one_in_their_order(recognizer):
    answer = recognizer.classify(EXAMPLES / "yes.mp3")
    values = [probability for _, probability in answer.predictions]
    assert values == sorted(values, reverse=True) and abs(sum(values) - 1) < 1e-5
    assert {label for label, _ in answer.predictions} == set(recognizer.labels)
    assert answer.predictions[0] == (answer.label, answer.confidence)


def test_many_files_have_the_answers_of_each_and_errors_in_their_places(recognizer):
    paths = [EXAMPLES / "yes.mp3", ROOT / "README.md", EXAMPLES / "stop.mp3", "nowhere.wav"]
    yes, no_audio, stop, missing = recognizer.classify_many(path for path in paths)
    assert recognizer.classify_many(np.array([str(paths[0])]))[0] == yes  # an array of paths is a list, too
    assert [yes, stop] == [recognizer.classify(path) for path in paths[::2]]
    assert isinstance(no_audio, sc.Error) and str(no_audio).startswith(f"{paths[1]}: not an audio file")
    assert isinstance(missing, sc.Error) and str(missing).startswith("nowhere.wav: ")


def test_many_arrays_have_the_answers_of_each_and_what_is_no_audio_costs_no_other(recognizer):
    samples, rate = read(SPEECH)
    batch = np.stack([samples, samples[::-1]])
    expected = [recognizer.classify(row, sample_rate=rate) for row in batch]
    for many in [batch, [*batch], map(Tensor, batch)]:
        assert recognizer.classify_many(many, sample_rate=rate) == expected
    path, none, missing, bytes_of, array_of = recognizer.classify_many(
        [SPEECH, None, os.fsencode(SPEECH), SPEECH.read_bytes(), samples / 32_768], sample_rate=rate
    )
    assert path == bytes_of == array_of == expected[0]
    assert isinstance(none, sc.Error) and str(none).startswith("NoneType: expected a path")
    assert isinstance(missing, sc.Error) and str(missing).startswith("not an audio file")
    with pytest.raises(KeyboardInterrupt):
        recognizer.classify_many([Tensor(KeyboardInterrupt())], sample_rate=rate)


def test_an_iterator_that_ended_is_not_asked_again(recognizer):
    class Once:
        asked = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.asked += 1
            if self.asked > 1:
                raise StopIteration
            return SPEECH

    recordings = Once()
    assert recognizer.classify_many(recordings) == [recognizer.classify(SPEECH)]
    assert recordings.asked == 2


def test_an_answer_is_a_row_with_the_names_of_the_servers_json(recognizer):
    answer = recognizer.classify(SPEECH)
    scored = [{"label": label, "probability": value} for label, value in answer.predictions]
    row = {"label": answer.label, "confidence": answer.confidence, "accepted": answer.accepted, "predictions": scored}
    assert answer.to_dict() == row
    found = recognizer.detect(EXAMPLES / "several.mp3")[0]
    row = {"label": found.label, "start_s": found.start_s, "end_s": found.end_s, "confidence": found.confidence}
    assert found.to_dict() == row


def test_other_threads_run_while_many_files_are_classified(recognizer):
    ended = threading.Event()
    times = []

    def tick():
        while not ended.wait(0.001):
            times.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    recognizer.classify_many([EXAMPLES / "yes.mp3"] * 300)
    end = time.monotonic()
    ended.set()
    thread.join()
    # If the call kept the interpreter's lock, the thread could run once before it and once after it.
    assert sum(start < moment < end for moment in times) > 5


@pytest.fixture
def ctrl_c():
    """Returns what raises `KeyboardInterrupt`, also in a shell's background job, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield _thread.interrupt_main
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_heard_while_many_long_files_are_classified(recognizer, tmp_path, ctrl_c):
    (tmp_path / "long.wav").write_bytes(wav(np.zeros(60 * 48_000, np.int16), 48_000))
    start = time.monotonic()
    recognizer.classify(tmp_path / "long.wav")
    for_one = time.monotonic() - start
    threading.Timer(0.1, ctrl_c).start()
    with pytest.raises(KeyboardInterrupt):
        recognizer.classify_many([tmp_path / "long.wav"] * 4_096)
    assert time.monotonic() - start < 1 + 64 * for_one


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_calls(recognizer):
    samples, rate = read(GOLDEN / "speech-16000-1.wav")

    def resident_after(n_calls):
        for _ in range(n_calls):
            recognizer.classify(samples, sample_rate=rate)
            with pytest.raises(sc.Error):
                recognizer.classify(samples, sample_rate=0)
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    before = resident_after(300)
    assert resident_after(1_000) - before < 4_000, "kB"


def test_live_pieces_of_any_size_have_the_detections_of_the_whole(recognizer):
    audio, rate = read(GOLDEN / "speech-16000-1.wav")
    audio = np.tile(audio, 3)
    whole = recognizer.detect(audio, sample_rate=rate)
    for size in [160, 4_001]:
        detector = recognizer.detector(rate)
        found = [one for start in range(0, len(audio), size) for one in detector.push(audio[start : start + size])]
        assert found + detector.finish() == whole, size


def test_every_keyword_of_a_recording_is_found_in_its_place(recognizer):
    found = recognizer.detect(EXAMPLES / "several.mp3")
    assert len(found) > 1 and all(one.label in recognizer.labels for one in found)
    times = [time for one in found for time in (one.start_s, one.end_s)]
    assert times == sorted(times)


def test_results_print_what_they_are(recognizer):
    assert re.fullmatch(r"Prediction\(label=\"yes\", confidence=[0-9.]+, accepted=True\)", repr(recognizer.classify(EXAMPLES / "yes.mp3")))
    assert repr(recognizer.detect(EXAMPLES / "several.mp3")[0]).startswith('Detection(label="')
    assert repr(recognizer).startswith("Recognizer(labels=[")


def test_a_saved_model_answers_the_same_and_keeps_its_threshold(recognizer, tmp_path):
    strict = sc.Recognizer(threshold=1.0)
    assert not strict.classify(EXAMPLES / "yes.mp3").accepted
    strict.save(tmp_path / "strict.safetensors")
    loaded = sc.Recognizer(tmp_path / "strict.safetensors")
    assert loaded.info["threshold"] == loaded.threshold == 1.0
    assert loaded.logits(EXAMPLES / "yes.mp3") == recognizer.logits(EXAMPLES / "yes.mp3")


def test_a_saved_model_gives_a_taught_word_the_same_confidence(tmp_path):
    strict = sc.Recognizer(threshold=0.99)
    strict.teach({"banana": takes(*read(SPEECH))})
    strict.save(tmp_path / "taught.safetensors")
    answer, expected = (one.classify(SPEECH) for one in [sc.Recognizer(tmp_path / "taught.safetensors"), strict])
    assert (answer.label, answer.accepted) == (expected.label, expected.accepted)
    assert answer.confidence == pytest.approx(expected.confidence, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda r: r.classify(b""), "the recording is empty"),
        (lambda r: r.classify(b"no sound"), "not an audio file"),
        (lambda r: r.classify(b"RIFF"), "audio|WAV"),
        (lambda r: r.classify(bytes(9), sample_rate=16_000), r"not an audio file: .*; 16-bit samples in bytes are an array by `mem"),
        (lambda r: r.classify(bytearray(9), sample_rate=16_000), r"not an audio file: .*; 16-bit samples in bytes"),
        (lambda r: r.classify(np.zeros(9, np.uint8), sample_rate=16_000), r"not an audio file: .*; 8-bit samples are an array by"),
        (lambda r: r.classify("nowhere.wav"), r"nowhere\.wav: "),
        (lambda r: r.classify(None), "NoneType: expected a path, the bytes of a file, or an array"),
        (lambda r: r.classify([0.0] * 16_000, sample_rate=16_000), "list: expected"),
        (lambda r: r.classify(np.zeros(9, np.int64), sample_rate=16_000), "ndarray of int64: expected a path, .* by `samples / 32_768`"),
        (lambda r: r.classify(np.zeros(9, np.int8), sample_rate=16_000), "ndarray of int8: .*; 8-bit samples .* by `samples / 128`"),
        (lambda r: r.classify(np.zeros(9, np.uint16), sample_rate=16_000), "uint16: .*; 16-bit samples without a sign are an array by"),
        (lambda r: r.classify(Tensor(np.zeros(9, bool)), sample_rate=16_000), "ndarray of bool: expected a path, .* or int32$"),
        (lambda r: r.classify(np.ma.masked_less(np.zeros(9, "f"), 1), sample_rate=16_000), r"a masked array: .*\.filled\(0\)"),
        (lambda r: r.classify(Tensor(RuntimeError("requires grad")), sample_rate=16_000), "^RuntimeError: requires grad$"),
        (lambda r: r.classify(np.zeros((2, 9), np.float32), sample_rate=16_000), r"2 dimensions: .* as `samples\[0\]`"),
        (lambda r: r.classify(np.zeros((9, 2), np.float32), sample_rate=16_000), r"2 dimensions: .* as `samples\[:, 0\]`"),
        (lambda r: r.classify(np.zeros((2, 1, 9), np.float32), sample_rate=16_000), r"3 dimensions: .*\[n_samples\]$"),
        (lambda r: r.classify(np.zeros(16_000, np.float32)), "needs its sample_rate"),
        (lambda r: r.classify(np.zeros(0, np.float32), sample_rate=16_000), "no samples"),
        (lambda r: r.classify(np.full(9, np.nan, np.float32), sample_rate=16_000), "not a finite number"),
        (lambda r: r.classify(np.full(9, 8_123, np.float32), sample_rate=16_000), "a sample of 8123: expected samples in"),
        (lambda r: r.detector().push(np.full(9, 8_123, np.float32)), "a sample of 8123: expected samples in"),
        (lambda r: r.detector().push(bytes(9)), "^bytes: expected an array of float16, .*; 16-bit samples in bytes are an array by"),
        (lambda r: r.detector().push(np.zeros(9, np.uint8)), "^ndarray of uint8: expected .*; 8-bit samples are an array by"),
        (lambda r: r.detector().push("one.wav"), "^str: expected an array of float16, float32, float64, int16 or int32$"),
        (lambda r: r.classify(np.zeros(9, np.float32), sample_rate=0), "sample rate"),
        (lambda r: r.classify(np.zeros(9, np.float32), sample_rate=float("nan")), "sample rate"),
        (lambda r: r.classify(np.zeros(9, np.float32), sample_rate=-1), "a sample rate of -1 Hz"),
        (lambda r: r.classify(np.zeros(61 * 16_000, np.float32), sample_rate=16_000), "longer than 60 s"),
        (lambda r: r.teach({"lights": [np.zeros(9, np.float32)]}), "needs its sample_rate"),
        (lambda r: r.teach({"lights": "one.wav"}), "str: expected a list"),
        (lambda r: r.teach({"lights": Path("one.wav")}), "Path: expected a list"),
        (lambda r: r.teach({"lights": b"RIFF"}), "bytes: expected a list"),
        (lambda r: r.teach({"lights": bytearray(b"RIFF")}), "bytearray: expected a list"),
        (lambda r: r.teach({"lights": io.BytesIO(b"RIFF")}), "BytesIO: expected a list"),
        (lambda r: r.teach({"lights": array.array("f", [0.0] * 9)}, sample_rate=16_000), "array: expected a list"),
        (lambda r: r.teach({"lights": np.array(["one.wav"], object)}), "one.wav"),
        (lambda r: r.teach({"lights": np.zeros(9, np.float32)}, sample_rate=16_000), "ndarray: expected a list"),
        (lambda r: r.teach([("lights", ["one.wav"])]), "^list: expected a dict of words and their recordings"),
        (lambda r: r.teach(None), "^NoneType: expected a dict"),
        (lambda r: r.teach({1: ["one.wav"]}), "^1: expected the name of a word"),
        (lambda r: r.classify_many(Tensor(np.zeros(9, np.float32)), sample_rate=16_000), "Tensor: expected a list"),
        (lambda r: r.classify_many(np.ma.masked_less(np.zeros(9, "f"), 1), sample_rate=16_000), "MaskedArray: expected a list"),
        (lambda r: r.classify_many("one.wav"), "str: expected a list"),
        (lambda r: r.classify_many(1), "int: expected a list"),
        (lambda r: r.detector(sample_rate=0), "sample rate"),
        (lambda r: r.detector(threshold=1.5), "a threshold of 1.5: expected 0 to 1"),
        (lambda r: r.detector(hop_s=float("nan")), "a hop of NaN s"),
        (lambda r: sc.Recognizer(b"model"), "^bytes: expected the path of a model file"),
        (lambda r: sc.Recognizer(threshold=-1.0), "a threshold of -1: expected 0 to 1"),
        (lambda r: r.save("nowhere/model.safetensors"), "cannot write nowhere/model.safetensors"),
    ],
)
def test_what_cannot_be_used_raises_one_error_with_plain_words(recognizer, call, text):
    with pytest.raises(sc.Error, match=text):
        call(recognizer)


def test_what_an_array_raises_is_the_cause_and_an_interrupt_stays_one(recognizer):
    raised = RuntimeError("requires grad")
    with pytest.raises(sc.Error) as error:
        recognizer.classify(Tensor(raised), sample_rate=16_000)
    assert error.value.__cause__ is raised
    for call in [recognizer.classify, recognizer.classify_many]:
        with pytest.raises(KeyboardInterrupt):
            call(Tensor(KeyboardInterrupt()), sample_rate=16_000)


def test_a_closed_detector_says_so(recognizer):
    detector = recognizer.detector()
    detector.finish()
    for call in [detector.finish, lambda: detector.push(np.zeros(9, np.float32))]:
        with pytest.raises(sc.Error, match="closed"):
            call()


def test_a_damaged_model_is_refused(recognizer, tmp_path):
    recognizer.save(tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    other_weights = whole[:1_000_000] + b"\0" * 4_000 + whole[1_004_000:]  # of the network
    other_version = re.sub(rb'(format_version\\":)\d', rb"\g<1>9", whole)
    assert whole != other_version
    for damaged in [b"", b"no model", whole[:9_000], whole[:-1], other_weights, other_version]:
        (tmp_path / "damaged.safetensors").write_bytes(damaged)
        with pytest.raises(sc.Error, match="not a usable model"):
            sc.Recognizer(tmp_path / "damaged.safetensors")
    with pytest.raises(sc.Error, match=r"cannot read .*missing\.safetensors"):
        sc.Recognizer(tmp_path / "missing.safetensors")


def test_answers_are_made_by_a_recognizer_and_do_not_change(recognizer):
    for one in [recognizer.classify(SPEECH), recognizer.detect(EXAMPLES / "several.mp3")[0], recognizer.detector()]:
        with pytest.raises(TypeError):
            type(one)()
    with pytest.raises(AttributeError):
        recognizer.classify(SPEECH).label = "no"


def test_answers_are_copied_and_pickled_and_a_recognizer_is_not(recognizer):
    detector = recognizer.detector()
    found = detector.push(np.tile(read(SPEECH)[0], 3))
    for one in [recognizer.classify(SPEECH), detector.latest, *found, recognizer.detect(EXAMPLES / "several.mp3")[0]]:
        for other in [pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)]:
            assert type(other) is type(one) and other == one
    with pytest.raises(TypeError):
        pickle.dumps(recognizer)


CLASSES = [node for node in STUB.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


@pytest.mark.parametrize("described", CLASSES, ids=lambda node: node.name)
def test_type_checkers_are_told_what_is_there(described):
    real = {name: member for name, member in vars(getattr(sc, described.name)).items() if not name.startswith("_")}
    stub = {node.name: node for node in described.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
    fields = {node.target.id for node in described.body if isinstance(node, ast.AnnAssign) and not node.target.id.startswith("_")}
    assert stub.keys() | fields == real.keys()
    for name, node in stub.items():
        assert real[name].__doc__, name
        assert bool(node.decorator_list) == inspect.isdatadescriptor(real[name]), name
        if not node.decorator_list:
            assert [one.arg for one in node.args.args + node.args.kwonlyargs] == list(inspect.signature(real[name]).parameters), name


def test_help_says_what_a_call_takes_and_what_it_raises():
    text = pydoc.render_doc(sc.Recognizer, renderer=pydoc.plaintext) + pydoc.render_doc(sc.Detector, renderer=pydoc.plaintext)
    text = " ".join(text.replace("|", " ").split())
    for said in [
        "path=None, *, threshold=None, backend='native'",
        "the least confidence, 0 to 1,",
        '"native-int8", which computes in eight bits',
        "audio of up to a minute",
        "audio of up to ten minutes",
        "float16, float32 or float64 in [-1, 1], or int16 or int32 at full scale",
        "in Hz, 4,000 to 192,000",
        "sample_rate=16000",
        "0.01 to 1 s, or 0.08",
        "0 to 1 s, or 0.24",
        "3 to 50 recordings",
        "a detector that was made before does not",
        "Raises `Error` if it is no audio that can be used",
        "for more than a minute at once",
    ]:
        assert said in text, said


def test_a_checker_of_stubs_finds_no_fault(tmp_path):
    pytest.importorskip("mypy")
    check = [sys.executable, "-m", "mypy.stubtest", "speech_commands"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(*arguments, stdin=None, stdout=subprocess.PIPE):
    program = [sys.executable, "-m", "speech_commands", *map(str, arguments)]
    return subprocess.run(program, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_the_command_prints_a_row_a_file():
    done = run(EXAMPLES / "yes.mp3", ROOT / "README.md")
    yes, unreadable = done.stdout.splitlines()
    assert re.fullmatch(rf"yes +[0-9.]+ %  accepted  {re.escape(str(EXAMPLES))}/yes.mp3", yes)
    assert unreadable.startswith("unreadable ") and "not an audio file" in unreadable
    assert (done.returncode, done.stderr) == (1, "")


def test_the_command_hears_standard_input():
    ours, theirs = socket.socketpair()
    with ours, theirs, open(EXAMPLES / "yes.mp3", "rb") as recording:
        ours.sendall((EXAMPLES / "yes.mp3").read_bytes())
        ours.shutdown(socket.SHUT_WR)
        for stdin in [recording, theirs]:
            row = run("-", stdin=stdin).stdout
            assert row.startswith("yes ") and row.endswith(" -\n"), row
    assert run("-", stdin=subprocess.DEVNULL).stdout.endswith(" -: the recording is empty: it holds no samples\n")


def test_ctrl_c_ends_the_command_without_a_traceback_though_it_waits_for_standard_input():
    program = [sys.executable, "-m", "speech_commands", str(EXAMPLES / "yes.mp3"), "-"]
    pipe = subprocess.PIPE
    heeds = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a shell's background job does not
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=heeds) as waiting:
        assert waiting.stdout.readline().startswith(b"yes ")  # now it waits for the other
        waiting.send_signal(signal.SIGINT)
        assert (waiting.wait(60), waiting.stderr.read()) == (130, b"")


def test_standard_input_that_cannot_be_read_loses_no_other_answer(tmp_path):
    with open(tmp_path / "out", "wb") as unreadable:
        rows = run("-", EXAMPLES / "yes.mp3", stdin=unreadable).stdout.splitlines()
    assert rows[0].endswith("-: [Errno 9] Bad file descriptor") and rows[1].startswith("yes "), rows


def test_the_command_says_that_standard_input_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    (answer,) = answers(None, ["-"])
    assert str(answer) == "-: standard input is closed"


def test_a_hyphen_is_no_folder(tmp_path, monkeypatch):
    (tmp_path / "-").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [*files(["-"])] == ["-"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_the_command_says_that_the_disk_is_full():
    with open("/dev/full", "w") as full:
        done = run(EXAMPLES / "yes.mp3", stdout=full)
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


def test_the_command_prints_json_and_detections():
    rows = [json.loads(line) for line in run("--json", "--detect", EXAMPLES / "several.mp3").stdout.splitlines()]
    assert rows[0]["detections"][0].keys() == {"label", "start_s", "end_s", "confidence"}
    assert json.loads(run("--json", EXAMPLES / "yes.mp3").stdout)["predictions"][0]["label"] == "yes"


def test_the_command_follows_links_and_prints_any_name(tmp_path):
    (tmp_path / "linked").symlink_to(EXAMPLES)
    (tmp_path / "back").symlink_to(tmp_path)
    odd = os.fsencode(tmp_path) + b"/caf\xe9.mp3"
    Path(os.fsdecode(odd)).write_bytes((EXAMPLES / "yes.mp3").read_bytes())
    rows = run(tmp_path).stdout.splitlines()
    assert len(rows) == 1 + len([*EXAMPLES.glob("[!.]*")])
    assert rows[0].startswith("yes") and rows[0].endswith("caf\\udce9.mp3")


@pytest.mark.parametrize("end", ["", os.sep, os.sep + "."])
def test_a_link_back_gives_no_file_twice(tmp_path, end):
    (tmp_path / "below").mkdir()
    (tmp_path / "one.wav").touch()
    (tmp_path / "below" / "back").symlink_to(tmp_path)
    assert [*map(Path, files([f"{tmp_path}{end}"]))] == [tmp_path / "one.wav"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_folder_is_not_waited_for_and_a_broken_link_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "broken.wav").symlink_to("nowhere")
    assert [*files([str(tmp_path)])] == [str(tmp_path / "broken.wav")]


def test_the_command_refuses_a_folder_without_files(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: no file in {tmp_path}: expected recordings, or folders of them\n"


def test_the_command_has_an_answer_before_the_next():
    is_out = threading.Event()

    def recognize(path):
        assert path == "first" or is_out.wait(10)
        return path

    found = answers(recognize, ["first", "second"])
    assert next(found) == "first"
    is_out.set()
    assert next(found) == "second"


def test_the_command_computes_with_the_backend_that_it_is_told():
    assert run("--backend", "native-int8", EXAMPLES / "yes.mp3").stdout.startswith("yes")
    refused = run("--backend", "int8", EXAMPLES / "yes.mp3")
    assert refused.returncode == 1 and "native-int8" in refused.stderr and "Traceback" not in refused.stderr


def test_the_command_says_why_a_model_is_refused():
    done = run("--model", ROOT / "README.md", EXAMPLES / "yes.mp3")
    assert done.returncode == 1 and "not a usable model" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("program", programs("speech_commands"))
def test_the_programs_of_the_documents_hear_the_word(program):
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("yes"), done.stdout


def test_a_word_is_taught_saved_and_forgotten(tmp_path):
    recognizer = sc.Recognizer()
    before = recognizer.classify(SPEECH)
    _, *quieter = takes(*read(SPEECH))
    (report,) = recognizer.teach({"банан": [SPEECH, *quieter]})
    assert (report["name"], report["used"]) == ("банан", [str(SPEECH), "2", "3"]), report
    answer = recognizer.classify(SPEECH)
    assert (answer.label, answer.accepted) == ("банан", True)
    assert recognizer.classify(EXAMPLES / "yes.mp3").label == "yes"
    recognizer.save(tmp_path / "taught.safetensors")
    assert sc.Recognizer(tmp_path / "taught.safetensors").classify(SPEECH).label == "банан"
    with pytest.raises(sc.Error, match="knows `банан` already"):
        recognizer.teach({"банан": [SPEECH, *quieter]})
    with pytest.raises(sc.Error, match="1 of 1 recordings"):
        recognizer.teach({"lights": [SPEECH]})
    recognizer.forget("банан")
    assert recognizer.classify(SPEECH) == before


def test_words_of_another_copy_are_joined(tmp_path):
    learner, other = sc.Recognizer(), sc.Recognizer()
    learner.teach({"банан": takes(*read(SPEECH))})
    learner.save(tmp_path / "taught.safetensors")
    assert other.join(tmp_path / "taught.safetensors") == ["банан"]
    assert other.classify(SPEECH) == learner.classify(SPEECH)
    assert other.join(tmp_path / "taught.safetensors") == []
    with pytest.raises(sc.Error, match="that model was taught no word"):
        other.join(ROOT / "assets/model.safetensors")


def test_an_error_tells_programs_why_a_word_is_refused(recognizer):
    for call, reason in [
        (lambda: recognizer.teach({"yes": [SPEECH]}), "known"),
        (lambda: recognizer.teach({"lights": [SPEECH]}), "too_few"),
        (lambda: recognizer.forget("банан"), "not_taught"),
        (lambda: recognizer.classify(b""), None),
    ]:
        with pytest.raises(sc.Error) as refused:
            call()
        assert refused.value.reason == reason


def test_a_recording_that_cannot_be_read_is_named_once():
    recognizer = sc.Recognizer()
    (report,) = recognizer.teach({"lights": [*takes(*read(SPEECH)), "nowhere.wav"]})
    (left_out,) = report["left_out"]
    assert left_out["name"] == "nowhere.wav" and "nowhere.wav" not in left_out["message"]
    with pytest.raises(sc.Error) as refused:
        recognizer.teach({"banana": ["one.wav", "two.wav", "three.wav"]})
    assert str(refused.value).count("one.wav") == 1


def test_words_are_any_mapping_and_their_recordings_any_iterable_of_arrays():
    recognizer = sc.Recognizer()
    samples, rate = read(SPEECH)
    arrays = (gain * samples / 32_768 for gain in (1.0, 0.9, 0.8))
    (report,) = recognizer.teach(MappingProxyType({"lights": arrays}), sample_rate=rate)
    assert report["used"] == ["1", "2", "3"], report


def test_two_threads_that_teach_lose_no_word():
    recognizer = sc.Recognizer()
    samples, rate = read(SPEECH)
    words = {"forth": takes(samples, rate), "back": takes(samples[::-1], rate)}
    with ThreadPoolExecutor(len(words)) as threads:
        list(threads.map(lambda word: recognizer.teach({word: words[word]}), words))
    assert set(recognizer.labels[-2:]) == set(words)
