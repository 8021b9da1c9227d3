"""Layers of ConvNeXt V2. Parameters have the names and shapes that timm gives them; channels are last in memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from geomeld_build.train.encoder.places import Places

__all__ = ["Block", "Downsample", "PatchConv", "ResponseNorm", "widened"]

_EPS = 1e-6


def widened(x: Tensor) -> Tensor:
    """In at least single precision: sums over many pixels of half precision go wrong."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


class ResponseNorm(nn.Module):
    """Global response normalisation, over the pixels of each sample that are seen.

    Statistics over a whole batch, as sparse implementations have them, let one bright sample change the others, and are
    not what a dense network computes afterwards.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., channel)``.
        places: where its pixels are.
        """
        energy = torch.linalg.vector_norm(widened(places.only_seen(x)), dim=places.spatial, keepdim=True)
        share = energy / (energy.mean(dim=-1, keepdim=True) + _EPS)
        return x + torch.addcmul(self.bias, self.weight, x * share.to(x.dtype))


class _Mlp(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        out: Tensor = self.fc2(self.grn(functional.gelu(self.fc1(x)), places))
        return out


class Block(nn.Module):
    """Depthwise 7 x 7, LayerNorm, two linear layers with GELU and response normalisation between them, residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.mlp = _Mlp(channels)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., y, x, channel)``.
        places: where its pixels are.
        """
        return places.only_seen(x + self.mlp(self.norm(places.across(x, self.conv_dw)), places))


class PatchConv(nn.Conv2d):
    """A convolution whose stride is its size: every square of pixels by itself, so a linear layer."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__(inputs, outputs, side, stride=side)

    def of_pixels(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., y, x, channel)``.
        places: where its pixels are.
        """
        weight = self.weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1)
        return functional.linear(places.by_blocks(x, self.kernel_size[0]), weight, self.bias)


class Downsample(nn.Sequential):
    """LayerNorm, then squares of 2 x 2 pixels become one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.LayerNorm(inputs, eps=_EPS), PatchConv(inputs, outputs, 2))

    def of_pixels(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., y, x, channel)``.
        places: where its pixels are.
        """
        norm, conv = self
        assert isinstance(conv, PatchConv), "the second of the two"
        return places.only_seen(conv.of_pixels(norm(x), places))
