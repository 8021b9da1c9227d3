"""Geometry of other people's files: decoded with the row that is broken, in lon/lat, whole across the antimeridian."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.anchors.imports.pool import Where
from geomeld_build.errors import ConfigError

__all__ = ["LONLAT", "centroids", "check_shapes", "decode_wkb", "geo_column", "unwrapped", "wrap_lon"]

LONLAT = pyproj.CRS.from_user_input("OGC:CRS84")

Geometries = NDArray[np.object_]


def geo_column(metadata: Mapping[bytes, bytes] | None, path: Path) -> tuple[str, pyproj.CRS] | None:
    """Name and CRS of the primary geometry column of a GeoParquet schema; None where it is plain Parquet.

    Raises:
        ConfigError: broken metadata, or an encoding that is not WKB.
    """
    text = (metadata or {}).get(b"geo")
    if text is None:
        return None
    try:
        geo = json.loads(text)
        name: str = geo["primary_column"]
        column: dict[str, Any] = geo["columns"][name]
        encoding = column["encoding"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: its GeoParquet metadata is broken ({error!r})") from error
    if encoding != "WKB":
        raise ConfigError(f"{path}: geometry encoded as {encoding}, expected WKB (geometry_encoding='WKB')")
    stated = column.get("crs")
    if stated is None:  # absent means CRS84; null means unknown, and then only lon/lat can be right
        return name, LONLAT
    try:
        return name, pyproj.CRS.from_user_input(stated)
    except pyproj.exceptions.CRSError as error:
        raise ConfigError(f"{path}: the CRS of column {name} is not understood: {error}") from error


def decode_wkb(column: pa.ChunkedArray, where: Where) -> Geometries:
    """Geometries of a column of WKB.

    Raises:
        ConfigError: a row without geometry, or whose bytes are broken.
    """
    blobs = column.to_numpy()
    shapes: Geometries = shapely.from_wkb(blobs, on_invalid="ignore")
    bad = np.flatnonzero(shapely.is_missing(shapes))
    if len(bad):
        at = int(bad[0])
        what = "has no geometry" if blobs[at] is None else "has geometry that is no WKB (truncated?)"
        raise ConfigError(f"{where(at)} {what}: expected a point or a polygon in every row")
    return shapes


def check_shapes(shapes: Geometries, where: Where) -> None:
    """Refuse rows without geometry, and with one that is not valid.

    Raises:
        ConfigError: names the first such row and what is wrong with it.
    """
    for bad, fault in (
        (shapely.is_missing(shapes), "no geometry"),
        (shapely.is_empty(shapes), "empty geometry"),
        (~np.isfinite(shapely.bounds(shapes)).all(axis=-1), "coordinates that are no numbers"),
        (~shapely.is_valid(shapes), "invalid geometry"),
    ):
        rows = np.flatnonzero(bad)
        if len(rows):
            at = int(rows[0])
            reason = f", {shapely.is_valid_reason(shapes[at])}" if fault == "invalid geometry" else ""
            raise ConfigError(f"{where(at)} has {fault}{reason}: expected valid points or polygons (repair them)")


def centroids(shapes: Geometries, crs: pyproj.CRS, where: Where) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points as they are, other shapes by their planar centroid, in lon/lat.

    A shape across the antimeridian is taken whole, whether its longitudes go on above 180 or jump to -180.

    Raises:
        ConfigError: a row with broken geometry.
    """
    check_shapes(shapes, where)
    if crs.is_geographic:
        shapes = _whole(shapes)
    middle = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.centroid(shapes))
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    if not crs.equals(LONLAT, ignore_axis_order=True) and crs.to_epsg() != 4326:
        x, y = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True).transform(x, y)
    if not crs.is_geographic:
        return x, y
    # What lies beyond 180 as a whole is no place; what reaches across it is.
    west, _, east, _ = shapely.bounds(shapes).T
    across = (west <= 180.0) & (east >= -180.0) & (west < east)
    return np.where(across, wrap_lon(x), x), y


def wrap_lon(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes brought into -180..180; what is there already stays as it is, to the bit."""
    return np.where(np.abs(lon) <= 180.0, lon, (lon + 180.0) % 360.0 - 180.0)


def _whole(shapes: Geometries) -> Geometries:
    west, _, east, _ = shapely.bounds(shapes).T
    wide = np.flatnonzero(east - west > 180.0)
    if len(wide):
        shapes = shapes.copy()
        shapes[wide] = [_unwrapped_parts(shape) for shape in shapes[wide]]
    return shapes


def _unwrapped_parts(shape: BaseGeometry) -> BaseGeometry:
    parts = [unwrapped(part) for part in shapely.get_parts(shape)]
    if len(parts) == 1:
        return parts[0]
    # A shape cut at the antimeridian, as RFC 7946 asks: its western half goes on above 180.
    moved = [_shifted(part, 360.0) if shapely.bounds(part)[2] < 0 else part for part in parts]
    joined = shapely.union_all(moved)
    west, _, east, _ = shapely.bounds(joined)
    return joined if east - west < 180.0 else shape


def unwrapped(shape: BaseGeometry) -> BaseGeometry:
    """One polygon, line or point without jumps in longitude: above 180 where it crosses the antimeridian.

    An edge of more than 180 and less than 360 degrees is taken as the short way round. A ring that goes round a
    pole stays as it is.
    """
    if shape.geom_type == "Polygon":
        shell = _steps(shapely.get_coordinates(shape.exterior))
        if shell is None:
            return shape
        west = float(shell[:, 0].min())
        holes = []
        for ring in shape.interiors:
            points = _steps(shapely.get_coordinates(ring))
            if points is None:
                return shape
            points[:, 0] += 360.0 * np.ceil((west - points[:, 0].min()) / 360.0)
            holes.append(points)
        return shapely.Polygon(shell, holes)
    if shape.geom_type == "LineString":
        return shapely.LineString(_steps(shapely.get_coordinates(shape), closed=False))
    return shape


def _steps(points: NDArray[np.float64], *, closed: bool = True) -> NDArray[np.float64] | None:
    """Points joined by their short steps; None where a ring does not close then."""
    step = np.diff(points[:, 0])
    jump = (np.abs(step) > 180.0) & (np.abs(step) < 360.0)
    turns = np.concatenate([[0.0], np.cumsum(np.where(jump, -np.sign(step), 0.0))])
    if closed and turns[-1] != 0.0:
        return None
    return np.column_stack([points[:, 0] + 360.0 * turns, points[:, 1]])


def _shifted(shape: BaseGeometry, degrees: float) -> BaseGeometry:
    return shapely.transform(shape, lambda points: points + np.array([degrees, 0.0]))
