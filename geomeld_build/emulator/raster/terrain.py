"""Slope, aspect and hillshade on the elevation's own pixel grid, from the 4-connected neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.raster.context import Node, RenderContext
from geomeld_build.emulator.raster.coords import is_geographic, metres_per_unit
from geomeld_build.emulator.raster.grid import Grid, aligned_offset, window_grid
from geomeld_build.emulator.raster.resample import Pixels
from geomeld_build.emulator.values import Projection

__all__ = ["TerrainNode"]

_METRES_PER_DEGREE = 111_319.49079327358
Array = NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class TerrainNode:
    """A derivative of an elevation band. Renders on windows of ``lattice`` only; wrap it in a ``LatticeNode``."""

    child: Node
    lattice: Projection
    kind: str
    """``slope`` (degrees), ``aspect`` (degrees clockwise from north, downhill) or ``hillshade`` (0..255)."""
    azimuth: float = 270.0
    elevation: float = 45.0

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        """The derivative; masked where the pixel or one of its 4 neighbours is missing."""
        offset = aligned_offset(self.lattice, grid)
        if offset is None:
            raise ServiceError("Terrain: internal error, the grid is no window of the elevation's lattice.", 500)
        row, column = offset
        padded = window_grid(self.lattice, row - 1, row + grid.height + 1, column - 1, column + grid.width + 1)
        pixels = ctx.render(self.child, padded)
        shape = (padded.height, padded.width)
        z = np.broadcast_to(pixels.values, shape).astype(np.float64)
        east, north, valid = _gradient(z, pixels.mask, shape, self._spacing(grid))
        with np.errstate(all="ignore"):
            return Pixels(self._derive(east, north), valid)

    def _spacing(self, grid: Grid) -> tuple[Array, float]:
        """Metres from column to column (``(h, 1)``, signed) and from row to row (signed)."""
        a, b, _, d, e, f = grid.transform
        if b != 0 or d != 0:
            raise ServiceError("Terrain: elevation grids with shear are not emulated; reproject to a north-up grid.")
        try:
            geographic = is_geographic(grid.crs)
            unit = metres_per_unit(grid.crs)
        except EvalError as exc:
            raise ServiceError(str(exc)) from exc
        rows = np.arange(grid.height, dtype=np.float64)[:, None] + 0.5
        if not geographic:
            return np.full_like(rows, a * unit), e * unit
        latitude = np.radians(np.clip(e * rows + f, -90.0, 90.0))
        return a * _METRES_PER_DEGREE * np.cos(latitude), e * _METRES_PER_DEGREE

    def _derive(self, east: Array, north: Array) -> Array:
        if self.kind == "slope":
            return np.asarray(np.degrees(np.arctan(np.hypot(east, north))))
        aspect = np.mod(np.arctan2(-east, -north), 2 * np.pi)
        if self.kind == "aspect":
            return np.asarray(np.degrees(aspect))
        slope = np.arctan(np.hypot(east, north))
        azimuth, sun = np.radians(self.azimuth), np.radians(self.elevation)
        light: Array = np.sin(sun) * np.cos(slope) + np.cos(sun) * np.sin(slope) * np.cos(azimuth - aspect)
        return np.asarray(np.clip(light, 0.0, 1.0) * 255.0)


def _gradient(
    z: Array, mask: Array | None, shape: tuple[int, int], spacing: tuple[Array, float]
) -> tuple[Array, Array, Array | None]:
    """Rise per metre towards east and north on the inner pixels of a grid padded by one, and their validity."""
    metres_x, metres_y = spacing
    east = (z[1:-1, 2:] - z[1:-1, :-2]) / (2.0 * metres_x)
    north = (z[2:, 1:-1] - z[:-2, 1:-1]) / (2.0 * metres_y)
    if mask is None:
        return east, north, None
    there = np.broadcast_to(mask, shape) > 0
    valid = there[1:-1, 1:-1] & there[1:-1, 2:] & there[1:-1, :-2] & there[2:, 1:-1] & there[:-2, 1:-1]
    return east, north, None if valid.all() else valid
