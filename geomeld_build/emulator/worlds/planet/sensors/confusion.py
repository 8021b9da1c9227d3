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

from geomeld_build.emulator.worlds.planet.ground.noise import cell_hash, cell_normal
from geomeld_build.emulator.worlds.planet.ground.truth import Ground

__all__ = ["Confusion", "Hardness", "farmable"]

_SIZES = ((16, 0.8), (5, 0.6))
"""Pixels between the nodes of the patches' noise, and its weight."""

_Small = NDArray[np.float32]


def _carry(axis: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], _Small]:
    """Nodes around the pixels of one axis, and the matrix ``(pixel, node)`` that carries values from them."""
    left = axis // size
    nodes = np.arange(left.min(), left.max() + 2)
    t = (axis - left * size + 0.5) / size
    t = t * t * (3.0 - 2.0 * t)
    matrix = np.zeros((axis.size, nodes.size), dtype=np.float32)
    steps = np.arange(axis.size)
    matrix[steps, left - nodes[0]], matrix[steps, left - nodes[0] + 1] = 1.0 - t, t
    return nodes, matrix


@dataclass(frozen=True, slots=True)
class Hardness:
    """How hard places are to classify: the sum of fields, some of which several maps share."""

    fields: Sequence[tuple[int, float]]
    """Key and weight of each."""

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> _Small:
        """About normal noise ``(y, x)``, in patches of 50 m to 300 m.

        Args:
            rows: ``(y, 1)`` pixels of 10 m.
            columns: ``(1, x)``.
        """
        total = np.zeros((rows.size, columns.size), dtype=np.float32)
        for size, weight in _SIZES:
            down, carry_down = _carry(rows.ravel(), size)
            along, carry_along = _carry(columns.ravel(), size)
            nodes = sum(
                share * cell_normal(key + size, down[:, None], along[None, :]).astype(np.float32)
                for key, share in self.fields
            )
            total += np.float32(weight) * (carry_down @ nodes @ carry_along.T)
        return total


def farmable(ground: Ground) -> NDArray[np.bool_]:
    """Where a classifier that knows the climate may see fields."""
    return np.asarray((ground.mean + ground.swing > 11.0) & (ground.moisture > 0.12), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Confusion:
    """For each class: from which hardness on it is mistaken, and for what."""

    limits: tuple[float, ...]
    """By class; infinity = never."""
    instead: tuple[tuple[int, int], ...]
    """By class: two others."""
    crops: int
    """The class of fields, which is never seen where none can be."""

    def of(
        self,
        label: NDArray[np.int64],
        hardness: _Small,
        fields: NDArray[np.bool_],
        places: tuple[int, NDArray[np.int64], NDArray[np.int64]],
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Where labels are mistaken, and for which class.

        Args:
            label: class numbers ``(y, x)`` without mistakes.
            hardness: see ``Hardness``, after the factor on errors.
            fields: where there can be fields.
            places: key, rows and columns that choose between two classes, patch by patch.
        """
        key, rows, columns = places
        wrong = hardness > np.array(self.limits, dtype=np.float32)[label]
        second = cell_hash(key, rows // 12, columns // 12) > 0.5
        pairs = np.array(self.instead)[label]
        other = np.where(second, pairs[..., 1], pairs[..., 0])
        spare = np.where(second, pairs[..., 0], pairs[..., 1])
        return wrong, np.where((other == self.crops) & ~fields, spare, other)
