"""Arrays that our reader cannot decode itself, read by zarr-python: slower, and equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore, ObjectStore

from geomeld_build.errors import StoreError
from geomeld_build.store.objects import local_root

__all__ = ["ZarrRows"]


class ZarrRows:
    """The tiles of one array through zarr-python."""

    def __init__(self, uri: str, name: str) -> None:
        self._what = f"{uri}/{name}"
        found = zarr.open_array(_zarr_store(uri), path=name, mode="r")
        if found.ndim != 4:
            raise StoreError(f"{self._what} has dimensions {found.shape}, expected (tile, band, y, x)")
        self._array = found
        self.shape: tuple[int, ...] = found.shape[1:]
        self.length: int = found.shape[0]
        self.dtype: np.dtype[Any] = np.dtype(found.dtype)

    def read(self, rows: Sequence[int], bands: NDArray[np.intp] | None, out: NDArray[Any]) -> None:
        """Tiles into ``out (tile, band, y, x)``.

        Raises:
            StoreError: they cannot be read.
        """
        try:
            for first, count in _runs(rows):
                block = np.asarray(self._array[rows[first] : rows[first] + count])
                out[first : first + count] = block if bands is None else block[:, bands]
        except Exception as error:  # every codec has errors of its own
            raise StoreError(f"{self._what} cannot be read at places {rows[0]}..{rows[-1]}: {error}") from error


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Positions and lengths of stretches of consecutive places: one contiguous read each."""
    found: list[tuple[int, int]] = []
    for position, row in enumerate(rows):
        if found and row == rows[position - 1] + 1:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((position, 1))
    return found


def _zarr_store(uri: str) -> LocalStore | ObjectStore[Any]:
    root = local_root(uri)
    if root is not None:
        return LocalStore(root, read_only=True)
    from geomeld_build.store.objects_bucket import bucket_of

    return ObjectStore(bucket_of(uri), read_only=True)
