"""Land cover of the tiles of a store: which classes lead a tile, and which are among its three most frequent ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import modality
from geomeld_build.store import ShardReader, Store

__all__ = ["LAND_COVER", "LandCover", "Progress", "class_ranks", "land_cover"]

LAND_COVER = "esa_worldcover"
"""The row whose classes are counted."""

Progress = Callable[[int, int], None]
"""Called with the tiles that are done and those there are."""

_BLOCK = 128
"""Tiles in memory at once: 2 MB of pixels, 17 MB while they are counted."""
_CODES = 256


@dataclass(frozen=True, slots=True)
class LandCover:
    """Counts of tiles and pixels by class, in the order of the row's classes."""

    classes: tuple[str, ...]
    tiles: int
    """Tiles that have pixels of the row."""
    top1: tuple[int, ...]
    """Tiles in which the class has most pixels; of classes with equally many, the one with the lower code."""
    top3: tuple[int, ...]
    """Tiles in which it is one of the three with most pixels, and has any."""
    pixels: tuple[int, ...]

    def shares(self) -> list[tuple[str, float, float, float]]:
        """Class, share of tiles as top-1 and as top-3, share of pixels; the largest top-1 first."""
        tiles, pixels = max(self.tiles, 1), max(sum(self.pixels), 1)
        rows = [
            (name, one / tiles, three / tiles, count / pixels)
            for name, one, three, count in zip(self.classes, self.top1, self.top3, self.pixels, strict=True)
        ]
        return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))


def land_cover(store: Store, progress: Progress | None = None, row: str = LAND_COVER) -> LandCover | None:
    """Read the class row of every tile, some at a time. None where the store has no such row.

    Args:
        store: the store at its version.
        progress: told after every block of tiles.
        row: of the table of modalities; it must have classes.

    Raises:
        ConfigError: the row has no classes.
        StoreError: a tile has no pixels where the catalog says that it has, or an object is damaged.
    """
    if row not in store.modalities:
        return None
    found = modality(row)
    if found.classes is None:
        raise ConfigError(f"{row} has no classes: expected a row such as {LAND_COVER}")
    sql = f"SELECT tile_id, row FROM tiles WHERE status = 'ok' AND {row}_outcome IN ('ok', 'partial') ORDER BY row"
    tiles = store.query(sql)
    places = tiles.column("row").to_numpy()
    reader = ShardReader(store.uri, [row])
    buffers = reader.buffers(_BLOCK)
    totals = np.zeros((3, len(found.classes.values)), np.int64)
    for start in range(0, len(places), _BLOCK):
        some = places[start : start + _BLOCK]
        counts = _class_counts(reader.read(some, out=buffers)[row], found.classes.values)
        empty = np.flatnonzero(counts.sum(axis=1) == 0)
        if len(empty):
            lost = tiles.column("tile_id")[start + int(empty[0])].as_py()
            raise StoreError(f"tile {lost}: the catalog has pixels of {row}, but {store.uri} holds none of its classes")
        totals += np.stack([*class_ranks(counts), counts.sum(axis=0)])
        if progress is not None:
            progress(min(start + _BLOCK, len(places)), len(places))
    reader.close()
    top1, top3, pixels = (tuple(line) for line in totals.tolist())
    return LandCover(found.classes.meanings, len(places), top1, top3, pixels)


def class_ranks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tiles that each class leads, and tiles in which it is among the three most frequent.

    Args:
        counts: pixels ``(tile, class)``.

    Returns:
        Two arrays ``(class,)``. A class without a pixel in a tile counts in neither.
    """
    classes = counts.shape[1]
    order = np.argsort(-counts, axis=1, kind="stable")[:, :3]
    present = np.take_along_axis(counts, order, axis=1) > 0
    first = np.bincount(order[:, 0][present[:, 0]], minlength=classes)
    return first, np.bincount(order[present], minlength=classes)


def _class_counts(pixels: NDArray[Any], codes: tuple[int, ...]) -> NDArray[np.int64]:
    """Pixels of each class in each tile, ``(tile, class)``; ``pixels`` is ``(tile, 1, y, x)`` uint8."""
    tiles = len(pixels)
    shifted = pixels.reshape(tiles, -1) + _CODES * np.arange(tiles)[:, None]
    counts = np.bincount(shifted.ravel(), minlength=tiles * _CODES).reshape(tiles, _CODES)
    return counts[:, list(codes)]
