"""The first layers: from bands to the channels of the first stage, on a grid of ``patch / 8`` pixels."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from geomeld_build.train.encoder.layers import PatchConv
from geomeld_build.train.encoder.places import Places

__all__ = ["MmearthStem", "PatchStem", "Stem", "StemKind", "stem_of"]

StemKind = Literal["patch", "mmearth"]
_EPS = 1e-6


class PatchStem(nn.Sequential):
    """One convolution of squares, then LayerNorm: the stem of ConvNeXt, with which weights open in an ordinary one."""

    def __init__(self, bands: int, channels: int, side: int) -> None:
        super().__init__(PatchConv(bands, channels, side), nn.LayerNorm(channels, eps=_EPS))

    def of_pixels(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., y, x, band)``.
        places: where its pixels are.
        """
        conv, norm = self
        assert isinstance(conv, PatchConv), "the first of the two"
        return places.only_seen(norm(conv.of_pixels(x, places)))


class MmearthStem(nn.Module):
    """That of MMEarth (Nedungadi et al. 2024, arXiv 2405.02771): 3 x 3 at full resolution, then depthwise squares."""

    def __init__(self, bands: int, channels: int, side: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bands, channels, 3, padding=1)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.down = nn.Conv2d(channels, channels, side, stride=side, groups=channels)
        self.down_norm = nn.LayerNorm(channels, eps=_EPS)

    def of_pixels(self, x: Tensor, places: Places) -> Tensor:
        """Args:
        x: ``(sample, ..., y, x, band)``.
        places: where its pixels are.
        """
        x = places.only_seen(functional.gelu(self.norm(places.across(x, self.conv))))
        side, channels = self.down.kernel_size[0], self.down.out_channels
        squares = places.by_blocks(x, side)
        squares = squares.reshape(*squares.shape[:-1], side * side, channels)
        weight = self.down.weight.reshape(channels, side * side).t()
        down = (squares * weight).sum(-2)
        if self.down.bias is not None:
            down = down + self.down.bias
        return places.only_seen(self.down_norm(down))


Stem = PatchStem | MmearthStem


def stem_of(kind: StemKind, bands: int, channels: int, side: int) -> Stem:
    """A stem of a kind.

    Args:
        kind: ``patch`` or ``mmearth``.
        bands: of the input.
        channels: of the first stage.
        side: pixels along a square.
    """
    kinds: dict[StemKind, type[Stem]] = {"patch": PatchStem, "mmearth": MmearthStem}
    return kinds[kind](bands, channels, side)
