"""Signals that captions are not to stand on: for ablations, and against giving away what a model is to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geomeld_build.errors import ConfigError

__all__ = ["WITHHOLDABLE", "withheld_signals"]

WITHHOLDABLE: dict[str, tuple[str, ...]] = {
    "biome": ("geo.biome", "geo.ecoregion", "geo.realm", "geo.biomes_near"),
    "country": ("geo.country", "geo.admin1"),
    "continent": ("geo.continent",),
    "geo": ("geo",),
    "season": ("season",),
    "date": ("acquisition_date", "season"),
    "osm": ("osm",),
    "landcover": ("landcover", "layout"),
    "layout": ("layout",),
    "dynamic_world": ("dynamic_world",),
    "terrain": ("terrain",),
    "elevation": ("terrain.elevation_m",),
    "canopy": ("canopy_height_m",),
    "water": ("water_analysis",),
    "indices": ("indices",),
}
"""What may be withheld, and which keys of the record go with it."""


def withheld_signals(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The record without some of its signals.

    Args:
        record: signals as plain values.
        names: of ``WITHHOLDABLE``.

    Raises:
        ConfigError: a name is not among them.
    """
    unknown = sorted(set(names) - set(WITHHOLDABLE))
    if unknown:
        raise ConfigError(f"cannot withhold {', '.join(unknown)}: expected some of {', '.join(WITHHOLDABLE)}")
    found = dict(record)
    for name in names:
        for path in WITHHOLDABLE[name]:
            head, _, tail = path.partition(".")
            if not tail:
                found[head] = None
            elif found.get(head):
                found[head] = {**found[head], tail: None}
    return found
