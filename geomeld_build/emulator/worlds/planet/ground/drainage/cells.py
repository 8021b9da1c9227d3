"""Cells of half a degree, about equal in area, and the edges that neighbours share.

Rows are half a degree of latitude; each holds a whole number of cells around the globe, so that a cell is about as wide
as it is high anywhere. A cell of one row therefore borders on several cells of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, Ints

__all__ = ["CELL_DEGREES", "CellGrid", "Edges", "cell_grid"]

CELL_DEGREES = 0.5
_ROWS = round(180.0 / CELL_DEGREES)
_SHORTEST = 0.25
"""Edges shorter than this share of a cell are no way for a river."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Stretches of border that two cells share; arrays of one length, degrees."""

    first: Ints
    second: Ints
    """Numbers of the two cells."""
    west: Floats
    south: Floats
    east: Floats
    north: Floats
    """Ends of the stretch; it runs along a meridian or along a parallel."""

    def at(self, share: Floats) -> tuple[Floats, Floats]:
        """Lon/lat ``(edge, share)`` at shares 0..1 of the way."""
        lon = self.west[:, None] + (self.east - self.west)[:, None] * share
        lat = self.south[:, None] + (self.north - self.south)[:, None] * share
        return lon, lat


@dataclass(frozen=True, slots=True)
class CellGrid:
    """All cells, numbered row by row from the south and from 180 degrees west."""

    columns: Ints
    """``(row,)`` cells in each row."""
    offsets: Ints
    """``(row + 1,)`` number of the first cell of each row."""

    @property
    def count(self) -> int:
        """How many cells there are."""
        return int(self.offsets[-1])

    def number(self, lon: Floats, lat: Floats) -> Ints:
        """Numbers of the cells that lon/lat degrees lie in."""
        row = np.clip(np.floor((np.asarray(lat) + 90.0) / CELL_DEGREES), 0, _ROWS - 1).astype(np.int64)
        count = self.columns[row]
        column = np.floor(((np.asarray(lon) + 180.0) % 360.0) / 360.0 * count).astype(np.int64)
        return self.offsets[row] + np.minimum(column, count - 1)

    def corner(self, number: Ints) -> tuple[Floats, Floats, Floats]:
        """West and south edge and width in degrees of cells."""
        row = np.searchsorted(self.offsets, number, side="right") - 1
        width: Floats = 360.0 / self.columns[row]
        south = (row * CELL_DEGREES - 90.0).astype(np.float64)
        return (number - self.offsets[row]) * width - 180.0, south, width

    def centre(self) -> tuple[Floats, Floats]:
        """Lon/lat of the centres of all cells."""
        west, south, width = self.corner(np.arange(self.count))
        return west + width / 2, south + CELL_DEGREES / 2

    def area_km2(self, number: Ints) -> Floats:
        """Areas of cells."""
        _, south, width = self.corner(number)
        across = KM_PER_DEGREE * width * np.cos(np.radians(south + CELL_DEGREES / 2))
        result: Floats = across * KM_PER_DEGREE * CELL_DEGREES
        return result

    def edges(self) -> Edges:
        """Every stretch of border long enough for a river to cross."""
        parts = [self._beside(row) for row in range(_ROWS)]
        parts += [self._between(row) for row in range(_ROWS - 1)]
        first, second, *ends = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Edges(first.astype(np.int64), second.astype(np.int64), *ends)

    def _beside(self, row: int) -> tuple[NDArray[Any], ...]:
        """Borders along meridians within a row."""
        count = int(self.columns[row])
        column = np.arange(count)
        east = (column + 1) * (360.0 / count) - 180.0
        south = np.full(count, row * CELL_DEGREES - 90.0)
        first = self.offsets[row] + column
        second = self.offsets[row] + (column + 1) % count
        return first, second, east, south, east, south + CELL_DEGREES

    def _between(self, row: int) -> tuple[NDArray[Any], ...]:
        """Borders along the parallel between a row and the next."""
        below, above = int(self.columns[row]), int(self.columns[row + 1])
        ends = np.unique(np.concatenate((np.arange(below + 1) / below, np.arange(above + 1) / above)))
        middle = (ends[1:] + ends[:-1]) / 2
        wide = np.diff(ends) > _SHORTEST / max(below, above)
        west, east, middle = (part[wide] * 360.0 - 180.0 for part in (ends[:-1], ends[1:], middle))
        parallel = np.full(west.size, (row + 1) * CELL_DEGREES - 90.0)
        first = self.offsets[row] + np.floor((middle + 180.0) / 360.0 * below)
        second = self.offsets[row + 1] + np.floor((middle + 180.0) / 360.0 * above)
        return first, second, west, parallel, east, parallel


@lru_cache(maxsize=1)
def cell_grid() -> CellGrid:
    """The grid."""
    middle = np.radians((np.arange(_ROWS) + 0.5) * CELL_DEGREES - 90.0)
    columns = np.maximum(np.round(360.0 / CELL_DEGREES * np.cos(middle)), 8).astype(np.int64)
    return CellGrid(columns, np.concatenate(([0], np.cumsum(columns))))
