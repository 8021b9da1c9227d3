"""A map-style dataset whose samples look like those of torchgeo's multimodal datasets, for loops of one's own.

Keys are those of torchgeo's MMEarth: ``image_<row>``, ``mask_<row>``, ``avail_bands``, ``lat``, ``lon``, ``date``,
``crs``, ``tile_id``. It needs no torchgeo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import Modality, modality
from geomeld_build.store import ShardReader, Store
from geomeld_build.store.decode import decode
from geomeld_build.store.window_rows import select_tiles
from geomeld_build.train.data.extra import torch

__all__ = ["NO_CLASS", "TileDataset"]

NO_CLASS = 255
"""Value of a mask where there is no class: an ``ignore_index`` for losses."""
_COLUMNS = ("lon", "lat", "proj_code")


class TileDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Tiles of a store version by number, in the order of their places.

    A sample has, for every row without classes, ``image_<row>``: float32 ``(band, y, x)`` in physical units, NaN at
    nodata; for every row with classes, ``mask_<row>``: int64 ``(band, y, x)``, numbers of the classes from 0 in the
    order of the table, 255 at nodata. And ``tile_id``, ``lon``, ``lat``, ``date`` (ISO 8601), ``crs``, and
    ``avail_bands``: row to the bands that have any pixel.

    Samples are in float32 and copied, so ``TorchLoader`` is several times faster. In a ``DataLoader`` with workers use
    ``multiprocessing_context="spawn"``, because the catalog's engine has threads.
    """

    def __init__(
        self,
        store: Store,
        names: Sequence[str] | None = None,
        *,
        where: str = "",
        transforms: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        """Select the tiles.

        Args:
            store: at the version that is pinned.
            names: rows, all of the store's by default.
            where: SQL condition as for ``TileLoader``.
            transforms: applied to every sample.

        Raises:
            ConfigError: the condition is wrong, no tile meets it, or the store has no such row.
            StoreError: the store is damaged.
        """
        self.names = tuple(names) if names is not None else store.modalities
        if unknown := [name for name in self.names if name not in store.modalities]:
            known = ", ".join(store.modalities)
            raise ConfigError(f"{store.uri} has no {', '.join(unknown)}: expected some of {known}")
        tiles = select_tiles(store, where=where, names=(), columns=_COLUMNS)
        self.tiles: pa.Table = tiles.table
        self.rows: NDArray[np.int64] = tiles.rows
        self.transforms = transforms
        self._reader = ShardReader(store.uri, self.names)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Samples of several numbers in one read: what ``DataLoader`` asks for where it can.

        Raises:
            IndexError: there is no such number; iteration ends with it.
            StoreError: pixels are damaged or cannot be read.
        """
        count = len(self.rows)
        if wrong := [index for index in indices if not -count <= index < count]:
            raise IndexError(f"no tile {wrong[0]}: expected 0..{count - 1}")
        numbers = np.array([index % count for index in indices], np.int64)
        pixels = self._reader.read(self.rows[numbers])
        lines = self.tiles.take(pa.array(numbers)).to_pylist()
        samples = [
            self._sample(line, {name: array[at] for name, array in pixels.items()}) for at, line in enumerate(lines)
        ]
        return [self.transforms(sample) for sample in samples] if self.transforms is not None else samples

    def _sample(self, line: dict[str, Any], pixels: dict[str, NDArray[Any]]) -> dict[str, Any]:
        sample: dict[str, Any] = {}
        available: dict[str, list[str]] = {}
        for name, stored in pixels.items():
            row = modality(name)
            valid = stored != row.nodata
            available[name] = [band for band, any_ in zip(row.bands, valid.any(axis=(1, 2)), strict=True) if any_]
            if row.classes is None:
                sample[f"image_{name}"] = torch.from_numpy(decode(row, stored))
            else:
                sample[f"mask_{name}"] = torch.from_numpy(_classes(row, stored))
        when = line["datetime"]
        return {
            **sample,
            "avail_bands": available,
            "tile_id": line["tile_id"],
            "lon": line["lon"],
            "lat": line["lat"],
            "date": "" if when is None else when.isoformat(),
            "crs": line["proj_code"],
        }


def _classes(row: Modality, stored: NDArray[Any]) -> NDArray[np.int64]:
    assert row.classes is not None
    numbers = np.full(int(np.iinfo(stored.dtype).max) + 1, NO_CLASS, np.int64)
    numbers[list(row.classes.values)] = np.arange(len(row.classes.values))
    found: NDArray[np.int64] = numbers[stored]
    return found
