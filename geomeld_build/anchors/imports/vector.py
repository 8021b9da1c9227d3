"""Shapes of a vector file, row by row, in lon/lat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.imports.columns import PARQUET_SUFFIXES, TableFile
from geomeld_build.anchors.imports.geometry import LONLAT, check_shapes, decode_wkb, geo_column
from geomeld_build.errors import ConfigError

__all__ = ["read_shapes"]


def read_shapes(path: Path) -> NDArray[np.object_]:
    """One shape a row, in lon/lat: GeoParquet, or anything that GDAL reads.

    Raises:
        ConfigError: missing, unreadable, without geometry, or a row whose geometry is broken.
    """
    if not path.exists():
        raise ConfigError(f"layer {path} does not exist")
    shapes, crs = _parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else _gdal(path)
    if crs.equals(LONLAT, ignore_axis_order=True) or crs.to_epsg() == 4326:
        return shapes
    check_shapes(shapes, lambda row: f"{path}, row {row + 1}")
    transform = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True).transform
    # Only edges that are short stay where they are when their ends alone are projected.
    west, south, east, north = shapely.bounds(shapes).T
    size = np.maximum(east - west, north - south)
    shapes = np.where(size > 0, shapely.segmentize(shapes, np.maximum(size / 64, 1e-9)), shapes)
    return np.asarray(shapely.transform(shapes, lambda points: np.column_stack(transform(points[:, 0], points[:, 1]))))


def _parquet(path: Path) -> tuple[NDArray[np.object_], pyproj.CRS]:
    file = TableFile(path)
    found = geo_column(file.metadata, path)
    if found is None:
        raise ConfigError(f"{path} has columns {', '.join(file.names)} and no geometry: expected GeoParquet")
    name, crs = found
    return decode_wkb(file.read([name]).column(name), file.where), crs


def _gdal(path: Path) -> tuple[NDArray[np.object_], pyproj.CRS]:
    import geopandas

    try:
        # Broken geometry comes as none, which the checks then name with its row.
        frame = geopandas.read_file(path, columns=[], on_invalid="ignore")
    except Exception as error:  # GDAL's drivers raise many kinds; all mean "not a readable vector file"
        raise ConfigError(f"cannot read shapes from {path}: {error}") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise ConfigError(f"{path} is a table without geometry, expected polygons or points")
    return np.asarray(frame.geometry.to_numpy(), object), frame.crs or LONLAT
