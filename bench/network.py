"""The network and the front end of a record in PyTorch: the same layers with the same weights."""

import json

import torch
from safetensors import safe_open
from torch import nn

# The last torchaudio refuses a PyTorch built for another CUDA; nothing here uses either.
torch.version.cuda = None
import torchaudio  # noqa: E402

NORM = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}


class ConvNorm(nn.Module):
    """A convolution over [batch, channel, time, frequency], batch norm and, if asked for, ReLU."""

    def __init__(self, n_in, n_out, kernel, stride, relu, padding=None):
        super().__init__()
        padding = [(k - 1) // 2 for k in kernel] if padding is None else padding
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.relu = relu

    def forward(self, x):
        x = self.norm(self.conv(x))
        return torch.relu(x) if self.relu else x


class Residual(nn.Module):
    """relu(conv2(relu(conv1(x))) + skip(x)), over time."""

    def __init__(self, n_in, channels, kernel, stride):
        super().__init__()
        self.conv1 = ConvNorm(n_in, channels, [kernel, 1], [stride, 1], relu=True)
        self.conv2 = ConvNorm(channels, channels, [kernel, 1], [1, 1], relu=False)
        changes = n_in != channels or stride != 1
        self.skip = ConvNorm(n_in, channels, [1, 1], [stride, 1], relu=False) if changes else nn.Identity()

    def forward(self, x):
        return torch.relu(self.conv2(self.conv1(x)) + self.skip(x))


class KeywordCnn(nn.Module):
    """[batch, time, mel] to [batch, label]."""

    def __init__(self, config):
        super().__init__()
        n_in, n_bands, stem = 1, config["n_mels"], []
        for conv in config["stem"]:
            stem.append(ConvNorm(n_in, conv["channels"], conv["kernel"], conv["stride"], relu=True))
            n_in, n_bands = conv["channels"], (n_bands - 1) // conv["stride"][1] + 1
        self.stem = nn.Sequential(*stem)
        # A 1x1 convolution whose channels are bands and channels, without moving them in memory.
        self.entry = ConvNorm(n_in, config["entry"], [1, n_bands], [1, 1], relu=True, padding=0)
        n_in, blocks = config["entry"], []
        for block in config["blocks"]:
            blocks.append(Residual(n_in, block["channels"], block["kernel"], block["stride"]))
            n_in = block["channels"]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(n_in, config["n_labels"])

    def forward(self, log_mel):
        x = self.blocks(self.entry(self.stem(log_mel.unsqueeze(1))))
        return self.head(x.mean(dim=(2, 3)))


class LogMel(nn.Module):
    """[batch, sample] to [batch, time, mel], by torchaudio."""

    def __init__(self, config):
        super().__init__()
        sizes = {name: config[name] for name in ["n_fft", "win_length", "hop_length", "n_mels"]}
        self.mel = torchaudio.transforms.MelSpectrogram(sample_rate=16_000, **sizes)
        self.offset = config["log_offset"]

    def forward(self, waveforms):
        return torch.log(self.mel(waveforms) + self.offset).transpose(-1, -2)


def read_header(path):
    """Returns the header of a record."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["speech-commands"])


def load(path):
    """Returns the record's network with its weights, ready to answer."""
    network = KeywordCnn(read_header(path)["network"])
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, ConvNorm)}
    state = {}
    with safe_open(path, "pt") as file:
        for name in file.keys():
            layer, part = name.rsplit(".", 1)
            if name.startswith("words.") or part == "units":
                continue  # the space of words is no part of the network
            tensor = file.get_tensor(name)
            if tensor.dtype == torch.int8:
                tensor = tensor * file.get_tensor(f"{name}.units")
            if layer == "head":
                state[name] = tensor.T if part == "weight" else tensor
            elif part == "weight":
                state[f"{layer}.conv.weight"] = _kernel(tensor, layers[layer].conv)
            else:
                state[f"{layer}.norm.{NORM[part]}"] = tensor
    missing, unexpected = network.load_state_dict(state, strict=False)
    # The counter of batches seen is PyTorch's own.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    return network.eval()


def _kernel(weight, conv):
    """[time, frequency, in, out] to [out, in, time, frequency]; the entry's inputs are [frequency, in]."""
    kernel = conv.kernel_size
    return weight.reshape(kernel[0], kernel[1], -1, weight.shape[-1]).permute(3, 2, 0, 1).contiguous()
