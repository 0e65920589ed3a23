"""Trains the same network in PyTorch and prints clips a second: `torch_training.py DATA CLIPS STEPS [channels_last] [compile]`.

A step has augmentation, log-mel, forward, backward and AdamW.
"""

import sys
import time
from pathlib import Path

import numpy
import soundfile
import torch

import clips
import network
import subset
from our_side import MODEL

BATCH = 64
WARM_UP_STEPS = 5
SHIFT = 1600  # samples: 100 ms
KEYWORDS = network.read_header(MODEL)["labels"]


def main():
    data, n_clips, steps, settings = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    torch.manual_seed(1)
    header = network.read_header(MODEL)
    log_mel, model = network.LogMel(header["log_mel"]), network.KeywordCnn(header["network"]).train()
    if "channels_last" in settings:
        model = model.to(memory_format=torch.channels_last)
    network_forward = torch.compile(model) if "compile" in settings else model
    samples, labels, noise = read(data, n_clips)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)

    def step():
        chosen = torch.randint(len(samples), (BATCH,))
        waveforms = augment(samples[chosen].float() / 32_768, noise)
        features = mask(log_mel(waveforms))
        logits = network_forward(features)
        loss = torch.nn.functional.cross_entropy(logits, labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(WARM_UP_STEPS):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    print(steps * BATCH / (time.perf_counter() - start))


def read(data, n_clips):
    """Returns clips [clip, sample], their labels, and background noise, all in memory."""
    paths = subset.words(data)[:n_clips]
    samples = numpy.zeros((len(paths), clips.RATE_HZ), "int16")
    for row, path in zip(samples, paths):
        clip = soundfile.read(path, dtype="int16")[0][: clips.RATE_HZ]
        row[: len(clip)] = clip
    unknown = KEYWORDS.index("_unknown_")
    words = [path.parent.name for path in paths]
    labels = [KEYWORDS.index(word) if word in KEYWORDS else unknown for word in words]
    noise = [soundfile.read(path, dtype="float32")[0] for path in data.glob("_background_noise_/*.wav")]
    return torch.from_numpy(samples), torch.tensor(labels), torch.from_numpy(numpy.concatenate(noise))


def augment(waveforms, noise):
    """Moves each clip by up to 100 ms and adds noise at 0 to 30 dB below it."""
    n_samples = waveforms.shape[1]
    starts = torch.randint(2 * SHIFT, (BATCH, 1)) + torch.arange(n_samples)
    waveforms = torch.nn.functional.pad(waveforms, (SHIFT, SHIFT)).gather(1, starts)
    pieces = noise[torch.randint(len(noise) - n_samples, (BATCH, 1)) + torch.arange(n_samples)]
    power = lambda x: x.square().mean(1, keepdim=True) + 1e-10
    ratio = 10 ** (torch.rand(BATCH, 1) * 3)
    return waveforms + pieces * (power(waveforms) / power(pieces) / ratio).sqrt()


def mask(features, widths=(20, 8)):
    """Masks one stripe of each spectrogram in time and one in frequency (SpecAugment)."""
    for axis, most in zip((1, 2), widths):
        size = features.shape[axis]
        width = torch.randint(most + 1, (BATCH, 1))
        start = (torch.rand(BATCH, 1) * (size - width)).long()
        places = torch.arange(size)
        stripe = (places >= start) & (places < start + width)
        features = features.masked_fill(stripe.unsqueeze(3 - axis), features.min())
    return features


main()
