"""Other people's points as an anchors file: a SkyScript archive of millions is read once, its Parquet in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from geomeld_build.anchors.candidates import MAX_LAT, MIN_LAT
from geomeld_build.anchors.columns import tile_ids
from geomeld_build.anchors.dates import DateRule, assign_dates
from geomeld_build.anchors.files import ANCHOR_SCHEMA, write_frame_table
from geomeld_build.anchors.imports import PoolFormat, read_pool
from geomeld_build.anchors.places import places_of_points
from geomeld_build.errors import ConfigError

__all__ = ["import_pool"]


def import_pool(
    path: Path,
    out: Path,
    *,
    format: str,
    recipe: str,
    years: tuple[int, int],
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the points of a pool as anchors, in the order of the file; those beyond UTM are left out.

    Args:
        path: the pool.
        out: Parquet file: the columns of anchors, ``src_id`` and ``date_rule``.
        format: of the pool, a value of ``PoolFormat``.
        recipe: part of every tile's identity.
        years: of drawn dates, where the file has none.
        progress: told how far reading is.

    Returns:
        How many anchors were written.

    Raises:
        ConfigError: the pool cannot be read, or has no point that UTM covers.
    """
    pool = read_pool(path, format=PoolFormat(format), progress=progress)
    inside = np.flatnonzero((pool.lat >= MIN_LAT) & (pool.lat < MAX_LAT))
    if not len(inside):
        raise ConfigError(f"{path}: all {len(pool)} points lie beyond UTM, expected latitudes {MIN_LAT:g}..{MAX_LAT:g}")
    places = places_of_points(pool.lon[inside], pool.lat[inside])
    dates = None if pool.date is None else pool.date[inside]
    known = np.zeros(len(places), np.bool_) if dates is None else ~np.isnat(dates)
    rules = np.where(known, str(DateRule.GIVEN), str(DateRule.EXTERNAL))
    dates = assign_dates(places.key, rules, recipe, external_years=years, given=dates)
    location_ids = places.location_ids()
    columns = {
        "location_id": location_ids,
        "tile_id": tile_ids(location_ids, dates, recipe),
        **{name: getattr(places, name) for name in ("lon", "lat", "epsg", "left", "top")},
        "datetime": pa.array(dates).cast(pa.timestamp("us", tz="UTC")),
        "pool": pa.repeat(pool.name, len(places)),
        "stratum": pa.repeat("", len(places)),
        "geometry": pa.nulls(len(places), pa.binary()),
    }
    table = pa.table([pa.array(columns[field.name], field.type) for field in ANCHOR_SCHEMA], schema=ANCHOR_SCHEMA)
    table = table.append_column("src_id", pool.src_id.take(pa.array(inside)))
    table = table.append_column("date_rule", pa.array(rules.tolist(), pa.string()))
    write_frame_table(out, table, {"recipe": recipe})
    return len(table)
