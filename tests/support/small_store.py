"""A store of made-up tiles, written through the store's own door: for tests of pictures and of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES, Near, With
from geomeld_build.store import (
    PartRecord,
    RowRecord,
    RunRecord,
    TileRecord,
    append_run,
    commit,
    create_store,
    records_to_table,
    reserve,
    write_group,
)

RECIPE = "test-1"
WHEN = datetime(2020, 6, 4, 5, 46, 39, tzinfo=UTC)
PLACES = ((75.12, 30.13), (-60.5, -3.25), (9.3, 47.6))


def field(seed: int, sigma: float, shape: tuple[int, int] = (128, 128)) -> NDArray[np.float64]:
    """Smooth noise of mean 0 and deviation 1."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma, mode="nearest")
    return np.asarray((noise - noise.mean()) / noise.std())


def made_up_arrays(seed: int) -> dict[str, NDArray[Any]]:
    """A hilly place with a lake, woods, fields and a village; every row but NAIP, whose place is elsewhere."""
    height = 320 + 80 * field(seed, 14)
    wide = 320 + 80 * np.kron(field(seed, 14)[32:96, 32:96], np.ones((2, 2)))
    lake = height < np.percentile(height, 12)
    woods = (field(seed + 1, 6) > 0.4) & ~lake
    village = (field(seed + 2, 3) > 1.6) & ~lake & ~woods
    reflectance = np.stack([0.06 + 0.02 * i + 0.01 * field(seed + 3 + i, 1) for i in range(12)])
    spectra = {  # B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12
        "lake": (lake, [0.04, 0.05, 0.06, 0.04, 0.03, 0.02, 0.02, 0.015, 0.01, 0.01, 0.005, 0.005]),
        "woods": (woods, [0.02, 0.025, 0.045, 0.025, 0.07, 0.2, 0.26, 0.28, 0.3, 0.3, 0.13, 0.06]),
        "village": (village, [0.12, 0.14, 0.16, 0.18, 0.2, 0.21, 0.22, 0.23, 0.24, 0.25, 0.28, 0.25]),
    }
    fields = ~(lake | woods | village)
    reflectance[:, fields] = np.array([0.05, 0.06, 0.09, 0.08, 0.13, 0.25, 0.3, 0.33, 0.34, 0.35, 0.22, 0.14])[:, None]
    for where, values in spectra.values():
        reflectance[:, where] = np.array(values)[:, None]
    reflectance *= 1 + 0.06 * np.stack([field(seed + 20 + i, 0.7) for i in range(12)])
    vv = np.where(lake, -21.0, np.where(village, -3.0, np.where(woods, -8.0, -11.0))) + 1.5 * field(seed + 40, 0.6)
    radar = np.full((8, 128, 128), -32768, np.int16)
    radar[4], radar[5] = np.round(100 * vv), np.round(100 * (vv - 6.5 + 0.8 * field(seed + 41, 0.6)))
    labels = np.select([lake, woods, village], [80, 10, 50], 40)
    dynamic = np.select([lake, woods, village], [0, 1, 6], 4)
    classes = np.select([lake, woods, village], [6, 4, 5], 4)
    tall = np.where(woods, 18 + 4 * field(seed + 50, 2), 0).clip(0, 60)
    steep = np.degrees(np.arctan(np.hypot(*np.gradient(height, 10.0))))
    return {
        "sentinel2": np.round(reflectance * 1e4).clip(1, 65535).astype(np.uint16),
        "sentinel1": radar,
        "elevation": np.round(height).astype(np.int16)[None],
        "slope": np.round(100 * steep).astype(np.int16)[None],
        "canopy_height": np.stack([tall, np.where(woods, 5, 2)]).round().astype(np.uint8),
        "esa_worldcover": labels.astype(np.uint8)[None],
        "dynamic_world": dynamic.astype(np.uint8)[None],
        "scl": classes.astype(np.uint8)[None],
        "clear_score": np.full((1, 128, 128), 250, np.uint8),
        "jrc_occurrence": np.where(lake, 95, 255).astype(np.uint8)[None],
        "dem_context": np.round(wide).astype(np.int16)[None],
    }


def _scene(row: str, part: str, offset_days: float) -> Scene:
    return Scene(
        id=f"{row}/{part}/scene",
        version=1,
        collection=row,
        datetime=WHEN + timedelta(days=offset_days),
        cloud_cover=2.0,
        grid_code="43RCP",
        baseline="02.14",
        sun_zenith=22.0,
    )


def _parts(arrays: Mapping[str, NDArray[Any]]) -> tuple[PartRecord, ...]:
    found = []
    for name, row in MODALITIES.items():
        for part in row.origins["earthengine"]:
            bands = [row.bands.index(f"{band}_{part.group}") for band in part.bands] if part.group else None
            pixels = arrays.get(name)
            if pixels is not None and bands is not None:
                pixels = pixels[bands]
            if pixels is None or (pixels == row.nodata).all():
                kind = SkipKind.NOT_APPLICABLE if name == "naip" else SkipKind.NO_SCENE_IN_WINDOW
                found.append(PartRecord(name, part.name, kind.value, part.group, "nothing covers the tile"))
                continue
            offset = -2.4 if isinstance(row.when, Near) else 0.0 if isinstance(row.when, With) else None
            scenes = (_scene(name, part.name, offset or 0.0),) if offset is not None or name == "sentinel2" else ()
            valid = float((pixels != row.nodata).mean())
            found.append(PartRecord(name, part.name, _outcome(valid), part.group, "", offset, valid, scenes))
    return tuple(found)


def _outcome(valid: float) -> str:
    return "ok" if valid == 1.0 else "partial"


def _record(anchor: Anchor, arrays: Mapping[str, NDArray[Any]], slot: int, shard: int) -> TileRecord:
    parts = _parts(arrays)
    rows = {}
    for name, row in MODALITIES.items():
        mine = [part for part in parts if part.row == name]
        if name in arrays:
            valid = float((arrays[name] != row.nodata).mean())
            rows[name] = RowRecord(_outcome(valid), valid)
        else:
            rows[name] = RowRecord(mine[0].outcome)
    plans = tuple(PartPlan(part.row, part.part) for part in parts)
    plan = TilePlan(anchor, 0, _scene("sentinel2", "main", 0.0), 15, plans)
    return TileRecord(
        plan, "ok", rows, RECIPE, "run-1", WHEN, parts, shard=shard, slot=slot, cloud_fraction=0.03, cloud_test="scl"
    )


def make_store(
    uri: Path,
    places: Sequence[tuple[float, float]] = PLACES,
    arrays: Sequence[Mapping[str, NDArray[Any]]] | None = None,
) -> list[str]:
    """Write a store of one tile a place; returns the tile ids in that order."""
    pixels = arrays or [made_up_arrays(100 * number) for number in range(len(places))]
    create_store(str(uri), modalities=list(MODALITIES), recipe=RECIPE)
    shard = reserve(str(uri), 1, "run-1")
    anchors = [place_anchor(lon, lat, WHEN - timedelta(days=3.5), recipe=RECIPE) for lon, lat in places]
    objects = write_group(str(uri), shard, list(pixels), list(MODALITIES))
    places_taken = enumerate(zip(anchors, pixels, strict=True))
    records = [_record(anchor, tile, slot, shard) for slot, (anchor, tile) in places_taken]
    commit(str(uri), records_to_table(records), objects)
    spent = RunRecord("run-1", "shard", WHEN, WHEN, shard, requests=5, bytes_received=123_456, tiles_ok=len(anchors))
    append_run(str(uri), spent)
    return [anchor.tile_id for anchor in anchors]
