"""A region to sample in: a lon/lat box or a polygon file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geomeld_build.anchors.world.areas import CoarseCells
from geomeld_build.errors import ConfigError

__all__ = ["Region", "parse_region"]

_EARTH_RADIUS_M = 6_371_007.2
"""Radius of the sphere of equal area (authalic)."""
_LARGEST_BOX_DEG = 5.0
_HALVINGS = 8
"""Coarse boxes have sides of 5 degrees, halved up to so many times: sizes that floating-point numbers hold exactly."""
_MOST_BOXES = 4096
"""Of the boxes that cover a region's bounds."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the Earth in lon/lat, from which cells can be drawn: a ``SampleArea``."""

    geometry: BaseGeometry
    text: str
    """How the user named it."""

    @property
    def name(self) -> str:
        """How the user named it."""
        return self.text

    @property
    def area_m2(self) -> float:
        """Area on the sphere, by the cylindrical equal-area projection."""

        def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x = np.radians(points[:, 0]) * _EARTH_RADIUS_M
            y = np.sin(np.radians(points[:, 1])) * _EARTH_RADIUS_M
            return np.column_stack([x, y])

        return float(shapely.area(shapely.transform(self.geometry, project)))

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points lie inside."""
        shapely.prepare(self.geometry)
        return np.asarray(shapely.contains_xy(self.geometry, lon, lat))

    def coarse_cells(self) -> CoarseCells:
        """Boxes that touch the region and those around them, as ``SampleArea`` asks for.

        They are small enough that a thin region does not lie in much empty space, and at most some thousands.
        """
        size = self._box_deg()
        width, height = round(360.0 / size), round(180.0 / size)
        low, high = self._span(size)
        column, row = (
            axis.ravel() for axis in np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        )
        shapely.prepare(self.geometry)
        boxes = _boxes(column, row, size)
        touched = shapely.intersects(self.geometry, boxes)
        inside = shapely.contains_properly(self.geometry, boxes)
        around = [
            np.clip(row[touched] + up, 0, height - 1) * width + (column[touched] + right) % width
            for up in (-1, 0, 1)
            for right in (-1, 0, 1)
        ]
        number = np.unique(np.concatenate(around))
        return CoarseCells(
            west=number % width * size - 180.0,
            south=number // width * size - 90.0,
            size_deg=size,
            inside_fully=np.isin(number, (row * width + column)[inside]),
        )

    def _span(self, size: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last column and row of the boxes that cover the bounds."""
        west, south, east, north = shapely.bounds(self.geometry)
        last = np.array([round(360.0 / size), round(180.0 / size)]) - 1
        low = np.floor(np.array([west + 180.0, south + 90.0]) / size)
        high = np.floor(np.array([east + 180.0, north + 90.0]) / size)
        return np.minimum(low, last).astype(np.int64), np.minimum(high, last).astype(np.int64)

    def _box_deg(self) -> float:
        size = _LARGEST_BOX_DEG
        for _ in range(_HALVINGS):
            low, high = self._span(size / 2)
            if np.prod(high - low + 1) > _MOST_BOXES:
                break
            size /= 2
        return size


def parse_region(text: str) -> Region:
    """A region from ``west,south,east,north`` in degrees, or from a polygon file.

    A box whose west is greater than its east crosses the antimeridian. A file is GeoJSON, GeoPackage, GeoParquet
    or anything else that GDAL reads; its polygons are joined.

    Raises:
        ConfigError: neither a box nor a readable polygon file.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) == 4:
        try:
            west, south, east, north = (float(piece) for piece in pieces)
        except ValueError:
            pass
        else:
            return Region(_box(text, west, south, east, north), ",".join(f"{float(piece):g}" for piece in pieces))
    path = Path(text)
    if not path.exists():
        raise ConfigError(f"region {text!r} is neither 'west,south,east,north' in degrees nor an existing file")
    return Region(_read_polygons(path), path.name)


def _boxes(column: NDArray[np.int64], row: NDArray[np.int64], size: float) -> NDArray[np.object_]:
    west, south = column * size - 180.0, row * size - 90.0
    return np.asarray(shapely.box(west, south, west + size, south + size))


def _box(text: str, west: float, south: float, east: float, north: float) -> BaseGeometry:
    if not (-180 <= west <= 180 and -180 <= east <= 180):
        raise ConfigError(f"region {text!r}: west {west} and east {east} must be longitudes in -180..180")
    if not (-90 <= south < north <= 90):
        raise ConfigError(
            f"region {text!r}: south {south} and north {north} must be latitudes in -90..90, south below north "
            "(order is west,south,east,north)"
        )
    if west == east:
        raise ConfigError(f"region {text!r} has no width: west and east are both {west}")
    if west < east:
        return box(west, south, east, north)
    return shapely.union_all([box(west, south, 180, north), box(-180, south, east, north)])


def _read_polygons(path: Path) -> BaseGeometry:
    import geopandas

    try:
        is_parquet = path.suffix in {".parquet", ".geoparquet"}
        frame = geopandas.read_parquet(path) if is_parquet else geopandas.read_file(path)
    except Exception as error:  # GDAL's drivers raise many kinds; all mean "not a readable vector file"
        raise ConfigError(f"cannot read polygons from {path}: {error}") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise ConfigError(f"{path} holds no polygon to sample in: it is a table without geometry")
    if frame.crs is not None:
        frame = frame.to_crs(4326)
    geometry = shapely.make_valid(shapely.union_all(frame.geometry.to_numpy()))
    if geometry.is_empty or shapely.area(geometry) == 0.0:
        raise ConfigError(f"{path} holds no polygon to sample in")
    west, south, east, north = shapely.bounds(geometry)
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise ConfigError(f"{path}: bounds {west:g},{south:g},{east:g},{north:g} are not lon/lat degrees")
    return geometry
