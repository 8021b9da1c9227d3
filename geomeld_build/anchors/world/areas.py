"""Areas that cells can be drawn from: what a sampler needs to know of one, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.anchors.world.coarse import COLUMNS, ROWS, CoarseCells, boxes_around
from geomeld_build.anchors.world.polygons import locate_in_polygons
from geomeld_build.anchors.world.raster import RasterLocator
from geomeld_build.errors import ConfigError

__all__ = ["CoarseCells", "LayerArea", "Locator", "SampleArea", "boxes_of_rows", "polygon_area", "raster_area"]


class SampleArea(Protocol):
    """A part of the Earth's surface from which lattice cells are drawn by their centres."""

    @property
    def name(self) -> str:
        """Of the stratum, such as ``mangroves`` or ``Africa/mangroves``. Unique within a set of strata."""
        ...

    @property
    def area_m2(self) -> float:
        """On the sphere of the Earth's authalic radius."""
        ...

    def coarse_cells(self) -> CoarseCells:
        """Every box that touches the area and one box of margin around those (wrapping over the antimeridian).

        Boxes do not overlap and none is given twice. Every point of the area lies in one of them.
        """
        ...

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each point lies in the area, exactly. Any 1-D length; degrees, lon in -180..180."""
        ...


class Locator(Protocol):
    """A layer that says which of its rows each point belongs to. Polygons and rasters answer alike."""

    def __hash__(self) -> int:
        """Of this very layer: what was worked out for it is remembered."""
        ...

    @property
    def areas_m2(self) -> NDArray[np.float64]:
        """On the sphere, of each row."""
        ...

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        """The row of each point, -1 in none."""
        ...

    def boxes(self, member: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of every box of the coarse grid: whether one of the member rows touches it, and whether they fill it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LayerArea:
    """Some rows of a layer as one area."""

    name: str
    locator: Locator
    member: NDArray[np.bool_]
    """Of each row of the layer, whether it belongs to the area."""

    @property
    def area_m2(self) -> float:
        """The sum over the rows, on the sphere."""
        return float(_areas_m2(self.locator)[self.member].sum())

    def coarse_cells(self) -> CoarseCells:
        """See :class:`SampleArea`."""
        return boxes_around(*boxes_of_rows(self.locator, self.member))

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """See :class:`SampleArea`. A point on the edge is inside."""
        # Row -1, no row at all, takes the last entry.
        of_row = np.append(self.member, False)
        return of_row[self.locator.locate(lon, lat)]


def boxes_of_rows(locator: Locator, member: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``locator.boxes(member)``, remembered: a biome is looked for again on every continent."""
    touched, filled = _packed_boxes(locator, member.tobytes())
    count = ROWS * COLUMNS
    return np.unpackbits(touched, count=count).astype(np.bool_), np.unpackbits(filled, count=count).astype(np.bool_)


@lru_cache(maxsize=32)
def _packed_boxes(locator: Locator, member: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    touched, filled = locator.boxes(np.frombuffer(member, np.bool_))
    return np.packbits(touched), np.packbits(filled)


@lru_cache(maxsize=4)
def _areas_m2(locator: Locator) -> NDArray[np.float64]:
    return locator.areas_m2


def polygon_area(name: str, geometry: BaseGeometry) -> LayerArea:
    """An area of one polygon or multipolygon in lon/lat degrees.

    Raises:
        ConfigError: it is no polygon, not valid, or leaves lon -180..180, lat -90..90.
    """
    kinds = {shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON}
    if shapely.get_type_id(geometry) not in kinds or shapely.is_empty(geometry):
        raise ConfigError(f"area {name}: expected a polygon or multipolygon, got {shapely.to_wkt(geometry)[:60]}")
    if not shapely.is_valid(geometry):
        raise ConfigError(f"area {name}: broken polygon: {shapely.is_valid_reason(geometry)}")
    west, south, east, north = shapely.bounds(geometry)
    if not (west >= -180.0 and east <= 180.0 and south >= -90.0 and north <= 90.0):
        raise ConfigError(
            f"area {name}: bounds {west:g},{south:g},{east:g},{north:g}: expected lon -180..180 and lat -90..90"
        )
    return LayerArea(name, locate_in_polygons(np.array([geometry], dtype=object)), np.ones(1, bool))


def raster_area(name: str, mask: NDArray[np.bool_], west: float, north: float, dx: float, dy: float) -> LayerArea:
    """An area of the True pixels of a mask.

    Args:
        name: of the area.
        mask: ``(y, x)``, the first row northernmost.
        west: its western edge, degrees.
        north: its northern edge, degrees.
        dx: width of a pixel, degrees.
        dy: height of a pixel, degrees, positive.
    """
    rows = np.where(mask, 0, -1).astype(np.int32)
    return LayerArea(name, RasterLocator(rows, 1, west, north, dx, dy), np.ones(1, bool))
