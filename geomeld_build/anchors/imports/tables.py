"""Pools from tables: anybody's CSV, Parquet or GeoParquet, GeoMeld's released metadata, and CSVs of SkyScript boxes."""

from __future__ import annotations

import numpy as np

from geomeld_build.anchors.imports.columns import TableFile, to_dates, to_ids, to_numbers
from geomeld_build.anchors.imports.geometry import LONLAT, centroids, decode_wkb, geo_column
from geomeld_build.anchors.imports.pool import Pool, finish_pool
from geomeld_build.anchors.imports.skyscript import box_centres
from geomeld_build.errors import ConfigError

__all__ = ["has_boxes", "is_geomeld", "read_boxes", "read_table"]

_LON, _LAT = ("lon", "longitude", "long", "lng"), ("lat", "latitude")
_ID = ("src_id", "tile_id", "location_id", "id", "filepath")
_DATE = ("date", "datetime", "time", "timestamp", "acquisition_date")
_GEOMETRY = ("geometry", "geom", "wkb_geometry", "wkb")
_BOX = (
    ("west", "w", "minx", "xmin", "min_lon", "lon_min"),
    ("south", "s", "miny", "ymin", "min_lat", "lat_min"),
    ("east", "e", "maxx", "xmax", "max_lon", "lon_max"),
    ("north", "n", "maxy", "ymax", "max_lat", "lat_max"),
)
_GEOMELD = ("tile_id", "lat", "long", "file_type_naip")


def is_geomeld(file: TableFile) -> bool:
    """Whether a table has the columns of GeoMeld's released metadata."""
    return all(file.find((name,)) for name in _GEOMELD)


def has_boxes(file: TableFile) -> bool:
    """Whether a table has boxes and no points."""
    return file.find(_LON) is None and all(file.find(aliases) for aliases in _BOX)


def read_table(file: TableFile, name: str, *, dates: bool = True) -> Pool:
    """A pool of the points of a table, or of the centroids of its polygons.

    Columns of lon and lat count first, then the geometry column with its CRS, then columns of x and y.

    Raises:
        ConfigError: no such columns, or a row that is broken.
    """
    ids, date = file.find(_ID), file.find(_DATE) if dates else None
    lon, lat = file.find(_LON), file.find(_LAT)
    geo = None if lon and lat else geo_column(file.metadata, file.path)
    if not (lon and lat) and geo is None:
        shapes = None if file.is_csv else file.find(_GEOMETRY)
        geo = (shapes, LONLAT) if shapes else None
        lon, lat = (file.find(("x",)), file.find(("y",))) if geo is None else (None, None)
    places = [geo[0]] if geo else [lon or "", lat or ""]
    if not all(places):
        raise ConfigError(f"{file.path} has columns {', '.join(file.names)}: expected lon and lat, or geometry as WKB")
    table = file.read([*places, *(column for column in (ids, date) if column)], numbers=places)
    if geo:
        if not table.num_rows:
            raise ConfigError(f"{file.path} holds no points: a pool needs at least one")
        x, y = centroids(decode_wkb(table.column(geo[0]), file.where), geo[1], file.where)
    else:
        x, y = (to_numbers(table.column(column), column, file) for column in places)
    names = to_ids(table.column(ids) if ids else None, table.num_rows)
    when = to_dates(table.column(date), file) if date else None
    return finish_pool(name, file.path, (x, y, names), file.where, when)


def read_boxes(file: TableFile, name: str) -> Pool:
    """A pool of the centres of boxes in columns west, south, east and north.

    Raises:
        ConfigError: no such columns, or a row that is broken.
    """
    columns = [column for aliases in _BOX if (column := file.find(aliases))]
    if len(columns) < len(_BOX):
        raise ConfigError(
            f"{file.path} has columns {', '.join(file.names)}: expected boxes in columns west, south, east, north "
            "(SkyScript's own CSVs have captions and no coordinates: import its meta zips)"
        )
    ids = file.find(_ID)
    table = file.read([*columns, *([ids] if ids else [])], numbers=columns)
    boxes = np.column_stack([to_numbers(table.column(column), column, file) for column in columns])
    lon, lat = box_centres(boxes, file.where)
    return finish_pool(name, file.path, (lon, lat, to_ids(table.column(ids) if ids else None, len(lon))), file.where)
