"""Polygons of the cells of a coarse lon/lat grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["NORTH", "STEP", "joined", "lattice", "runs"]

STEP = 1.0
"""Degrees."""
NORTH, SOUTH = 84.0, -84.0


def lattice() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lon/lat ``(row, column)`` of the centres of all cells, from the north west."""
    lon, lat = np.meshgrid(np.arange(-180.0, 180.0, STEP) + STEP / 2, np.arange(NORTH, SOUTH, -STEP) - STEP / 2)
    return lon, lat


def runs(labels: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
    """Label, row, first column and the column behind the last of every run of one label: fewer pieces to join."""
    for row, line in enumerate(labels):
        starts = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(line))), line.size]
        for first, behind in pairwise(starts):
            yield int(line[first]), row, first, behind


def box_of(row: int, first: int, behind: int) -> shapely.Polygon:
    """The rectangle of a run."""
    north = NORTH - row * STEP
    return shapely.box(-180.0 + first * STEP, north - STEP, -180.0 + behind * STEP, north)


def joined(labels: NDArray[np.int64], without: int) -> dict[Hashable, shapely.Geometry]:
    """One geometry a label of ``(row, column)``; ``without`` is left out."""
    pieces: dict[Hashable, list[shapely.Polygon]] = defaultdict(list)
    for label, row, first, behind in runs(labels):
        if label != without:
            pieces[label].append(box_of(row, first, behind))
    return {label: shapely.union_all(boxes) for label, boxes in sorted(pieces.items(), key=lambda item: str(item[0]))}
