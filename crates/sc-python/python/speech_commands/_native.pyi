"""The classes of `speech_commands`. They are written in Rust."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, ClassVar, Never, Self, final

from typing_extensions import Buffer

__version__: str

_Path = str | PathLike[str]
_Audio = _Path | bytes | Buffer

# The answers and the detector come from a recognizer: their constructors take what nothing is.

class Error(Exception):
    """Audio, a model or a setting that cannot be used. The text says what is wrong, as the command line does."""

@final
class Prediction:
    """The word in a second of audio."""

    def __new__(cls, _: Never) -> Self: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @property
    def label(self) -> str:
        """The likeliest label."""
    @property
    def confidence(self) -> float:
        """Its probability."""
    @property
    def accepted(self) -> bool:
        """True if `label` is a keyword and `confidence` reaches the threshold. Act on the answer only then."""
    @property
    def predictions(self) -> list[tuple[str, float]]:
        """All labels and their probabilities, likeliest first."""

@final
class Detection:
    """A keyword in audio of any length, with its place."""

    def __new__(cls, _: Never) -> Self: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @property
    def label(self) -> str:
        """The keyword."""
    @property
    def start_s(self) -> float:
        """Its start, in seconds from the first sample."""
    @property
    def end_s(self) -> float:
        """Its end, in seconds from the first sample."""
    @property
    def confidence(self) -> float:
        """How sure the detector is: by the stream, and by a second look at the second around the word."""

@final
class Score:
    """The likeliest label at a time of live audio."""

    def __new__(cls, _: Never) -> Self: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @property
    def time_s(self) -> float:
        """The time up to which sound was heard, in seconds from the first sample."""
    @property
    def label(self) -> str:
        """The label with the highest smoothed probability."""
    @property
    def confidence(self) -> float:
        """That probability."""

@final
class Detector:
    """A stream of samples between two pieces, made by `Recognizer.detector`. After `finish` it is closed."""

    def __new__(cls, _: Never) -> Self: ...
    def push(self, samples: Buffer) -> list[Detection]:
        """Takes more samples, `[n_samples]`, and returns the keywords detected in them.

        The samples are float32 or float64 in [-1, 1], or int16. The answer depends on the samples alone, not on
        the pieces they come in.

        Raises `Error` if a sample is not finite, for more than a minute at once, and if the detector is closed.
        """
    def finish(self) -> list[Detection]:
        """Ends the stream, and returns the keywords detected at its end."""
    @property
    def latest(self) -> Score | None:
        """The likeliest label of the newest answer. The first answer comes after about 0.9 s; before, and after `finish`, it is None."""

@final
class Recognizer:
    """A loaded model. Threads may share it."""

    def __new__(
        cls, path: _Path | None = None, *, threshold: float | None = None, backend: str = "native"
    ) -> Recognizer:
        """Loads a model file, or the model that comes with the package.

        `threshold` replaces the model's own: the least confidence, 0 to 1, at which a keyword is accepted. `backend` is
        "native", which computes in floats, or "native-int8", which computes in eight bits: in half the time or less.

        Raises `Error` if the file is no usable model, or there is no such backend.
        """
    @property
    def backend(self) -> str:
        """What computes: "native", or "native-int8" if it was asked for and the processor has instructions for it."""
    @property
    def labels(self) -> list[str]:
        """All labels, in the order of the logits."""
    @property
    def info(self) -> dict[str, Any]:
        """The model's header: labels, settings, and the training that made it."""
    def classify(self, audio: _Audio, *, sample_rate: float | None = None) -> Prediction:
        """Names the word in the loudest second of audio of up to a minute.

        `audio` is a path, the bytes of a file, or an array `[n_samples]` of one channel: float32 or float64 in
        [-1, 1], or int16. An array needs its `sample_rate`, in Hz, 4,000 to 192,000.

        Raises `Error` if it is no audio that can be used. The text begins with the path, if there is one.
        """
    def classify_many(self, paths: Iterable[_Path]) -> list[Prediction | Error]:
        """Names the word in each file, on all cores, in the order of `paths`.

        In the place of a file that cannot be read is the `Error`. Other Python threads run meanwhile.
        """
    def detect(self, audio: _Audio, *, sample_rate: float | None = None) -> list[Detection]:
        """Detects every keyword in audio of up to ten minutes. Arguments and errors are those of `classify`."""
    def detector(
        self,
        sample_rate: float = 16000,
        *,
        threshold: float | None = None,
        hop_s: float | None = None,
        smoothing_s: float | None = None,
    ) -> Detector:
        """Makes a detector for live samples.

        `threshold` is the least confidence of a detected keyword, `hop_s` the distance between the
        seconds that are classified, and `smoothing_s` the time over which their probabilities are averaged.

        Raises `Error` if the sample rate or a setting is out of range.
        """
    def log_mel(self, audio: _Audio, *, sample_rate: float | None = None) -> list[list[float]]:
        """Returns what the network sees of the loudest second, `[n_frames][n_mels]`: the logarithm of mel power."""
    def logits(self, audio: _Audio, *, sample_rate: float | None = None) -> list[float]:
        """Returns the network's output for the loudest second before it becomes probabilities, `[n_labels]`."""
    def teach(
        self, words: Mapping[str, Iterable[_Audio]], *, sample_rate: float | None = None
    ) -> list[dict[str, Any]]:
        """Teaches words of your own by 3 to 50 recordings of each, each as for `classify`. It takes no training.

        From then on every answer knows them. Returns a report for each word, by name: `used`, `left_out` with the
        reasons, `recall_leave_one_out`, `false_accepts`, `nearest` and `advice`.

        Raises `Error`, and changes nothing, if a word cannot be taught.
        """
    def forget(self, name: str) -> None:
        """Forgets a taught word. Raises `Error` if none has this name."""
    def save(self, path: _Path) -> None:
        """Writes the model to a file, with the threshold that is in use. Raises `Error` if that fails."""
