#!/usr/bin/env python3
"""Writes tests/golden: sounds, and their log-mel features, computed by torchaudio in float64.

    pip install torch torchaudio soundfile && apt install espeak-ng
    python3 scripts/golden_log_mel.py

Each `<signal>-<rate>-<channels>.wav` comes with a `.json`. If the rate is not 16 kHz, the expected
features are those of the same sound rendered at 16 kHz. The difference is the error of resampling,
and `tolerance` allows for it.
"""

import io
import json
import pathlib
import subprocess

import numpy as np
import soundfile
import torch
import torchaudio

RATE = 16_000
GOLDEN = pathlib.Path(__file__).parent.parent / "tests" / "golden"
FRONT_END = {"n_fft": 512, "win_length": 480, "hop_length": 160, "n_mels": 40, "log_offset": 1e-6}
OTHER_FRONT_END = {"n_fft": 1024, "win_length": 801, "hop_length": 300, "n_mels": 20, "log_offset": 1e-3}
# f32 alone costs up to 9e-4 on a full-scale sine (torchaudio's own: 3.5e-3), 1e-4 on speech.
TOLERANCE = 1e-3
TOLERANCE_RESAMPLED = 1e-2


def log_mel(samples, log_offset, **front_end):
    """[16000] -> [n_frames, n_mels], the definition of crates/sc-data/src/log_mel.rs."""
    mel = torchaudio.transforms.MelSpectrogram(
        sample_rate=RATE, power=2.0, center=True, pad_mode="reflect", norm=None, mel_scale="htk", **front_end
    )
    features = torch.log(mel(torch.from_numpy(samples)) + log_offset).T
    return np.round(features.numpy(), 5).tolist()


def to_one_second(samples):
    return np.pad(samples, (0, RATE))[:RATE]


def save(name, rate, samples, expected=None, subtype="PCM_16"):
    """`samples`: [n] or [n, channels]; `expected`: the same sound at 16 kHz, if that is another."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    path = GOLDEN / f"{name}-{rate}-{channels}.wav"
    soundfile.write(path, samples, rate, subtype=subtype)
    if expected is None:
        expected, _ = soundfile.read(path, dtype="float64")  # what quantising left
    golden = {
        "torchaudio": torchaudio.__version__,
        "tolerance": TOLERANCE if rate == RATE else TOLERANCE_RESAMPLED,
        "log_mel": log_mel(to_one_second(expected), **FRONT_END),
    }
    write(path.with_suffix(".json"), golden)


def save_other_front_end(name):
    """The features of `<name>-16000-1.wav` by other settings than the default ones."""
    samples, _ = soundfile.read(GOLDEN / f"{name}-{RATE}-1.wav", dtype="float64")
    features = log_mel(to_one_second(samples), **OTHER_FRONT_END)
    golden = {"tolerance": TOLERANCE, "front_end": OTHER_FRONT_END, "log_mel": features}
    write(GOLDEN / f"{name}-front-end.json", golden)


def write(path, golden):
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def speech():
    wav = subprocess.run(["espeak-ng", "--stdout", "seven"], check=True, capture_output=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float64")
    return torchaudio.functional.resample(torch.from_numpy(samples), rate, RATE).numpy()


def tones(rate, hz, seconds=0.5):
    """Sines under a Hann envelope: limited in band, and silent where the recording ends."""
    t = np.arange(int(rate * seconds)) / rate
    envelope = np.sin(np.pi * t / seconds) ** 2
    return sum(np.sin(2 * np.pi * f * t) for f in hz) * envelope / len(hz)


def main():
    torch.set_default_dtype(torch.float64)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    t = np.arange(RATE) / RATE
    impulse = np.zeros(RATE)
    impulse[8_000] = 0.5

    save("speech", RATE, speech())
    save_other_front_end("speech")
    save("sine", RATE, np.sin(2 * np.pi * 1_000 * t))
    save("chirp", RATE, 0.2 * np.sin(2 * np.pi * (50 * t + 3_900 * t**2)))  # 50 Hz to 7.85 kHz
    save("noise", RATE, np.random.default_rng(1).uniform(-0.3, 0.3, RATE))
    save("impulse", RATE, impulse)
    save("silence", RATE, np.zeros(RATE))

    # 24 bits: the noise of 16 would show in the bands that are silent.
    left, right = [300, 1_200], [2_500, 6_000]
    stereo = np.stack([tones(44_100, left), tones(44_100, right)], axis=1)
    mono = (tones(RATE, left) + tones(RATE, right)) / 2
    save("tones", 44_100, stereo, expected=mono, subtype="PCM_24")
    low = [300, 1_200, 2_500]
    save("tones", 8_000, tones(8_000, low), expected=tones(RATE, low), subtype="PCM_24")


if __name__ == "__main__":
    main()
