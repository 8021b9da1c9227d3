"""Polygons of a table, checked row by row before anything is measured with them."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError

__all__ = ["read_outlines"]

logger = logging.getLogger(__name__)

_KINDS = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))


def read_outlines(column: pa.ChunkedArray, rows: NDArray[np.int64], source: str, *, mend: bool = False) -> NDArray[Any]:
    """Valid polygons and multipolygons of a WKB column.

    Args:
        column: WKB.
        rows: number of each in its table, for messages.
        source: names the table in messages.
        mend: repair what is broken, and leave out what is no area, instead of refusing it.

    Raises:
        ConfigError: with the row: not WKB, empty, no polygon, broken, or beyond lon -180..180 and lat -90..90.
    """
    geometries = _from_wkb(column, rows, source)
    if mend:
        broken = ~shapely.is_valid(geometries)
        if broken.any():
            logger.warning("%s: %d of %d polygons are broken and are repaired", source, broken.sum(), len(broken))
        geometries[broken] = shapely.make_valid(geometries[broken], method="structure")
        geometries = _areas_only(geometries)
    empty = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    _refuse(empty, rows, source, "no geometry: expected a polygon")
    kind = shapely.get_type_id(geometries)
    _refuse(~np.isin(kind, _KINDS), rows, source, "expected a polygon or multipolygon, got another kind of geometry")
    west, south, east, north = shapely.bounds(geometries).T
    off = ~((west >= -180.0) & (east <= 180.0) & (south >= -90.0) & (north <= 90.0))
    for index in np.flatnonzero(off)[:1].tolist():
        box = ",".join(f"{edge[index]:g}" for edge in (west, south, east, north))
        raise ConfigError(f"{source}, row {rows[index]}: bounds {box}: expected lon -180..180 and lat -90..90")
    for index in np.flatnonzero(~shapely.is_valid(geometries))[:1].tolist():
        raise ConfigError(
            f"{source}, row {rows[index]}: broken polygon: {shapely.is_valid_reason(geometries[index])}; "
            "repair it (shapely.make_valid, or Fix geometries in QGIS)"
        )
    return geometries


def _from_wkb(column: pa.ChunkedArray, rows: NDArray[np.int64], source: str) -> NDArray[Any]:
    values = column.to_pylist()
    try:
        geometries = shapely.from_wkb(np.array(values, dtype=object), on_invalid="raise")
    except (shapely.errors.ShapelyError, TypeError):
        for row, value in zip(rows.tolist(), values, strict=True):
            try:
                shapely.from_wkb(value)
            except (shapely.errors.ShapelyError, TypeError) as error:
                reason = str(error).splitlines()[0]
                raise ConfigError(f"{source}, row {row}: geometry is not readable as WKB: {reason}") from error
        raise
    found: NDArray[Any] = shapely.force_2d(geometries)
    return found


def _areas_only(geometries: NDArray[Any]) -> NDArray[Any]:
    """Polygons of collections, without the points and lines that they hold besides."""
    collected = np.flatnonzero(shapely.get_type_id(geometries) == int(shapely.GeometryType.GEOMETRYCOLLECTION))
    for index in collected.tolist():
        parts = shapely.get_parts(shapely.get_parts(geometries[index]))
        polygons = parts[shapely.get_type_id(parts) == _KINDS[0]]
        geometries[index] = shapely.union_all(polygons) if len(polygons) else shapely.Polygon()
    return geometries


def _refuse(wrong: NDArray[np.bool_], rows: NDArray[np.int64], source: str, reason: str) -> None:
    for index in np.flatnonzero(wrong)[:1].tolist():
        raise ConfigError(f"{source}, row {rows[index]}: {reason}")
