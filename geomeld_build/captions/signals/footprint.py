"""The square of a tile, in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

__all__ = ["Footprint"]


@dataclass(frozen=True)
class Footprint:
    """Where a tile lies on the plane of its projection."""

    tile_id: str
    crs: str
    """E.g. ``EPSG:32633``."""
    left: float
    top: float
    size: float
    """Side in m."""

    @property
    def centre(self) -> tuple[float, float]:
        """Easting and northing of its middle, m."""
        return self.left + self.size / 2, self.top - self.size / 2

    @property
    def square(self) -> shapely.Polygon:
        """Its outline in m."""
        return shapely.box(self.left, self.top - self.size, self.left + self.size, self.top)

    @cached_property
    def outline(self) -> shapely.Polygon:
        """Its outline in lon/lat degrees, with points along the sides: they are curved there."""
        ring = shapely.get_coordinates(shapely.segmentize(self.square, self.size / 8))
        lon, lat = _transformer(self.crs).transform(ring[:, 0], ring[:, 1], direction="INVERSE")
        return shapely.Polygon(np.column_stack((lon, lat)))

    def to_metres(self, shapes: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
        """Geometries in lon/lat degrees on the plane of the tile."""

        def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = _transformer(self.crs).transform(points[:, 0], points[:, 1])
            return np.column_stack((x, y))

        moved: NDArray[Any] = shapely.transform(np.asarray(shapes, dtype=object), project)
        return moved


@lru_cache(maxsize=128)
def _transformer(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
