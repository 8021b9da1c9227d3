"""A small store of a made-up frame: land cover that fits the biome, months that slip, anchors without a scene."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.draws import pick, uniform
from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, Scene, TilePlan
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import (
    GROUP_TILES,
    PartRecord,
    RowRecord,
    TileRecord,
    commit,
    create_store,
    records_to_table,
    write_group,
)
from tests.support.made_frame import RECIPE

ROWS = ("esa_worldcover", "dynamic_world")
_FIELDS = ("location_id", "tile_id", "lon", "lat", "epsg", "left", "top", "datetime", "pool", "stratum")
_LEADING = {1: 10, 2: 10, 3: 10, 4: 40, 5: 10, 6: 10, 7: 20, 8: 30, 9: 90, 10: 30, 11: 100, 12: 20, 13: 60, 14: 95}


def labels_of(key: int, biome: int) -> NDArray[np.uint8]:
    """Bands of classes: the biome's own first, then two drawn ones, then water."""
    keys = np.array([key * 4 + i for i in range(4)], np.uint64)
    cuts = np.sort(uniform(RECIPE, "cuts", keys[:3])) * 128
    codes = [_LEADING.get(biome, 30), *np.take((10, 30, 40, 50), pick(RECIPE, "classes", keys[:2], 4)), 80]
    return np.repeat(np.take(codes, np.searchsorted(cuts, np.arange(128)))[:, None], 128, axis=1).astype(np.uint8)


def record_of(line: dict[str, Any], key: int, shard: int, slot: int) -> TileRecord:
    anchor = Anchor(**{name: line[name] for name in _FIELDS})
    draws = uniform(RECIPE, "offset", np.array([2 * key, 2 * key + 1], np.uint64))
    # Of two uniform draws: short offsets are common, long ones rare.
    offset = float(45 * (draws[0] - draws[1]))
    scene = Scene(f"S{key}", 1, "S2", anchor.datetime + timedelta(days=offset), 3.0)
    near = PartRecord("dynamic_world", "main", "ok", offset_days=float(30 * draws[0] - 15), valid=1.0)
    present = draws[1] < 0.9
    rows = {
        name: RowRecord("ok", 1.0) if name == ROWS[0] or (name == ROWS[1] and present) else RowRecord("not_requested")
        for name in MODALITIES
    }
    plan = TilePlan(anchor, 0, scene, 15 if abs(offset) <= 15 else 30 if abs(offset) <= 30 else 45, ())
    return TileRecord(
        plan, "ok", rows, RECIPE, "run-1", anchor.datetime, (near,) if present else (), shard=shard, slot=slot
    )


def skipped(line: dict[str, Any]) -> TileRecord:
    anchor = Anchor(**{name: line[name] for name in _FIELDS})
    kind = SkipKind.NO_REFERENCE_SCENE
    rows = {name: RowRecord(kind.value) for name in MODALITIES}
    return TileRecord(TilePlan(anchor, 0, None, None, ()), "skipped", rows, RECIPE, "run-1", anchor.datetime, kind=kind)


def make_frame_store(uri: Path, anchors: pa.Table) -> str:
    """Write the store; one anchor in eight has no scene."""
    create_store(str(uri), modalities=list(ROWS), recipe=RECIPE)
    lines = anchors.to_pylist()
    failing = [at for at in range(len(lines)) if at % 8 == 7]
    fine = [at for at in range(len(lines)) if at % 8 != 7]
    for shard, start in enumerate(range(0, len(fine), GROUP_TILES)):
        group = fine[start : start + GROUP_TILES]
        records = [record_of(lines[at], at, shard, slot) for slot, at in enumerate(group)]
        tiles = [{ROWS[0]: labels_of(at, lines[at]["biome"])[None]} for at in group]
        for tile, record in zip(tiles, records, strict=True):
            if record.parts:
                tile[ROWS[1]] = (tile[ROWS[0]] // 12).astype(np.uint8)
        commit(str(uri), records_to_table(records), write_group(str(uri), shard, tiles, list(ROWS)))
    if failing:
        commit(str(uri), records_to_table([skipped(lines[at]) for at in failing]), ())
    return str(uri)
