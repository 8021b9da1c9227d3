"""A world of arrays in memory, for tests and small experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import (
    BandInfo,
    CollectionAsset,
    FeatureRecord,
    ImageRecord,
    SearchHint,
    TableAsset,
)

__all__ = ["MemoryBand", "MemoryCollection", "MemoryTable", "MemoryWorld", "memory_image"]

MemoryBand = tuple[BandInfo, NDArray[Any], NDArray[np.bool_] | None]
"""Grid, values ``(h, w)``, and validity ``(h, w)`` (None = all valid)."""


def memory_image(
    asset_id: str,
    bands: Mapping[str, tuple[NDArray[Any], str, Sequence[float]]],
    *,
    version: int = 1_600_000_000_000_000,
    masks: Mapping[str, NDArray[np.bool_]] | None = None,
    properties: Mapping[str, Any] | None = None,
    footprint: BaseGeometry | str | None = "bounds",
) -> ImageRecord:
    """An image asset from arrays.

    Args:
        asset_id: full id; its last part becomes ``system:index``.
        bands: by name: values ``(h, w)``, CRS, ``crs_transform``.
        version: asset version.
        masks: validity by band name, ``(h, w)``, True = valid.
        properties: further properties.
        footprint: lon/lat shape; ``"bounds"`` = outline of the first band; None = unbounded.
    """
    held: dict[str, tuple[NDArray[Any], NDArray[np.bool_] | None]] = {}
    infos = []
    for name, (values, crs, transform) in bands.items():
        a, b, c, d, e, f = (float(item) for item in transform)
        height, width = values.shape
        infos.append(BandInfo(name, values.dtype.name, crs, (a, b, c, d, e, f), width, height))
        held[name] = (values, None if masks is None else masks.get(name))

    def read(band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        values, mask = held[band]
        window = np.s_[row0:row1, col0:col1]
        valid = np.ones((row1 - row0, col1 - col0), dtype=bool) if mask is None else mask[window]
        return values[window], valid

    shape = _outline(infos[0]) if isinstance(footprint, str) else footprint
    index = asset_id.rsplit("/", 1)[-1]
    return ImageRecord(asset_id, version, tuple(infos), read, shape, {"system:index": index, **(properties or {})})


def _outline(info: BandInfo) -> BaseGeometry:
    a, b, c, d, e, f = info.transform
    steps = np.linspace(0.0, 1.0, 17)[:-1]
    zero, one = np.zeros_like(steps), np.ones_like(steps)
    column = np.concatenate([steps, one, 1 - steps, zero]) * info.width
    row = np.concatenate([zero, steps, one, 1 - steps]) * info.height
    x, y = a * column + b * row + c, d * column + e * row + f
    lon, lat = Transformer.from_crs(info.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return shapely.Polygon(np.column_stack([lon, lat]))


class MemoryCollection:
    """An image collection of given members."""

    def __init__(
        self, asset_id: str, members: Sequence[ImageRecord], properties: Mapping[str, Any] | None = None
    ) -> None:
        self.id = asset_id
        self.properties: Mapping[str, Any] = dict(properties or {})
        self._members = sorted(members, key=lambda record: str(record.properties["system:index"]))
        self.hints: list[SearchHint] = []
        """Every hint that was asked for, in order; tests look at it."""

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Members that satisfy the hint."""
        self.hints.append(hint)
        return (record for record in self._members if _satisfies(record, hint))

    def image(self, index: str) -> ImageRecord | None:
        """The member with this index."""
        return next((r for r in self._members if r.properties["system:index"] == index), None)


def _satisfies(record: ImageRecord, hint: SearchHint) -> bool:
    start = record.properties.get("system:time_start")
    if hint.start_ms is not None and (start is None or start < hint.start_ms):
        return False
    if hint.end_ms is not None and (start is None or start >= hint.end_ms):
        return False
    if hint.indices is not None and record.properties["system:index"] not in hint.indices:
        return False
    if hint.region is None or record.footprint is None:
        return True
    return bool(record.footprint.intersects(hint.region))


class MemoryTable:
    """A table of given rows."""

    def __init__(
        self,
        asset_id: str,
        rows: Sequence[FeatureRecord],
        *,
        version: int = 1_600_000_000_000_000,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = asset_id
        self.version = version
        self.properties: Mapping[str, Any] = dict(properties or {})
        self._rows = tuple(rows)

    def features(self) -> Sequence[FeatureRecord]:
        """All rows."""
        return self._rows


Asset = ImageRecord | CollectionAsset | TableAsset


class MemoryWorld:
    """Assets by id."""

    def __init__(self, assets: Sequence[Asset] = (), name: str = "memory") -> None:
        self.name = name
        self._assets: dict[str, Asset] = {asset.id: asset for asset in assets}

    def add(self, asset: Asset) -> None:
        """One more asset; replaces the one with the same id."""
        self._assets[asset.id] = asset

    def find(self, asset_id: str) -> Asset | None:
        """The asset with this id, or the member of a collection."""
        found = self._assets.get(asset_id)
        if found is not None or "/" not in asset_id:
            return found
        parent, index = asset_id.rsplit("/", 1)
        collection = self._assets.get(parent)
        return collection.image(index) if isinstance(collection, CollectionAsset) else None

    def children(self, parent: str) -> Sequence[str]:
        """Ids below a folder: only those of whole assets, at any depth for the root."""
        prefix = f"{parent}/" if parent else ""
        return sorted(asset_id for asset_id in self._assets if asset_id.startswith(prefix))
