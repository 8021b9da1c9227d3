"""Small frames for tests: anchors and reserves in strata, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geomeld_build.anchors import write_anchors
from geomeld_build.anchors.frame import FRAME_SCHEMA
from geomeld_build.grid import Anchor, make_tile_id, place_anchor

RECIPE = "test"
WHEN = datetime(2020, 6, 15, tzinfo=UTC)


def strata_of(counts: dict[str, int], *, lat: float = 30.3, when: datetime = WHEN, pool: str = "own") -> list[Anchor]:
    """Anchors 2 km apart along a parallel, so many in each stratum."""
    names = [name for name, count in counts.items() for _ in range(count)]
    places = [place_anchor(75.0 + 0.021 * number, lat, when, recipe=RECIPE) for number in range(len(names))]
    return [replace(place, stratum=name, pool=pool) for place, name in zip(places, names, strict=True)]


def at(anchor: Anchor, when: datetime) -> Anchor:
    """The same place at another time."""
    return replace(anchor, datetime=when, tile_id=make_tile_id(anchor.location_id, when, RECIPE))


def reserves_table(reserves: Sequence[Anchor], ranks: Sequence[int] | None = None) -> pa.Table:
    """Reserves as a frame has them; by default the rank is the position within stratum and pool."""
    seen: dict[tuple[str, str], int] = {}
    rows = []
    for number, anchor in enumerate(reserves):
        key = (anchor.stratum, anchor.pool)
        rank = seen[key] = seen.get(key, -1) + 1
        rows.append({**asdict(anchor), "rank": rank if ranks is None else ranks[number]})
    return pa.Table.from_pylist(rows, schema=FRAME_SCHEMA)


def write_frame(folder: Path, anchors: Sequence[Anchor], reserves: Sequence[Anchor], shuffle: int = 0) -> Path:
    """A frame's folder; the rows of the reserves lie in an order that says nothing."""
    write_anchors(folder / "anchors.parquet", anchors)
    table = reserves_table(reserves)
    order = np.random.default_rng(shuffle).permutation(table.num_rows)
    pq.write_table(table.take(order), folder / "reserves.parquet")
    return folder
