"""Anchors in files: our own Parquet (readable as GeoParquet), and anybody's CSV or Parquet of lon, lat, date."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.grid import Anchor, make_tile_id, place_anchor

__all__ = ["ANCHOR_SCHEMA", "read_anchors", "read_frame_table", "write_anchors", "write_frame_table"]

logger = logging.getLogger(__name__)

ANCHOR_SCHEMA = pa.schema(
    [
        ("location_id", pa.string()),
        ("tile_id", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("epsg", pa.int32()),
        ("left", pa.float64()),
        ("top", pa.float64()),
        ("datetime", pa.timestamp("us", tz="UTC")),
        ("pool", pa.string()),
        ("stratum", pa.string()),
        ("geometry", pa.binary()),
    ]
)
_GEO: dict[str, Any] = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}
_ROW_GROUP = 100_000
_FIELDS = tuple(item.name for item in fields(Anchor))
_ALIASES = {
    "lon": ("lon", "longitude", "lng", "x"),
    "lat": ("lat", "latitude", "y"),
    "date": ("date", "datetime", "time", "timestamp"),
}


def write_anchors(path: Path, anchors: Sequence[Anchor]) -> None:
    """Write anchors as GeoParquet, atomically.

    Raises:
        ConfigError: the path is a folder.
    """
    records = [
        {**asdict(anchor), "geometry": shapely.to_wkb(shapely.Point(anchor.lon, anchor.lat))} for anchor in anchors
    ]
    schema = ANCHOR_SCHEMA.with_metadata({b"geo": json.dumps(_GEO).encode()})
    _write(path, pa.Table.from_pylist(records, schema=schema))


def write_frame_table(path: Path, table: pa.Table, metadata: Mapping[str, str]) -> None:
    """Write a table of a frame as GeoParquet, atomically; equal content gives equal bytes.

    Args:
        path: of the file.
        table: any columns with ``lon`` and ``lat`` among them. The column ``geometry``, points as WKB, is made of
            these, whatever it held.
        metadata: facts about the table, kept in its schema.

    Raises:
        ConfigError: the path is a folder, or lon or lat is missing or has empty values.
    """
    for name in ("lon", "lat"):
        if name not in table.column_names or table.column(name).null_count:
            raise ConfigError(f"a table for {path} needs a {name} for every row, got columns {table.column_names}")
    # One chunk a column: how a table was put together would show in the pages otherwise.
    table = table.combine_chunks()
    lon, lat = (table.column(name).to_numpy() for name in ("lon", "lat"))
    points = _points(lon, lat)
    if "geometry" in table.column_names:
        table = table.set_column(table.column_names.index("geometry"), "geometry", points)
    else:
        table = table.append_column("geometry", points)
    geo = {**_GEO, "columns": {"geometry": {**_GEO["columns"]["geometry"], **_bbox(lon, lat)}}}
    facts = {**{key: metadata[key] for key in sorted(metadata)}, "geo": json.dumps(geo, sort_keys=True)}
    _write(path, table.replace_schema_metadata(facts))


def read_frame_table(path: Path) -> pa.Table:
    """Read what :func:`write_frame_table` wrote, its column ``geometry`` and its metadata included.

    Raises:
        ConfigError: missing, unreadable, or no table of a frame.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"cannot read {path} as Parquet: {str(error).splitlines()[0]}") from error
    if not {"lon", "lat", "geometry"} <= set(table.column_names):
        raise ConfigError(f"{path} has columns {', '.join(table.column_names)}: expected lon, lat and geometry")
    return table


def _write(path: Path, table: pa.Table) -> None:
    if path.is_dir():
        raise ConfigError(f"cannot write anchors to {path}: it is a folder, expected the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, partial, compression="zstd", row_group_size=_ROW_GROUP)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _points(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> pa.Array:
    """WKB of points, little-endian: 21 bytes each, written in place instead of as an object a point."""
    wkb = np.empty(len(lon), np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")]))
    wkb["order"], wkb["kind"], wkb["x"], wkb["y"] = 1, 1, lon, lat
    offsets = np.arange(len(lon) + 1, dtype=np.int32) * np.int32(wkb.itemsize)
    return pa.Array.from_buffers(pa.binary(), len(lon), [None, pa.py_buffer(offsets), pa.py_buffer(wkb)])


def _bbox(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> dict[str, list[float]]:
    if not len(lon):
        return {}
    return {"bbox": [float(edge) for edge in (lon.min(), lat.min(), lon.max(), lat.max())]}


def read_anchors(path: Path, *, recipe: str) -> list[Anchor]:
    """Read anchors; those that this package wrote keep their grid, others are placed at their points.

    Tile ids are those of the given recipe, whatever the recipe was under which a file was written.

    Points that fall on the same place and date are kept once.

    Raises:
        ConfigError: unreadable, without lon, lat and date, or with a point off the Earth.
    """
    table = _read_table(path)
    if set(_FIELDS) <= set(table.column_names):
        anchors: Iterable[Anchor] = _own(table, path, recipe)
    else:
        anchors = _place(table, path, recipe)
    unique = {anchor.tile_id: anchor for anchor in anchors}
    if len(unique) < table.num_rows:
        logger.warning("%s: %d points repeat a place and date; each is kept once", path, table.num_rows - len(unique))
    if not unique:
        raise ConfigError(f"{path} holds no anchors")
    return list(unique.values())


def _read_table(path: Path) -> pa.Table:
    if not path.exists():
        raise ConfigError(f"anchors file {path} does not exist")
    try:
        if path.suffix.lower() in {".csv", ".txt"}:
            return pacsv.read_csv(path)
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"cannot read anchors from {path} (expected Parquet or CSV): {reason}") from error


def _own(table: pa.Table, path: Path, recipe: str) -> Iterator[Anchor]:
    """Anchors of this package's own columns, which other programs may have written back with other types."""
    schema = pa.schema([ANCHOR_SCHEMA.field(name) for name in _FIELDS])
    try:
        typed = table.select(list(_FIELDS)).cast(schema)
    except pa.ArrowException as error:
        raise ConfigError(f"{path} has the columns of anchors, but not their types: {error}") from error
    for name in _FIELDS:
        if typed.column(name).null_count:
            raise ConfigError(f"{path}: the column {name} has empty values, expected one for every anchor")
    epsg = typed.column("epsg").to_numpy()
    zone = epsg % 100
    bad = np.flatnonzero(((epsg // 100 != 326) & (epsg // 100 != 327)) | (zone < 1) | (zone > 60))
    if len(bad):
        at = int(bad[0])
        raise ConfigError(f"{path}, row {at + 1}: epsg {epsg[at]} is no UTM zone (32601..32660, 32701..32760)")
    # In batches: a frame has millions of rows, and all of them as Python objects at once would take gigabytes.
    for batch in typed.drop_columns("tile_id").to_batches(max_chunksize=_ROW_GROUP):
        names = batch.schema.names
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            record = dict(zip(names, values, strict=True))
            yield Anchor(tile_id=make_tile_id(record["location_id"], record["datetime"], recipe), **record)


def _column(table: pa.Table, meaning: str) -> list[Any] | None:
    lower = {name.lower(): name for name in table.column_names}
    for alias in _ALIASES[meaning]:
        if alias in lower:
            values: list[Any] = table.column(lower[alias]).to_pylist()
            return values
    return None


def _coordinates(table: pa.Table, path: Path) -> tuple[list[Any], list[Any]]:
    lon, lat = _column(table, "lon"), _column(table, "lat")
    if lon is not None and lat is not None:
        return lon, lat
    if "geometry" in table.column_names and pa.types.is_binary(table.schema.field("geometry").type):
        points = shapely.from_wkb(table.column("geometry").to_pylist())
        return shapely.get_x(points).tolist(), shapely.get_y(points).tolist()
    raise ConfigError(f"{path} has columns {', '.join(table.column_names)}: expected lon and lat, or point geometry")


def _place(table: pa.Table, path: Path, recipe: str) -> Iterator[Anchor]:
    lon, lat = _coordinates(table, path)
    dates = _column(table, "date")
    if dates is None:
        raise ConfigError(f"{path} has columns {', '.join(table.column_names)}: expected a date column too")
    for number, (x, y, when) in enumerate(zip(lon, lat, dates, strict=True), start=1):
        try:
            if x is None or y is None:
                raise ConfigError(f"lon {x}, lat {y}: expected two numbers")
            yield place_anchor(float(x), float(y), _instant(when), recipe=recipe, pool="import")
        except (ConfigError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}, row {number}: {error}") from error


def _instant(value: Any) -> datetime:
    """A UTC instant from a date, a datetime or ISO 8601 text; times without a zone are taken as UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise ConfigError(f"date {value!r} is not a date: expected ISO 8601 such as 2020-06-04")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
