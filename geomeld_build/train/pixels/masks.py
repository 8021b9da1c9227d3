"""Which patches of a tile are seen: drawn by the tile's id, the epoch and the seed, and by nothing else.

Neither the order of tiles nor the number of processes changes a mask, so that a run that goes on elsewhere sees what it
would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from geomeld_build.draws import mixed, seed_of
from geomeld_build.errors import ConfigError

__all__ = ["MaskRule", "Masks", "draw_order", "masks_of"]

_LEAST_THERE = 0.5


@dataclass(frozen=True, slots=True)
class MaskRule:
    """How much is hidden, of what grid."""

    grid: tuple[int, int]
    """Patches along y and x."""
    ratio: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 <= self.ratio < 1.0:
            raise ConfigError(f"mask ratio {self.ratio}: expected 0 (all is seen) or more, and less than 1")
        if self.seen < 1:
            raise ConfigError(f"mask ratio {self.ratio} of {self.patches} patches leaves none to see")

    @property
    def patches(self) -> int:
        """Of a tile."""
        return self.grid[0] * self.grid[1]

    @property
    def seen(self) -> int:
        """Patches that are seen; as many of every tile."""
        # What is left of a share like 0.7 in binary must not make 19.2 to 19 and 20.0 to 19.
        return int(round(self.patches * (1.0 - self.ratio), 6))


@dataclass(frozen=True, slots=True)
class Masks:
    """Patches by number, row by row from the north-west."""

    seen: Tensor
    """``(sample, patch)`` int64."""
    hidden: Tensor
    """The others: ``(sample, patch)`` int64."""
    fit: Tensor
    """Samples of which enough patches have pixels: ``(sample,)`` bool. The others are no lesson, and counted."""
    hidden_fit: Tensor
    """Hidden patches that have pixels: ``(sample, patch)`` bool."""


def draw_order(tile_ids: Sequence[str], rule: MaskRule, *, seed: int, epoch: int) -> NDArray[np.float32]:
    """A number in [0, 1) for every patch of every tile; the smallest are seen.

    Args:
        tile_ids: of the samples.
        rule: the grid.
        seed: of the run.
        epoch: other epochs, other masks.

    Returns:
        ``(sample, patch)`` float32, no two of a tile alike.
    """
    purpose = f"mask {epoch}"
    keys = np.array([seed_of(str(seed), purpose, tile_id) for tile_id in tile_ids], dtype=np.uint64)
    numbers = mixed(keys[:, None] ^ mixed(np.arange(rule.patches, dtype=np.uint64)))
    # Ranks instead of the numbers themselves: single precision would make ties.
    ranks = numbers.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return (ranks / rule.patches).astype(np.float32)


def masks_of(order: Tensor, there: Tensor, rule: MaskRule) -> Masks:
    """Choose the patches that are seen: the smallest numbers among those at least half of whose pixels are there.

    Args:
        order: ``(sample, patch)``, of ``draw_order``.
        there: ``(sample, band, y, x)`` bool.
        rule: how many.
    """
    any_band = there.any(1, keepdim=True).float()
    side = (there.shape[-2] // rule.grid[0], there.shape[-1] // rule.grid[1])
    filled = functional.avg_pool2d(any_band, side).flatten(1) >= _LEAST_THERE
    ranked = torch.where(filled, order, order + 1.0).argsort(dim=1, stable=True)
    seen, hidden = ranked[:, : rule.seen], ranked[:, rule.seen :]
    return Masks(seen, hidden, filled.sum(1) >= rule.seen, filled.gather(1, hidden))
