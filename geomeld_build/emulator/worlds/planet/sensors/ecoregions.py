"""The table of ecoregions: the planet's biomes on a 1 degree grid, split by realm and distance, as polygons."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from geomeld_build.emulator.worlds.base import FeatureRecord
from geomeld_build.emulator.worlds.planet.ground.biomes import BIOME_NAMES, ROCK_AND_ICE, SEA, biome_of
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.names import name_of
from geomeld_build.emulator.worlds.planet.sensors.boxes import STEP, lattice, runs

__all__ = ["Ecoregions"]

_PART_DEGREES = 24.0
_SHORT = {
    1: "moist forests",
    2: "dry forests",
    3: "pine forests",
    4: "mixed forests",
    5: "conifer forests",
    6: "taiga",
    7: "savanna",
    8: "steppe",
    9: "flooded grasslands",
    10: "montane grasslands",
    11: "tundra",
    12: "woodlands and scrub",
    13: "desert",
    14: "mangroves",
}


def realm_of(lon: float, lat: float) -> str:
    """The realm of a place, by rough meridians and parallels."""
    if lat < -60.0:
        return "Antarctica"
    if lon < -30.0:
        return "Nearctic" if lat > 22.0 else "Neotropic"
    if lat > 30.0 or (lat > 21.0 and lon < 66.0):
        return "Palearctic"
    if lon < 56.0:
        return "Afrotropic"
    if lon > 175.0 or lon < -140.0:
        return "Oceania"
    return "Australasia" if (lon > 119.0 and lat < 0.0) else "Indomalayan"


class Ecoregions:
    """``RESOLVE/ECOREGIONS/2017``."""

    id = "RESOLVE/ECOREGIONS/2017"
    version = 1_520_000_000_000_000

    def __init__(self, seed: int, macro: MacroModel) -> None:
        self.properties: Mapping[str, Any] = {"title": "Ecoregions of the simulated planet", "type": "Table"}
        self._seed, self._macro = seed, macro
        self._lock = threading.Lock()
        self._rows: tuple[FeatureRecord, ...] | None = None

    def features(self) -> Sequence[FeatureRecord]:
        """All ecoregions, by ECO_ID; worked out at the first call."""
        with self._lock:
            if self._rows is None:
                self._rows = tuple(self._make())
            return self._rows

    def _make(self) -> list[FeatureRecord]:
        lon, lat = lattice()
        biomes = biome_of(self._macro.at(lon, lat), lat)
        groups: dict[tuple[str, int, int, int], list[shapely.Polygon]] = defaultdict(list)
        for biome, row, first, behind in runs(biomes.astype(np.int64)):
            if biome != SEA:
                self._add(groups, biome, float(lat[row, 0]), -180.0 + first * STEP, -180.0 + behind * STEP)
        records: list[FeatureRecord] = []
        names = _names(sorted({(part, band, realm) for realm, _, part, band in groups}))
        for number, (key, boxes) in enumerate(sorted(groups.items())):
            realm, _, part, band = key
            records.append(_record(number, key, names[part, band, realm], shapely.union_all(boxes)))
        return records

    def _add(
        self,
        groups: dict[tuple[str, int, int, int], list[shapely.Polygon]],
        biome: int,
        lat: float,
        west: float,
        east: float,
    ) -> None:
        """Add a run of cells to its groups, cut at the meridians between parts."""
        edge = west
        while edge < east:
            part = math.floor((edge + 180.0) / _PART_DEGREES)
            end = min(east, (part + 1) * _PART_DEGREES - 180.0)
            realm = realm_of((edge + end) / 2, lat)
            band = math.floor((lat + 90.0) / _PART_DEGREES)
            key = ("", ROCK_AND_ICE, 0, 0) if biome == ROCK_AND_ICE else (realm, biome, part, band)
            groups[key].append(shapely.box(edge, lat - STEP / 2, end, lat + STEP / 2))
            edge = end


def _record(number: int, key: tuple[str, int, int, int], name: str, shape: shapely.Geometry) -> FeatureRecord:
    realm, biome, _, _ = key
    if biome == ROCK_AND_ICE:
        # As in the real table: no realm, no biome name, and the number of tundra.
        properties: dict[str, Any] = {"ECO_ID": 0.0, "ECO_NAME": "Rock and Ice", "BIOME_NUM": 11.0, "BIOME_NAME": "N/A"}
        properties["REALM"] = "N/A"
    else:
        properties = {
            "ECO_ID": float(number + 1),
            "ECO_NAME": f"{name} {_SHORT[biome]}",
            "BIOME_NUM": float(biome),
            "BIOME_NAME": BIOME_NAMES[biome],
            "REALM": realm,
        }
    properties |= {"OBJECTID": float(number + 1), "SHAPE_AREA": float(shape.area), "SHAPE_LENG": float(shape.length)}
    return FeatureRecord(id=f"{number:020x}", geometry=shape, properties=properties)


def _names(places: list[tuple[int, int, str]]) -> dict[tuple[int, int, str], str]:
    """An invented name for every place, the same for all biomes there, each used once."""
    found: dict[tuple[int, int, str], str] = {}
    for place in places:
        found[place] = name_of(*place, taken=set(found.values()))
    return found
