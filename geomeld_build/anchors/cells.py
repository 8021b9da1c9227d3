"""Draws cells of the 1,280 m UTM lattice inside an area: uniform, without replacement, at any density.

Every cell of the planet has one number of 64 bits, drawn by its key and the recipe. The order of an area's cells is
the order of those numbers, so every cell is equally likely at every position, and the order depends on nothing but the
recipe: not on the area's name or shape, nor on how many are asked for. Inside a part of an area the order is that of
the area.

The first cells of that order are found without sorting, or even projecting, all of them: numbers are drawn for the
lattice positions under the area, a few nanoseconds each, and only those in the lowest band become places that are
tested. When more is asked for, the next band follows; after the last one every cell has been given, once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.cells_lattice import (
    BLOCK_CELLS,
    BoxIndex,
    cells_between,
    lattice_blocks,
    places_of,
    whole,
)
from geomeld_build.anchors.places import Places, concatenate
from geomeld_build.anchors.world.areas import SampleArea
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M

__all__ = ["CellStream"]

_DRAWS = 1 << 64
"""Draws are 0.._DRAWS - 1."""
_FEWEST, _MOST = 1 << 14, 1 << 21
"""Candidates of one band: enough to be worth a pass over the lattice, and few enough to fit in memory."""
_SLICE = 1 << 17
"""Candidates that become places at a time."""


class CellStream:
    """The cells of an area in their own fixed order, handed out as they are asked for.

    A cell belongs to an area when its centre lies in it. It belongs to the zone of its centre and lies in that zone,
    and between 80 S and 84 N, with all corners: cells of neighbouring zones never overlap.
    """

    def __init__(self, area: SampleArea, *, recipe: str) -> None:
        """Cover the area with blocks of the lattice; nothing is drawn yet.

        Args:
            area: where.
            recipe: names the rules; keys every draw.
        """
        self._area, self._recipe = area, recipe
        coarse = area.coarse_cells()
        self._boxes, self._blocks = BoxIndex(coarse), lattice_blocks(coarse)
        self._positions = max(len(self._blocks) * BLOCK_CELLS, 1)
        self._next = 0 if len(self._blocks) else _DRAWS
        """Cells with smaller numbers have been found."""
        self._looked, self._found, self._given = 0, 0, 0
        self._waiting = places_of(np.empty(0, np.uint64))
        self._at = 0
        """How many of the waiting cells have been handed out."""

    def take(self, count: int) -> Places:
        """The next cells, fewer when no more are left.

        Args:
            count: how many at most.

        Raises:
            ConfigError: a negative count.
        """
        if count < 0:
            raise ConfigError(f"cannot take {count} cells of {self._area.name}: expected 0 or more")
        self._fill(count)
        end = min(self._at + count, len(self._waiting))
        taken = self._waiting.take(np.arange(self._at, end))
        self._given += end - self._at
        self._at = end
        return taken

    @property
    def exhausted(self) -> bool:
        """Whether every cell has been taken. Looks for the next cell, so the answer does not depend on past takes."""
        self._fill(1)
        return self._at == len(self._waiting)

    def _fill(self, count: int) -> None:
        """Let at least ``count`` cells wait, or all that are left."""
        while (missing := count - (len(self._waiting) - self._at)) > 0 and self._next < _DRAWS:
            # Never much less than what was given so far: many small takes shall not need many passes.
            last = self._band_end(max(missing, min(self._given // 2, _MOST)))
            found = self._band(self._next, last)
            rest = self._waiting.take(np.arange(self._at, len(self._waiting)))
            self._waiting, self._at = concatenate([rest, found]), 0
            self._next = last + 1

    def _band_end(self, wanted: int) -> int:
        """The number up to which about as many cells as wanted are found, by the rate of finding so far."""
        if self._looked:
            rate = (self._found + 1) / (self._looked + 1)
        else:
            rate = max(self._area.area_m2 / CELL_M**2 / self._positions, 1e-6)
        candidates = int(min(max(1.02 * wanted / rate + 4.0 * (wanted / rate) ** 0.5, _FEWEST), _MOST))
        return min(self._next + candidates * _DRAWS // self._positions, _DRAWS - 1)

    def _band(self, first: int, last: int) -> Places:
        """The area's cells with numbers in ``first..last``, in order."""
        keys, numbers = cells_between(self._blocks, self._recipe, first, last)
        keys = keys[np.argsort(numbers)]
        parts = [self._belonging(keys[start : start + _SLICE]) for start in range(0, max(len(keys), 1), _SLICE)]
        found = concatenate(parts)
        self._looked += len(keys)
        self._found += len(found)
        return found

    def _belonging(self, keys: NDArray[np.uint64]) -> Places:
        places = places_of(keys)
        boxed, surely = self._boxes.locate(places.lon, places.lat)
        asked = np.flatnonzero(boxed & ~surely)
        surely[asked] = self._area.contains(places.lon[asked], places.lat[asked])
        places = places.take(surely)
        return places.take(whole(places))
