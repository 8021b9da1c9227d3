"""The keys of the metadata that GeoMeld released, from our signals."""

from __future__ import annotations

from typing import Any

from geomeld_build.captions.signals.record import Signals

__all__ = ["released_metadata"]


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
