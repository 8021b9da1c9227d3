"""From places, classes and dates to the columns of a frame."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.anchors.frame import FRAME_SCHEMA
from geomeld_build.anchors.places import Places, utm_zones
from geomeld_build.anchors.world import WorldColumns
from geomeld_build.grid import CELL_M

__all__ = ["Selected", "frame_table", "on_seam", "tile_ids"]

_METRES_PER_DEGREE = 111_000.0
"""Of latitude, rounded down."""


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """Anchors of one pool, before dates and splits. All columns have one length."""

    places: Places
    world: WorldColumns
    pool: str
    stratum: NDArray[np.object_]
    rank: NDArray[np.int32]
    src_id: pa.StringArray
    flags: NDArray[np.object_]
    date: NDArray[np.datetime64] | None
    """Dates that the pool gives, NaT where it has none."""

    def take(self, index: NDArray[Any]) -> Selected:
        """Some of them, by position or by a mask."""
        positions = np.flatnonzero(index) if index.dtype == bool else index
        return Selected(
            places=self.places.take(positions),
            world=self.world.take(positions),
            pool=self.pool,
            stratum=self.stratum[positions],
            rank=self.rank[positions],
            src_id=self.src_id.take(pa.array(positions)),
            flags=self.flags[positions],
            date=None if self.date is None else self.date[positions],
        )


def frame_table(
    part: Selected,
    recipe: str,
    dates: NDArray[np.datetime64],
    rules: NDArray[np.str_],
    blocks: Sequence[str],
    splits: NDArray[np.str_],
) -> pa.Table:
    """Lines of ``FRAME_SCHEMA``; ``overlaps`` is false.

    Args:
        part: what was selected.
        recipe: part of every tile's identity.
        dates: ``(anchor,)`` "us".
        rules: ``(anchor,)`` names of the rules that gave the dates.
        blocks: ``(anchor,)`` names of blocks.
        splits: ``(anchor,)`` names of splits.
    """
    places, count = part.places, len(part.places)
    location_ids = places.location_ids()
    columns: dict[str, Any] = {
        "location_id": location_ids,
        "tile_id": tile_ids(location_ids, dates, recipe),
        "lon": places.lon,
        "lat": places.lat,
        "epsg": places.epsg,
        "left": places.left,
        "top": places.top,
        "datetime": pa.array(dates.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC")),
        "pool": pa.repeat(part.pool, count),
        "stratum": part.stratum,
        # Points of lon and lat: made when the table is written.
        "geometry": pa.nulls(count, pa.binary()),
        "src_id": part.src_id,
        "biome": part.world.biome,
        "ecoregion": part.world.ecoregion.cast(pa.string()),
        "continent": part.world.continent.cast(pa.string()),
        "country": part.world.country.cast(pa.string()),
        "block": blocks,
        "split": splits,
        "date_rule": rules,
        "rank": part.rank,
        "overlaps": pa.array(np.zeros(count, np.bool_)),
        "excluded_by": part.flags,
        "seam": pa.array(on_seam(places)),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in FRAME_SCHEMA]
    return pa.table(arrays, schema=FRAME_SCHEMA)


def tile_ids(location_ids: Sequence[str], dates: NDArray[np.datetime64], recipe: str) -> list[str]:
    """Identities as ``grid.make_tile_id`` makes them."""
    stamps = np.datetime_as_string(dates, unit="s").tolist()
    blake = hashlib.blake2b
    return [
        blake(f"{place}|{stamp}Z|{recipe}".encode(), digest_size=8).hexdigest()
        for place, stamp in zip(location_ids, stamps, strict=True)
    ]


def on_seam(places: Places) -> NDArray[np.bool_]:
    """Whether a tile is less than its own side from a boundary of its UTM zone."""
    reach = 1.5 * CELL_M
    north = reach / _METRES_PER_DEGREE
    # Wider towards the poles, measured at the side of the tile that is nearer to the pole.
    nearer = np.minimum(np.abs(places.lat) + north, 89.0)
    east = reach / (_METRES_PER_DEGREE * np.cos(np.radians(nearer)))
    seam = np.zeros(len(places), np.bool_)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            seam |= utm_zones(places.lon + dx * east, places.lat + dy * north) != places.epsg
    return seam
