"""The encoder: one set of weights, three ways to compute it that agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomeld_build.errors import ConfigError
from geomeld_build.train.encoder.layers import Block, Downsample
from geomeld_build.train.encoder.places import Holes, Packed, Places, Whole
from geomeld_build.train.encoder.sizes import SIZES
from geomeld_build.train.encoder.stems import StemKind, stem_of

__all__ = ["Encoder", "EncoderSpec"]

_STAGES = 4


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What an encoder is."""

    size: str = "tiny"
    bands: int = 12
    patch: int = 16
    """Pixels along a patch: what is masked as one, and what one token of the last stage covers."""
    stem: StemKind = "patch"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ConfigError(f"encoder size {self.size!r}: expected one of {', '.join(SIZES)}")
        if self.patch < 8 or self.patch % 8:
            raise ConfigError(f"patch {self.patch}: expected a multiple of 8, e.g. 16")


class _Stage(nn.Module):
    def __init__(self, inputs: int | None, channels: int, depth: int) -> None:
        super().__init__()
        self.downsample = nn.Identity() if inputs is None else Downsample(inputs, channels)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(depth))

    def forward(self, x: Tensor, places: Places) -> Tensor:
        if isinstance(self.downsample, Downsample):
            x = self.downsample.of_pixels(x, places)
        for block in self.blocks:
            x = block(x, places)
        return x


class Encoder(nn.Module):
    """ConvNeXt V2 over bands.

    Stages have strides of ``patch / 8, / 4, / 2`` and ``patch``, so that a patch is one token of the last.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        """Weights from a truncated normal distribution of deviation 0.02, biases zero."""
        super().__init__()
        self.spec = spec
        size = SIZES[spec.size]
        self.stem = stem_of(spec.stem, spec.bands, size.widths[0], spec.patch // 8)
        before = (None, *size.widths[:-1])
        self.stages = nn.ModuleList(
            _Stage(inputs, channels, depth)
            for inputs, channels, depth in zip(before, size.widths, size.depths, strict=True)
        )
        self.apply(_initialised)

    @property
    def width(self) -> int:
        """Channels of the last stage."""
        return SIZES[self.spec.size].widths[-1]

    def grid_of(self, pixels: Tensor) -> tuple[int, int]:
        """Patches of images ``(sample, band, y, x)`` along y and x.

        Raises:
            ConfigError: they do not divide into patches.
        """
        height, width = pixels.shape[-2:]
        patch = self.spec.patch
        if height % patch or width % patch:
            raise ConfigError(f"images of {height} x {width} pixels do not divide into patches of {patch}")
        return height // patch, width // patch

    def tokens(self, pixels: Tensor, patches: Tensor) -> Tensor:
        """Tokens of some patches, which see each other and nothing else.

        Args:
            pixels: ``(sample, band, y, x)``.
            patches: numbers of patches, row by row from the north-west, ``(sample, patch)`` int64, none twice.

        Returns:
            ``(sample, patch, channel)``, in the order of ``patches``.
        """
        places = Packed.of(patches, self.grid_of(pixels))
        *_, last = self._stages(places.take(pixels.permute(0, 2, 3, 1)), places)
        return last.flatten(1, 3)

    def with_holes(self, pixels: Tensor, patches: Tensor) -> Tensor:
        """The same as ``tokens``, computed on whole maps with zeros in the holes: slow, to compare with."""
        grid = self.grid_of(pixels)
        seen = torch.zeros(pixels.shape[0], grid[0] * grid[1], dtype=torch.bool, device=pixels.device)
        places = Holes(seen.scatter(1, patches, True).unflatten(1, grid))
        *_, last = self._stages(places.only_seen(pixels.permute(0, 2, 3, 1)), places)
        return last.flatten(1, 2).gather(1, patches.unsqueeze(-1).expand(-1, -1, last.shape[-1]))

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Maps ``(sample, channel, y, x)`` of the four stages, of images that are seen whole.

        Args:
            pixels: ``(sample, band, y, x)``; sides that 8 stems do not divide are an error.
        """
        self.grid_of(pixels)
        return [x.permute(0, 3, 1, 2) for x in self._stages(pixels.permute(0, 2, 3, 1), Whole())]

    def _stages(self, x: Tensor, places: Places) -> Iterator[Tensor]:
        x = self.stem.of_pixels(x, places)
        for stage in self.stages:
            x = stage(x, places)
            yield x


def _initialised(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
