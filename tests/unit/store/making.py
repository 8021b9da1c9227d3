"""Tiles, records and stores for the tests: values depend on nothing but their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, Scene, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES, Modality
from geomeld_build.store import (
    CommitResult,
    PartRecord,
    RowRecord,
    TileRecord,
    array_spec,
    commit,
    create_store,
    records_to_table,
    write_group,
)

RECIPE = "test-recipe"
FEW = ("elevation", "canopy_height", "esa_worldcover")
"""Small rows of three kinds: signed, masked bytes, classes."""
DAY = datetime(2021, 5, 7, 5, 30, tzinfo=UTC)


def anchor_of(number: int) -> Anchor:
    """A place of its own for every number, over three UTM zones."""
    return place_anchor(60.0 + (number % 1000) * 0.015, 20.0 + number // 1000, DAY, recipe=RECIPE)


def scene_of(number: int) -> Scene:
    """A reference scene, four hours to days after the anchor's date."""
    return Scene(
        id=f"COPERNICUS/S2_SR_HARMONIZED/S{number}",
        version=1700000000000 + number,
        collection="COPERNICUS/S2_SR_HARMONIZED",
        datetime=DAY + timedelta(days=2),
        cloud_cover=3.5,
        platform="Sentinel-2A",
        relative_orbit=105,
        grid_code="43RCP",
        baseline="02.14",
        sun_zenith=31.0,
    )


def pixels(row: Modality, seed: int) -> NDArray[Any]:
    """Random stored pixels of a row: the whole range of its type or its classes, nodata among them."""
    rng = np.random.default_rng([seed, *row.name.encode()])
    shape = array_spec(row)["shape"]
    if row.classes is not None:
        return rng.choice([*row.classes.values, row.nodata], shape).astype(row.dtype)
    limits = np.iinfo(row.dtype)
    values = rng.integers(limits.min, limits.max, shape, dtype=row.dtype, endpoint=True)
    values[rng.random(shape) < 0.1] = row.nodata
    return values


def tile_of(number: int, names: Sequence[str] = FEW) -> dict[str, NDArray[Any]]:
    """Pixels of a tile."""
    return {name: pixels(MODALITIES[name], number) for name in names}


def rows_of(present: Sequence[str], absent: SkipKind = SkipKind.NOT_REQUESTED) -> dict[str, RowRecord]:
    """Outcomes of all rows of the table."""
    return {name: RowRecord("ok", 0.9) if name in present else RowRecord(absent.value) for name in MODALITIES}


def record_of(
    number: int, shard: int | None, slot: int | None, names: Sequence[str] = FEW, **changes: Any
) -> TileRecord:
    """The record of a tile that was made."""
    scene = scene_of(number)
    values: dict[str, Any] = {
        "plan": TilePlan(anchor_of(number), 0, scene, 15, ()),
        "status": "ok",
        "rows": rows_of(names),
        "recipe": RECIPE,
        "run_id": "run-1",
        "created": DAY,
        "parts": (PartRecord("elevation", "main", "ok", valid=0.9, scenes=(scene,)),),
        "shard": shard,
        "slot": slot,
        "cloud_fraction": 0.01,
        "cloud_test": "cs_cdf",
    }
    return TileRecord(**{**values, **changes})


def failure_of(
    number: int, status: str = "failed", kind: SkipKind = SkipKind.SOURCE_ERROR, **changes: Any
) -> TileRecord:
    """The record of an anchor without a tile."""
    values = {"status": status, "kind": kind, "rows": rows_of((), kind), "parts": (), "detail": "no luck"}
    return record_of(number, None, None, **{**values, **changes})


def new_store(folder: Path, names: Sequence[str] = FEW) -> str:
    """An empty store."""
    uri = str(folder / "store")
    create_store(uri, modalities=names, recipe=RECIPE)
    return uri


def put_group(uri: str, shard: int, numbers: Sequence[int], names: Sequence[str] = FEW, **changes: Any) -> CommitResult:
    """Write and commit tiles in the slots from 0 on."""
    tiles: list[Mapping[str, NDArray[Any]]] = [tile_of(number, names) for number in numbers]
    objects = write_group(uri, shard, tiles, names)
    records = [record_of(number, shard, slot, names, **changes) for slot, number in enumerate(numbers)]
    return commit(uri, records_to_table(records), objects)
