"""A region to sample in: a lon/lat box or a polygon file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geomeld_build.errors import ConfigError

__all__ = ["Region", "parse_region"]

_EARTH_RADIUS_M = 6_371_007.2
"""Radius of the sphere of equal area (authalic)."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the Earth in lon/lat."""

    geometry: BaseGeometry
    text: str
    """How the user named it; keys the random draw."""

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
