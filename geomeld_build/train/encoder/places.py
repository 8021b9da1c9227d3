"""Where the pixels of a feature map are: all of them, those of some patches packed together, or a map with holes.

A layer that looks at one pixel at a time need not know. The two that look further ask: a depthwise convolution, and the
response normalisation that sums over a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Holes", "Packed", "Places", "Whole"]

Convolution = Callable[[Tensor], Tensor]
"""A convolution that keeps the size of a map ``(sample, channel, y, x)``."""


class Places(Protocol):
    """How the pixels of a map lie in memory; channels are last."""

    @property
    def spatial(self) -> tuple[int, ...]:
        """Dimensions that the pixels of one sample are along."""
        ...

    def across(self, x: Tensor, convolution: Convolution) -> Tensor:
        """Apply a convolution that reaches over the edges of patches; pixels that are not there are zero."""
        ...

    def only_seen(self, x: Tensor) -> Tensor:
        """The map with zeros where nothing may be seen."""
        ...

    def by_blocks(self, x: Tensor, side: int) -> Tensor:
        """Join squares of pixels into one: ``(..., y, x, c)`` to ``(..., y / side, x / side, side * side * c)``."""
        ...


def _blocks(x: Tensor, side: int) -> Tensor:
    *before, height, width, channels = x.shape
    x = x.reshape(*before, height // side, side, width // side, side, channels)
    return x.transpose(-4, -3).reshape(*before, height // side, width // side, side * side * channels)


class Whole:
    """An ordinary map ``(sample, y, x, channel)``."""

    spatial: tuple[int, ...] = (1, 2)

    def across(self, x: Tensor, convolution: Convolution) -> Tensor:
        """Apply a convolution."""
        return convolution(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def only_seen(self, x: Tensor) -> Tensor:
        """All is seen."""
        return x

    def by_blocks(self, x: Tensor, side: int) -> Tensor:
        """Join squares of pixels."""
        return _blocks(x, side)


class Holes(Whole):
    """A map with holes: what a submanifold convolution computes, done the long way. The measure of ``Packed``."""

    def __init__(self, seen: Tensor) -> None:
        """Args:
        seen: which patches are seen, ``(sample, y, x)`` bool.
        """
        self._seen = seen

    def only_seen(self, x: Tensor) -> Tensor:
        """Zeros in the holes, at whatever resolution."""
        scale = x.shape[1] // self._seen.shape[1]
        mask = self._seen.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
        return torch.where(mask.unsqueeze(-1), x, torch.zeros((), dtype=x.dtype, device=x.device))

    def across(self, x: Tensor, convolution: Convolution) -> Tensor:
        """Apply a convolution to what is seen."""
        return self.only_seen(super().across(self.only_seen(x), convolution))


@dataclass(frozen=True, slots=True)
class Packed:
    """Some patches of every sample, as many of each: ``(sample, patch, y, x, channel)``.

    All of the network computes these pixels only. A map with zeros is made around the convolutions that reach over the
    edges of patches, which cost a few percent of the rest, and given up again.
    """

    rows: Tensor
    """Where the patches are in the batch: sample times patches of a map, plus the patch, row by row; ``(n,)`` int64."""
    samples: int
    grid: tuple[int, int]
    """Patches of a map, along y and x."""
    _pixels: dict[tuple[int, int], Tensor] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, patches: Tensor, grid: tuple[int, int]) -> Packed:
        """Patches that are seen.

        Args:
            patches: numbers of patches, row by row from the north-west, ``(sample, patch)`` int64, none twice.
            grid: patches of a map, along y and x.
        """
        samples = patches.shape[0]
        first = torch.arange(samples, device=patches.device).unsqueeze(1) * (grid[0] * grid[1])
        return cls((patches + first).flatten(), samples, grid)

    @property
    def spatial(self) -> tuple[int, ...]:
        """Patch, y and x."""
        return (1, 2, 3)

    def pixels(self, tall: int, broad: int) -> Tensor:
        """Where the pixels of the patches are in the pixels of the batch, for patches of ``(tall, broad)`` pixels."""
        known = self._pixels.get((tall, broad))
        if known is None:
            high, wide = self.grid
            sample, patch = self.rows // (high * wide), self.rows % (high * wide)
            line = (sample * high + patch // wide) * tall
            y = line[:, None] + torch.arange(tall, device=self.rows.device)
            x = (patch % wide * broad)[:, None] + torch.arange(broad, device=self.rows.device)
            known = (y[:, :, None] * (wide * broad) + x[:, None, :]).flatten()
            self._pixels[(tall, broad)] = known
        return known

    def take(self, x: Tensor) -> Tensor:
        """The patches of a whole map ``(sample, y, x, channel)``."""
        samples, height, width, channels = x.shape
        tall, broad = height // self.grid[0], width // self.grid[1]
        found = x.reshape(-1, channels).index_select(0, self.pixels(tall, broad))
        return found.reshape(samples, -1, tall, broad, channels)

    def spread(self, x: Tensor) -> Tensor:
        """A whole map ``(sample, y, x, channel)`` with the patches in it, zero elsewhere."""
        samples, _, tall, broad, channels = x.shape
        height, width = self.grid[0] * tall, self.grid[1] * broad
        whole = x.new_zeros(samples * height * width, channels)
        whole = whole.index_copy(0, self.pixels(tall, broad), x.reshape(-1, channels))
        return whole.reshape(samples, height, width, channels)

    def across(self, x: Tensor, convolution: Convolution) -> Tensor:
        """Apply a convolution to a map with zeros around the patches."""
        return self.take(convolution(self.spread(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1))

    def only_seen(self, x: Tensor) -> Tensor:
        """What is packed is seen."""
        return x

    def by_blocks(self, x: Tensor, side: int) -> Tensor:
        """Join squares of pixels; no square crosses an edge of a patch."""
        return _blocks(x, side)
