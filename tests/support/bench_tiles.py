"""Tiles to measure reading with: built from the simulated planet in four climates, and stored without a hole."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import GROUP_TILES, commit, create_store, open_store, records_to_table, write_group
from geomeld_build.store.layout import object_key
from geomeld_build.store.objects import open_objects
from tests.unit.store.making import RECIPE, record_of

__all__ = ["NAMES", "RAW_BYTES", "REGIONS", "compact_store", "planet_tiles"]

NAMES = tuple(name for name, row in MODALITIES.items() if row.target is not None)
"""The arrays that a model is trained on."""
RAW_BYTES = sum(
    len(MODALITIES[name].bands) * 128 * 128 * (1 if MODALITIES[name].dtype == "uint8" else 2) for name in NAMES
)
REGIONS = ("75.0,30.2,75.4,30.5", "9.0,47.8,9.6,48.2", "-60.6,-3.6,-60.0,-3.0", "22.0,-19.0,22.6,-18.4")
"""Irrigated plain, temperate hills, rain forest, savanna."""


def planet_tiles(folder: Path, count: int, regions: int = len(REGIONS)) -> list[dict[str, NDArray[Any]]]:
    """Distinct tiles of the simulated planet through emulator and build, the regions by turns.

    The stores of a region stay in the folder, and are used again.
    """
    found = []
    with EmulatorServer(PlanetWorld()) as server:
        for number, region in enumerate(REGIONS[:regions]):
            uri = str(folder / f"region-{number}")
            # A tenth more: some anchors have no cloudless scene.
            wanted = -(-count * 11 // (10 * regions))
            source = SourceConfig(url=server.url, project="local")
            build_tiles(BuildConfig(store=uri, region=region, limit=wanted, workers=4, modalities=NAMES, source=source))
            store = open_store(uri)
            found.append([store.raw(tile_id, NAMES) for tile_id in store.tile_ids()])
    return [tile for tiles in zip_longest(*found) for tile in tiles if tile is not None][:count]


def compact_store(uri: str, tiles: list[dict[str, NDArray[Any]]], copies: int) -> None:
    """A store of shard groups that are alike, with the tiles in slots 0, 1, 2 and so on of each."""
    create_store(uri, modalities=NAMES, recipe=RECIPE)
    rim = open_objects(uri)
    first = write_group(uri, 0, tiles, NAMES)
    present = [tuple(name for name in NAMES if (tile[name] != MODALITIES[name].nodata).any()) for tile in tiles]
    for shard in range(copies):
        objects = [replace(item, key=object_key(MODALITIES[item.modality], shard * GROUP_TILES)) for item in first]
        for item, copy in zip(first, objects, strict=True) if shard else ():
            rim.put(copy.key, rim.get(item.key))
        records = [record_of(shard * 1000 + slot, shard, slot, names) for slot, names in enumerate(present)]
        commit(uri, records_to_table(records), objects)
