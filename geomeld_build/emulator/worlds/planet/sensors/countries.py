"""The table of countries: named, invented, each on one continent, with frayed borders on a 1 degree grid."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import FeatureRecord
from geomeld_build.emulator.worlds.planet.ground.bank import NoiseBank
from geomeld_build.emulator.worlds.planet.ground.biomes import SEA, biome_of
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.names import name_of
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, key_of, unit_of, unit_xyz
from geomeld_build.emulator.worlds.planet.sensors.boxes import NORTH, STEP, joined, lattice

__all__ = ["Countries", "Country", "continent_of"]

_CENTRES = 420
"""Centres on the whole globe; a third of them lie on land and become countries."""
_FRAY = {axis: {260.0: 110.0, 110.0: 60.0} for axis in "xyz"}
"""By how much borders stray along each axis of space: {wavelength km: km}."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def continent_of(lon: Floats, lat: Floats) -> NDArray[np.str_]:
    """The continent of places, by rough meridians and parallels, in the words of the real table (``wld_rgn``)."""
    rules = [
        (lat < -60.0, "Antarctica"),
        ((lon < -30.0) & (lat > 13.0), "North America"),
        (lon < -30.0, "South America"),
        ((lat < 37.0) & (lon < 34.0), "Africa"),
        ((lat < 12.0) & (lon < 56.0), "Africa"),
        ((lat > 37.0) & (lon < 55.0), "Europe"),
        ((lat < -10.5) & (lon > 100.0), "Oceania"),
        ((lat < 20.0) & (lon > 130.0), "Oceania"),
    ]
    found: NDArray[np.str_] = np.select([rule for rule, _ in rules], [name for _, name in rules], default="Asia")
    return found


@dataclass(frozen=True, slots=True)
class Country:
    """One country."""

    name: str
    code: str
    """Two letters, unique."""
    continent: str


class Countries:
    """``USDOS/LSIB_SIMPLE/2017``."""

    id = "USDOS/LSIB_SIMPLE/2017"
    version = 1_530_000_000_000_000

    def __init__(self, seed: int, macro: MacroModel) -> None:
        self.properties: Mapping[str, Any] = {"title": "Countries of the simulated planet", "type": "Table"}
        self._seed, self._macro = seed, macro
        self._lock = threading.Lock()
        self._made: tuple[NDArray[np.int64], dict[int, Country]] | None = None
        self._rows: tuple[FeatureRecord, ...] | None = None

    def features(self) -> Sequence[FeatureRecord]:
        """All countries, by code; worked out at the first call."""
        labels, countries = self._map()
        with self._lock:
            if self._rows is None:
                shapes = joined(labels, without=-1)
                rows = [_record(number, country, shapes[number]) for number, country in countries.items()]
                self._rows = tuple(sorted(rows, key=lambda row: str(row.properties["country_co"])))
            return self._rows

    def at(self, lon: float, lat: float) -> Country | None:
        """The country that a place of the table's grid belongs to; None at sea."""
        labels, countries = self._map()
        row, column = int((NORTH - lat) // STEP), int(((lon + 180.0) % 360.0) // STEP)
        if not 0 <= row < labels.shape[0]:
            return None
        return countries.get(int(labels[row, column]))

    def _map(self) -> tuple[NDArray[np.int64], dict[int, Country]]:
        with self._lock:
            if self._made is None:
                self._made = self._work_out()
            return self._made

    def _work_out(self) -> tuple[NDArray[np.int64], dict[int, Country]]:
        lon, lat = lattice()
        land = biome_of(self._macro.at(lon, lat), lat) != SEA
        places = unit_xyz(lon[land], lat[land])
        # Borders fray because places look for their centre from a little beside where they are.
        moved = places + np.stack(list(NoiseBank(self._seed, "borders", _FRAY).at(places).values()))
        centres, continents = self._centres()
        here = continent_of(lon[land], lat[land])
        away = -(moved.T @ centres)
        away[here[:, None] != continents[None, :]] = np.inf
        labels = np.full(lon.shape, -1, dtype=np.int64)
        labels[land] = away.argmin(axis=1)
        # Antarctica belongs to nobody and is one row, as in the real table.
        ice = (labels >= 0) & (continent_of(lon, lat) == "Antarctica")
        labels[ice] = _CENTRES
        taken: set[str] = set()
        codes = {"AY"}
        countries = {}
        for number in np.unique(labels[labels >= 0]):
            if number == _CENTRES:
                countries[_CENTRES] = Country("Antarctica", "AY", "Antarctica")
                continue
            name = name_of(self._seed, "country", int(number), taken=taken)
            code = _code(name, codes)
            taken.add(name)
            codes.add(code)
            countries[int(number)] = Country(name, code, str(continents[number]))
        return labels, countries

    def _centres(self) -> tuple[Floats, NDArray[np.str_]]:
        """Points ``(3, n)`` spread over the globe, shaken, and their continents."""
        index = np.arange(_CENTRES)
        lat = np.degrees(np.arcsin(1.0 - 2.0 * (index + 0.5) / _CENTRES))
        lon = (index * 137.50776405) % 360.0 - 180.0
        key = key_of(self._seed, "capitals")
        east = np.array([unit_of(key, int(i), "east") - 0.5 for i in index]) * 9.0
        north = np.array([unit_of(key, int(i), "north") - 0.5 for i in index]) * 9.0
        lat = np.clip(lat + north, -89.0, 89.0)
        lon = (lon + east / np.cos(np.radians(lat)) + 180.0) % 360.0 - 180.0
        return unit_xyz(lon, lat), continent_of(lon, lat)


def _code(name: str, taken: set[str]) -> str:
    """Two letters for a country, its own first where they are free."""
    letters = name.upper()
    wanted = [letters[0] + other for other in letters[1:] + _LETTERS]
    wanted += [one + other for one in _LETTERS for other in _LETTERS]
    return next(code for code in wanted if code not in taken)


def _record(number: int, country: Country, shape: Any) -> FeatureRecord:
    properties = {
        "country_na": country.name,
        "country_co": country.code,
        "abbreviati": country.name[:4] + ".",
        "wld_rgn": country.continent,
    }
    return FeatureRecord(id=f"{number:020x}", geometry=shape, properties=properties)
