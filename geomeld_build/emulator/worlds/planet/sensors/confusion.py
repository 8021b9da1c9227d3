"""Where classified maps are wrong: patches in which a class is taken for one that looks like it.

ESA's validation puts the overall accuracy of WorldCover at 74.4 % (v100, 2020) and 76.7 % (v200, 2021); Dynamic World
agrees with experts on 73.8 % of pixels (Brown et al. 2022, Scientific Data 9:251). Limits are set so that maps agree
with the ground about as often, mixed pixels included. Which classes are confused, and how much more often than others,
is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_hash, cell_normals, kind_hash
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK
from geomeld_build.emulator.worlds.planet.sensors.classes_kernel import add_patches

__all__ = ["Confusion", "Hardness", "patch_draws"]

_SIZES = ((16, 0.8), (5, 0.6))
"""Pixels between the nodes of the patches' noise, and its weight."""

_Small = NDArray[np.float32]


class Hardness:
    """How hard places are to classify: the sum of fields, some of which several maps share."""

    def __init__(self, fields: Sequence[tuple[int, float]]) -> None:
        """Args:
        fields: key and weight of each.
        """
        self._keys = [key for key, _ in fields]
        self._shares = np.array([share for _, share in fields], dtype=np.float32)[:, None, None]

    def at(self, row: int, column: int, factor: float) -> _Small:
        """About normal noise ``(y, x)``, in patches of 50 m to 300 m.

        Args:
            row: of a block of the ground.
            column: of the block.
            factor: on the noise.
        """
        total = np.zeros((BLOCK, BLOCK), dtype=np.float32)
        if factor == 0.0:
            return total
        top, left = row * BLOCK, column * BLOCK
        for size, weight in _SIZES:
            down = np.arange(top // size, (top + BLOCK - 1) // size + 2)
            along = np.arange(left // size, (left + BLOCK - 1) // size + 2)
            drawn = cell_normals([key + size for key in self._keys], down[:, None], along)
            nodes = (self._shares * drawn.astype(np.float32)).sum(axis=0)
            add_patches(total, nodes, size, np.float32(factor * weight), top, left)
        return total


@dataclass(frozen=True, slots=True)
class Confusion:
    """For each class: from which hardness on it is mistaken, and for what."""

    limits: _Small
    """By class; infinity = never."""
    instead: NDArray[np.int64]
    """By class: two others."""

    @classmethod
    def of(cls, rules: Sequence[tuple[float, int, int]]) -> Confusion:
        """Rules in the order of classes: limit and two others."""
        limits = np.array([limit for limit, _, _ in rules], dtype=np.float32)
        return cls(limits, np.array([[first, second] for _, first, second in rules], dtype=np.int64))


def patch_draws(key: int, row: int, column: int, size: int, kinds: int | None = None) -> Floats:
    """Numbers 0..1 of the patches of ``size`` x ``size`` pixels of a block, ``([kind,] patch, patch)``."""
    steps = np.arange(BLOCK // size)
    rows, columns = row * (BLOCK // size) + steps, column * (BLOCK // size) + steps
    return cell_hash(key, rows[:, None], columns) if kinds is None else kind_hash(key, kinds, rows, columns)
