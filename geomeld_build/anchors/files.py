"""Anchors in files: our own Parquet (readable as GeoParquet), and anybody's CSV or Parquet of lon, lat, date."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import shapely

from geomeld_build.errors import ConfigError
from geomeld_build.grid import Anchor, make_tile_id, place_anchor

__all__ = ["ANCHOR_SCHEMA", "read_anchors", "write_anchors"]

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
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}
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
    if path.is_dir():
        raise ConfigError(f"cannot write anchors to {path}: it is a folder, expected the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [
        {**asdict(anchor), "geometry": shapely.to_wkb(shapely.Point(anchor.lon, anchor.lat))} for anchor in anchors
    ]
    schema = ANCHOR_SCHEMA.with_metadata({b"geo": json.dumps(_GEO).encode()})
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(pa.Table.from_pylist(records, schema=schema), partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
    for number, record in enumerate(typed.to_pylist(), start=1):
        if not (32601 <= record["epsg"] <= 32660 or 32701 <= record["epsg"] <= 32760):
            raise ConfigError(
                f"{path}, row {number}: epsg {record['epsg']} is no UTM zone (32601..32660, 32701..32760)"
            )
        anchor = Anchor(**record)
        yield replace(anchor, tile_id=make_tile_id(anchor.location_id, anchor.datetime, recipe))


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
