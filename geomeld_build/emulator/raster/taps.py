"""Which source pixels an output pixel reads, and their weighted mean: compiled loops over all pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import helper, kernel

__all__ = ["REACH", "SNAP", "locate", "weigh_cubic", "weigh_linear", "weigh_masked"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

SNAP = 1e-7
"""Pixels. Coordinates this near to a pixel centre or edge count as on it: removes rounding noise of transforms."""
REACH = {"nearest": (0.0, 0, 0), "bilinear": (0.5, 0, 1), "bicubic": (0.5, 1, 2)}
"""Pixels from the corner of a pixel to the point that counts; neighbours before and after the first one."""


@helper
def _along(coordinate: _Floats, centre: float, before: int, after: int) -> tuple[_Ints, _Floats, np.int64, np.int64]:
    """First neighbour and fraction along one axis, and the first and the last neighbour of all points."""
    place, part = np.empty(coordinate.size, dtype=np.int64), np.empty(coordinate.size)
    low, high = np.int64(2**62), np.int64(-(2**62))
    for i in range(coordinate.size):
        at = coordinate[i] - centre
        whole = np.rint(at)
        at = whole if abs(at - whole) < SNAP else at
        first = np.floor(at)
        place[i], part[i] = np.int64(first), at - first
        more = np.int64(at > first)
        low, high = min(low, place[i] - before * more), max(high, place[i] + after * more)
    return place, part, low, high


@kernel
def locate(u: _Floats, v: _Floats, centre: float, before: int, after: int) -> tuple[_Ints, _Floats, _Floats, _Ints]:
    """Where points read.

    Args:
        u: columns ``(n,)``, corner convention.
        v: rows ``(n,)``.
        centre: see ``REACH``.
        before: neighbours before the first one.
        after: neighbours after it; those of weight zero are never read.

    Returns:
        Index of the first neighbour in the window, and fractions of a pixel from it to the right and down, each
        ``(n,)``; the window: row0, row1, col0, col1.
    """
    column, right, left, last_column = _along(u, centre, before, after)
    row, down, top, last_row = _along(v, centre, before, after)
    width = last_column + 1 - left
    for i in range(u.size):
        row[i] = (row[i] - top) * width + column[i] - left
    return row, right, down, np.array([top, last_row + 1, left, last_column + 1])


@helper
def _cubic(out: _Floats, part: float) -> None:
    """Weights of the neighbours -1, 0, 1 and 2: Keys' kernel with a = -1/2."""
    out[0] = ((-0.5 * part + 1.0) * part - 0.5) * part
    out[1] = (1.5 * part - 2.5) * part * part + 1.0
    out[2] = ((-1.5 * part + 2.0) * part + 0.5) * part
    out[3] = (0.5 * part - 0.5) * part * part


@kernel
def weigh_linear(values: _Floats, width: int, first: _Ints, right: _Floats, down: _Floats) -> _Floats:
    """Bilinear means ``(n,)``.

    Args:
        values: of the window, flat.
        width: of the window.
        first: index of the first neighbour of each output pixel ``(n,)``.
        right: fraction of a pixel from it to the right.
        down: fraction downwards.
    """
    out = np.empty(first.size)
    for i in range(first.size):
        u, v, place = right[i], down[i], first[i]
        # A neighbour of weight zero is replaced by the first one, so that its value cannot matter.
        across, below = np.int64(u > 0.0), width * np.int64(v > 0.0)
        total = values[place] * ((1.0 - v) * (1.0 - u)) + values[place + across] * ((1.0 - v) * u)
        out[i] = total + values[place + below] * (v * (1.0 - u)) + values[place + below + across] * (v * u)
    return out


@kernel
def weigh_cubic(values: _Floats, width: int, first: _Ints, right: _Floats, down: _Floats) -> _Floats:
    """Bicubic means ``(n,)``; arguments of ``weigh_linear``."""
    out, across, along = np.empty(first.size), np.empty(4), np.empty(4)
    for i in range(first.size):
        _cubic(across, right[i])
        _cubic(along, down[i])
        total = 0.0
        for y in range(4):
            for x in range(4):
                if along[y] != 0.0 and across[x] != 0.0:
                    total += values[first[i] + (y - 1) * width + x - 1] * (along[y] * across[x])
        out[i] = total
    return out


@kernel
def weigh_masked(
    values: _Floats, opacity: _Floats, width: int, first: _Ints, right: _Floats, down: _Floats, cubic: bool
) -> tuple[_Floats, _Floats]:
    """Means of what is not masked, weights renormalised, and the interpolated mask, each ``(n,)``.

    Args:
        values: of the window, flat.
        opacity: 0..1, likewise; 0 = masked.
        width: of the window.
        first: index of the first neighbour of each output pixel ``(n,)``.
        right: fraction of a pixel from it to the right.
        down: fraction downwards.
        cubic: four neighbours along each axis instead of two.
    """
    out, mask = np.zeros(first.size), np.zeros(first.size)
    across, along = np.zeros(4), np.zeros(4)
    for i in range(first.size):
        if cubic:
            _cubic(across, right[i])
            _cubic(along, down[i])
        else:
            across[1], across[2], along[1], along[2] = 1.0 - right[i], right[i], 1.0 - down[i], down[i]
        total, weights = 0.0, 0.0
        for y in range(4):
            for x in range(4):
                if along[y] != 0.0 and across[x] != 0.0:
                    place = first[i] + (y - 1) * width + x - 1
                    if opacity[place] > 0.0:
                        share = opacity[place] * (along[y] * across[x])
                        total += values[place] * share
                        weights += share
        weights = 1.0 if abs(weights - 1.0) < 1e-12 else min(max(weights, 0.0), 1.0)
        if weights > 1e-12:
            out[i], mask[i] = total / weights, weights
    return out, mask
