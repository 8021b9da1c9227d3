"""Writes the tiny store of the current schema version: ``python -m tests.stores.make_store``.

Run it once when ``SCHEMA_VERSION`` grows, and commit what it writes; never again for an older version, because what the
test proves is that bytes of back then are readable now.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES, SCHEMA_VERSION
from geomeld_build.store import (
    PartRecord,
    RowRecord,
    RunRecord,
    TileRecord,
    append_run,
    array_spec,
    commit,
    create_store,
    records_to_table,
    reserve,
    write_group,
)

RECIPE = "tiny-1"
WHEN = datetime(2021, 5, 7, 5, 30, tzinfo=UTC)
PLACES = ((75.12, 30.13), (-60.5, -3.25))
SKIPPED = (9.3, 47.6)


def anchor_of(number: int) -> Anchor:
    """Anchor of a tile, or of the skipped one."""
    lon, lat = (*PLACES, SKIPPED)[number]
    return place_anchor(lon, lat, WHEN, recipe=RECIPE)


def pixels_of(name: str, number: int) -> NDArray[Any]:
    """Pixels that are cheap to store and different in every band, line and tile: ``(band, y, x)``."""
    row = MODALITIES[name]
    bands, height, width = array_spec(row)["shape"]
    band, y, x = np.ogrid[:bands, :height, :width]
    steps = (band + y // 16 + x // 32 + number).astype(np.int64)
    if row.classes is not None:
        pixels = np.asarray(row.classes.values)[steps % len(row.classes.values)]
    else:
        pixels = 10 + 3 * steps
    pixels = np.broadcast_to(pixels, (bands, height, width)).astype(row.dtype)
    pixels[:, :8, :8] = row.nodata
    return pixels


def _record(number: int, shard: int, arrays: Mapping[str, NDArray[Any]]) -> TileRecord:
    scene = Scene(f"COLLECTION/S{number}", 1700000000000 + number, "COLLECTION", WHEN, 2.0, sun_zenith=31.0)
    rows = {
        name: RowRecord("partial", float((arrays[name] != row.nodata).mean()))
        if name in arrays
        else RowRecord(SkipKind.NOT_REQUESTED.value)
        for name, row in MODALITIES.items()
    }
    parts = tuple(PartRecord(name, "main", "partial", valid=rows[name].valid, scenes=(scene,)) for name in arrays)
    plan = TilePlan(anchor_of(number), 0, scene, 15, tuple(PartPlan(name, "main") for name in arrays))
    return TileRecord(
        plan, "ok", rows, RECIPE, "run-1", WHEN, parts, shard=shard, slot=number, cloud_fraction=0.01, cloud_test="scl"
    )


def _skip() -> TileRecord:
    kind = SkipKind.NO_REFERENCE_SCENE
    rows = {name: RowRecord(kind.value) for name in MODALITIES}
    plan = TilePlan(anchor_of(len(PLACES)), 0, None, None, ())
    return TileRecord(plan, "skipped", rows, RECIPE, "run-1", WHEN, kind=kind, detail="made up")


def main(folder: Path) -> Path:
    """Write the store; where it is."""
    uri = folder / f"v{SCHEMA_VERSION}"
    if uri.exists():
        raise SystemExit(f"{uri} exists: a store of a schema version is written once")
    # The wide row alone would be larger than all others together.
    names = [name for name, row in MODALITIES.items() if row.grid.size <= 128]
    create_store(str(uri), modalities=names, recipe=RECIPE)
    shard = reserve(str(uri), 1, "run-1")
    tiles = [{name: pixels_of(name, number) for name in names} for number in range(len(PLACES))]
    objects = write_group(str(uri), shard, tiles, names)
    records = [_record(number, shard, arrays) for number, arrays in enumerate(tiles)]
    commit(str(uri), records_to_table([*records, _skip()]), objects)
    append_run(str(uri), RunRecord("run-1", "shard", WHEN, WHEN, shard, requests=2, tiles_ok=2, tiles_skipped=1))
    return uri


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(__file__).parent)}\n")
