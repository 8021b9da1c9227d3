"""Coordinates of a whole grid from a few exact ones, where the transform is so smooth that nothing is lost.

Over a tile of some kilometres a map projection is a polynomial to the last digit. It is interpolated between the
points of a small Chebyshev lattice, and compared with exact points of the grid, its corners among them: where they
differ by more than rounding, as around poles, seams or grid shifts, there is no answer.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.raster.coords import transform_points
from geomeld_build.emulator.raster.grid import Grid

__all__ = ["smooth_coordinates"]

Array = NDArray[np.float64]
_NODES = 8
_CHECKS = 5
_LEAST = 32
"""Pixels along a side from which on it is worth while."""
_ULPS = 16


def smooth_coordinates(crs: str, grid: Grid) -> tuple[Array, Array] | None:
    """Coordinates ``(h, w)`` of a grid's pixel centres in another CRS, x first; None where they must be transformed."""
    if min(grid.width, grid.height) < _LEAST:
        return None
    across, down = _lattice(grid.width), _lattice(grid.height)
    checks = [np.rint(np.linspace(0, size - 1, _CHECKS)) for size in (grid.width, grid.height)]
    columns, rows = np.meshgrid(across, down)
    checked_columns, checked_rows = np.meshgrid(*checks)
    u = np.concatenate((columns.ravel(), checked_columns.ravel())) + 0.5
    v = np.concatenate((rows.ravel(), checked_rows.ravel())) + 0.5
    a, b, c, d, e, f = grid.transform
    x, y = a * u + b * v + c, d * u + e * v + f
    exact = transform_points(grid.crs, crs, x, y)
    # Coordinates of millions of metres are rounded themselves: how much of the grid's extent that is.
    rounded = max(float(np.abs(axis).max() / np.ptp(axis)) for axis in (x, y))
    places = checks[1].astype(int)[:, None], checks[0].astype(int)[None, :]
    found = []
    for values in exact:
        if not np.isfinite(values).all():
            return None
        nodes, true = values[: columns.size].reshape(columns.shape), values[columns.size :].reshape(_CHECKS, _CHECKS)
        middle = nodes.mean()
        whole = _carriers(grid.height) @ (nodes - middle) @ _carriers(grid.width).T + middle
        digits = _ULPS * np.finfo(np.float64).eps * (np.abs(true).max() + rounded * np.ptp(true))
        if np.abs(whole[places] - true).max() > digits:
            return None
        found.append(whole)
    return found[0], found[1]


def _lattice(size: int) -> Array:
    """Chebyshev nodes between the first and the last of ``size`` pixels, in pixels."""
    unit = -np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    lattice: Array = (unit + 1.0) * (size - 1) / 2.0
    return lattice


@lru_cache(maxsize=64)
def _carriers(size: int) -> Array:
    """Matrix ``(pixel, node)`` of the polynomial through values at the nodes, in barycentric form."""
    weights = (-1.0) ** np.arange(_NODES) * np.sin(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    gaps = np.arange(size)[:, None] - _lattice(size)
    on_node = gaps == 0.0
    shares = weights / np.where(on_node, 1.0, gaps)
    matrix: Array = shares / shares.sum(axis=1, keepdims=True)
    hit = on_node.any(axis=1)
    matrix[hit] = on_node[hit]
    return matrix
