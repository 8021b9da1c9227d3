"""The seam between a world and the evaluator: assets with *native* pixels, and nothing else.

A world says which assets exist and hands out windows of their native pixel grids with masks. Projection,
resampling, mask algebra, filters and expressions belong to the evaluator, so both worlds share one set of
semantics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

__all__ = [
    "BandInfo",
    "CollectionAsset",
    "FeatureRecord",
    "ImageRecord",
    "PixelReader",
    "SearchHint",
    "TableAsset",
    "UnboundedSearch",
    "World",
]


@dataclass(frozen=True, slots=True)
class BandInfo:
    """One band and its native grid. ``transform`` is in Earth Engine's ``crs_transform`` order."""

    name: str
    dtype: str
    """NumPy dtype name as Earth Engine would serve it: uint8, uint16, int16, int32, float32, float64."""
    crs: str
    """Authority code such as ``EPSG:32643`` or ``EPSG:4326``."""
    transform: tuple[float, float, float, float, float, float]
    """(xScale, xShearing, xTranslation, yShearing, yScale, yTranslation); pixel corner convention."""
    width: int
    height: int


class PixelReader(Protocol):
    """Reads one window of one band in native pixel coordinates."""

    def __call__(self, band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values ``(row1-row0, col1-col0)`` in the band's dtype and a mask of the same shape, True = valid.

        The window always lies inside ``0..height`` x ``0..width``; the evaluator clips it before asking.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image asset: metadata, and a reader of its native pixels."""

    id: str
    """Full asset id, e.g. ``COPERNICUS/S2_SR_HARMONIZED/20200604T054639_20200604T054831_T43RCP``."""
    version: int
    """Asset version, microseconds since the epoch as on the service; changes when the asset changes."""
    bands: tuple[BandInfo, ...]
    read: PixelReader
    footprint: BaseGeometry | None = None
    """Lon/lat footprint; None = unbounded (global). Pixels outside it are masked by the reader."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Properties as served, including ``system:index`` and, where dated, ``system:time_start`` (ms UTC)."""


@dataclass(frozen=True, slots=True)
class SearchHint:
    """What a filter chain implies, so that a world need not enumerate a whole archive.

    A world may return more than the hint asks for (the evaluator filters again), never less.
    """

    start_ms: float | None = None
    """Inclusive lower bound on ``system:time_start``."""
    end_ms: float | None = None
    """Exclusive upper bound on ``system:time_start``."""
    region: BaseGeometry | None = None
    """Lon/lat geometry that footprints must intersect."""
    indices: frozenset[str] | None = None
    """Only these ``system:index`` values."""


@runtime_checkable
class CollectionAsset(Protocol):
    """An image collection."""

    id: str
    properties: Mapping[str, Any]

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Members in ``system:index`` order, at least all that satisfy the hint.

        Raises:
            UnboundedSearch: the archive is procedural and the hint leaves it unbounded.
        """
        ...

    def image(self, index: str) -> ImageRecord | None:
        """The member with this ``system:index``, or None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """One row of a vector table; geometry in lon/lat."""

    id: str
    geometry: BaseGeometry | None
    properties: Mapping[str, Any]


@runtime_checkable
class TableAsset(Protocol):
    """A feature collection asset."""

    id: str
    version: int
    properties: Mapping[str, Any]

    def features(self) -> Sequence[FeatureRecord]:
        """All rows, in a stable order."""
        ...


class UnboundedSearch(ValueError):
    """A procedural collection was enumerated without a date and place."""


class World(Protocol):
    """A named set of assets."""

    name: str

    def find(self, asset_id: str) -> ImageRecord | CollectionAsset | TableAsset | None:
        """The asset with this id. ``COLLECTION/INDEX`` finds a member image. None = does not exist."""
        ...

    def children(self, parent: str) -> Sequence[str]:
        """Ids directly below a folder id (an empty string = the root), for ``listAssets``."""
        ...
