"""Blocks of the Earth: the one definition of "the same area" for splits, statistics and reports.

Rows of equal height from pole to pole, each cut into columns of equal width, as many as give blocks about the area of
the height squared. A block is computed from a point, so no grid is ever built. At 100 km: 200 rows of 0.9 degrees,
the areas of all blocks within 5 % of each other's mean (the poles' three blocks differ most).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geomeld_build.errors import ConfigError

__all__ = ["BLOCK_KM", "BlockGrid", "block_grid", "block_names", "block_of"]

BLOCK_KM = 100.0
"""Side of a block."""
_HALF_MERIDIAN_KM = np.pi * 6371.0072
"""From pole to pole on the sphere of equal area (authalic)."""
_SMALLEST_KM, _LARGEST_KM = 1.0, 5000.0
_COLUMN_BITS = np.uint64(20)


@dataclass(frozen=True, slots=True, eq=False)
class BlockGrid:
    """The blocks of one size. An id is ``row << 20 | column``: rows from the south pole, columns from 180 W."""

    height: float
    """Of a row, in degrees."""
    columns: NDArray[np.int64]
    """Of every row, from the south."""

    def of(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.uint64]:
        """Ids of the blocks that points lie in; any shape. Longitudes may go on beyond 180.

        A point on a border belongs to the block north or east of it.

        Raises:
            ConfigError: a latitude beyond 90, or a coordinate that is no number.
        """
        x, y = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        off = np.flatnonzero(~((np.abs(y) <= 90.0) & np.isfinite(x)).ravel())
        if len(off):
            at = int(off[0])
            raise ConfigError(f"row {at + 1}: lon {x.flat[at]}, lat {y.flat[at]}: expected degrees, lat in -90..90")
        row = np.minimum((y + 90.0) // self.height, len(self.columns) - 1).astype(np.int64)
        count = self.columns[row]
        column = np.minimum((x + 180.0) % 360.0 / 360.0 * count, count - 1).astype(np.int64)
        return (row.astype(np.uint64) << _COLUMN_BITS) | column.astype(np.uint64)

    def bounds(self, blocks: NDArray[np.uint64]) -> NDArray[np.float64]:
        """West, south, east and north of blocks in degrees, ``(block, 4)``."""
        row, column = _parts(blocks)
        south, width = row * self.height - 90.0, 360.0 / self.columns[row]
        west = column * width - 180.0
        return np.column_stack([west, south, west + width, south + self.height])

    def touching(
        self,
        west: NDArray[np.float64],
        south: NDArray[np.float64],
        east: NDArray[np.float64],
        north: NDArray[np.float64],
    ) -> NDArray[np.uint64]:
        """Every block that touches a box, ``(box, n)``; ids repeat where a box touches fewer than ``n``.

        The box is seen at points closer than the blocks there are wide and high, its edges among them: so no block
        lies between them.

        Args:
            west: ``(box,)`` in degrees.
            south: ``(box,)``; what lies beyond the pole is cut off.
            east: ``(box,)``, not less than ``west``: above 180 across the antimeridian.
            north: ``(box,)``, as ``south``.
        """
        if not len(west):
            return np.empty((0, 0), np.uint64)
        south, north = np.clip(south, -90.0, 90.0), np.clip(north, -90.0, 90.0)
        lat = _samples(south, north, self.height)
        row = np.minimum((lat + 90.0) // self.height, len(self.columns) - 1).astype(np.int64)
        lon = _samples(west, east, 360.0 / self.columns[row].max(axis=1))
        return self.of(lon[:, None, :], lat[:, :, None]).reshape(len(west), -1)


@lru_cache(maxsize=16)
def block_grid(block_km: float = BLOCK_KM) -> BlockGrid:
    """The blocks of a size.

    Raises:
        ConfigError: a size out of 1..5000 km.
    """
    if not _SMALLEST_KM <= block_km <= _LARGEST_KM:
        raise ConfigError(f"blocks of {block_km:g} km: expected {_SMALLEST_KM:g}..{_LARGEST_KM:g} km")
    rows = round(_HALF_MERIDIAN_KM / block_km)
    edges = np.sin(np.radians(np.linspace(-90.0, 90.0, rows + 1)))
    # A row's area over that of a square of its height: 2 pi R^2 (sin b - sin a) / (pi R / rows)^2.
    columns = np.rint(np.diff(edges) * 2.0 * rows**2 / np.pi).astype(np.int64)
    columns.setflags(write=False)
    return BlockGrid(180.0 / rows, columns)


def block_of(lon: ArrayLike, lat: ArrayLike, block_km: float = BLOCK_KM) -> NDArray[np.uint64]:
    """Ids of the blocks that points lie in: keys of draws, and of names.

    Args:
        lon: degrees east, any shape.
        lat: degrees north, the same shape.
        block_km: side of a block.

    Raises:
        ConfigError: a latitude beyond 90, a coordinate that is no number, or a size out of 1..5000 km.
    """
    return block_grid(block_km).of(lon, lat)


def block_names(blocks: NDArray[np.uint64]) -> list[str]:
    """Ids in words: ``b0123c0456`` is column 456 of row 123."""
    # Millions of places lie in some ten thousand blocks.
    unique, where = np.unique(blocks, return_inverse=True)
    row, column = _parts(unique)
    names = np.array([f"b{i:04d}c{j:04d}" for i, j in zip(row.tolist(), column.tolist(), strict=True)], dtype=object)
    words: list[str] = names[where].tolist()
    return words


def _parts(blocks: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    mask = (np.uint64(1) << _COLUMN_BITS) - np.uint64(1)
    return (blocks >> _COLUMN_BITS).astype(np.int64), (blocks & mask).astype(np.int64)


def _samples(
    first: NDArray[np.float64], last: NDArray[np.float64], step: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Both ends and evenly between, closer than ``step``: ``(box, n)``."""
    count = int(((last - first) // step).max()) + 2
    share = np.linspace(0.0, 1.0, count)
    return first[:, None] * (1.0 - share) + last[:, None] * share
