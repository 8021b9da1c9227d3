"""The keys of the metadata that GeoMeld released, from our signals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geomeld_build.captions.signals.record import Signals
from geomeld_build.captions.signals.table import signals_by_tile
from geomeld_build.store import open_store

__all__ = ["released_metadata", "write_released"]

_WITH_AERIAL = "SELECT tile_id FROM tiles WHERE naip_outcome IN ('ok', 'partial')"


def released_metadata(signals: Signals, *, naip: bool) -> dict[str, Any]:
    """A record with the keys and types of the published sample of GeoMeld (arXiv 2604.10591).

    The published ``tile_id`` is a large integer; ours is 16 hexadecimal digits, given as the integer that they are.
    What is not known is null. ``osm_tags`` is flat: of features at the middle, the nearest counts first.

    Args:
        signals: of a tile.
        naip: whether the tile has aerial imagery.
    """
    tags: dict[str, str] = {}
    for feature in () if signals.osm is None else signals.osm.centre:
        tags = feature | tags
    water = signals.water_analysis
    return {
        "tile_id": int(signals.tile_id, 16),
        "lat": signals.lat,
        "long": signals.lon,
        "acquisition_date": signals.acquisition_date.isoformat(),
        "terrain_class": None if signals.terrain is None else signals.terrain.terrain_class,
        "file_type_naip": naip,
        "osm_tags": tags,
        "water_analysis": None
        if water is None
        else {"detected": water.detected, "percentage": round(water.percentage, 2)},
    }


def write_released(store: str, path: Path) -> int:
    """Write the records of all tiles of a store that have signals, a line of JSON a tile; return how many."""
    opened = open_store(store)
    aerial = set(opened.query(_WITH_AERIAL).column("tile_id").to_pylist()) if "naip" in opened.modalities else set()
    found = signals_by_tile(store)
    with path.open("w", encoding="utf-8") as file:
        for tile_id, one in found.items():
            file.write(json.dumps(released_metadata(one, naip=tile_id in aerial)) + "\n")
    return len(found)
