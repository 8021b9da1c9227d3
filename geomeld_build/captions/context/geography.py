"""Country, continent, state, biome, realm and ecoregion of places, from polygons in files.

Countries and continents come with the package: Natural Earth's map at 1:110m, which may be some kilometres off at
borders. There the country is left open, since a caption must not name the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.anchors.world.biomes import BIOMES
from geomeld_build.anchors.world.countries import CONTINENTS, load_countries
from geomeld_build.anchors.world.files import read_vector
from geomeld_build.anchors.world.outlines import read_outlines
from geomeld_build.anchors.world.polygons import PolygonLocator, locate_in_polygons
from geomeld_build.errors import ConfigError

__all__ = ["Atlas", "Whereabouts"]

_OPEN_KM = 25.0
"""This near to a border of the coarse map the country is left open."""
_BIOMES_KM = 10.0
_KM_PER_DEG = 111.195
_NAMES = {
    "country": ("country", "country_na", "NAME", "ADMIN", "COUNTRY", "ADM0_NAME", "name", "shapeName"),
    "continent": ("continent", "CONTINENT", "wld_rgn"),
    "admin1": ("admin1", "NAME_1", "ADM1_NAME", "shapeName", "name_en", "NAME", "name"),
    "biome": ("BIOME_NAME", "biome"),
    "realm": ("REALM", "realm"),
    "ecoregion": ("ECO_NAME", "ecoregion"),
}
"""Columns that hold each name, the first that a file has: of Natural Earth, GADM, FAO GAUL, geoBoundaries, LSIB and
RESOLVE Ecoregions 2017."""
_EVERYWHERE = (-180.0, -90.0, 180.0, 90.0)
_SPLIT: dict[str, tuple[tuple[tuple[float, float, float, float], str | None], ...]] = {
    "RUS": (((66.0, 0.0, 180.0, 90.0), "Asia"), ((-180.0, 0.0, -150.0, 90.0), "Asia"), ((40.0, 0.0, 66.0, 90.0), None)),
    "FRA": (((-180.0, -90.0, -20.0, 20.0), "South America"),),
    "USA": (((-180.0, 15.0, -150.0, 30.0), "Oceania"), ((170.0, 0.0, 180.0, 90.0), None)),
    "EGY": (((32.0, 20.0, 40.0, 35.0), None),),
    "TUR": (((20.0, 30.0, 30.0, 45.0), None),),
    "KAZ": (((40.0, 30.0, 56.0, 60.0), None),),
    "IDN": (((126.0, -20.0, 180.0, 20.0), None),),
    "GEO": ((_EVERYWHERE, None),),
    "AZE": ((_EVERYWHERE, None),),
    "ARM": ((_EVERYWHERE, None),),
    "CYP": ((_EVERYWHERE, None),),
    "CYN": ((_EVERYWHERE, None),),
}
"""Boxes (west, south, east, north) where the continent is not the country's, or depends on whom one asks."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where in the world a place lies. What is not known is None."""

    country: str | None = None
    continent: str | None = None
    admin1: str | None = None
    biome: str | None = None
    """RESOLVE's name of one of the 14."""
    realm: str | None = None
    ecoregion: str | None = None
    biomes_near: tuple[str, ...] = ()
    """Other biomes within 10 km: one goes over into the other there."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """Polygons with names."""

    locator: PolygonLocator
    names: dict[str, list[str | None]]

    def at(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[dict[str, Any]]:
        rows = self.locator.locate(lon, lat)
        return [{key: values[row] if row >= 0 else None for key, values in self.names.items()} for row in rows.tolist()]


@dataclass(frozen=True)
class Atlas:
    """Files of polygons to look places up in.

    Args:
        countries: polygons of countries, with continents if there are any; without, the package's own map.
        admin1: of states and provinces.
        ecoregions: RESOLVE Ecoregions 2017, or other polygons with its columns.
    """

    countries: Path | None = None
    admin1: Path | None = None
    ecoregions: Path | None = None

    def locate(self, lon: Sequence[float], lat: Sequence[float]) -> list[Whereabouts]:
        """Look places up.

        Raises:
            ConfigError: a file cannot be read, or has no column with names.
        """
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        found = [Whereabouts() for _ in lon]
        for layer in self._layers:
            found = [replace(one, **names) for one, names in zip(found, layer.at(x, y), strict=True)]
            if "biome" in layer.names:
                near = _biomes_around(layer, x, y)
                found = [
                    replace(one, biomes_near=_others(names, one.biome)) for one, names in zip(found, near, strict=True)
                ]
        if self.countries is None:
            found = [replace(one, **names) for one, names in zip(found, _coarse(x, y), strict=True)]
        return found

    @cached_property
    def _layers(self) -> list[_Layer]:
        wanted = (
            (self.countries, ("country",), ("continent",)),
            (self.admin1, ("admin1",), ()),
            (self.ecoregions, ("biome",), ("realm", "ecoregion")),
        )
        return [_read(path, needed, extra) for path, needed, extra in wanted if path is not None]

    def describe(self) -> dict[str, Any]:
        """The files by name, for the record."""
        return {key: None if path is None else path.name for key, path in asdict(self).items()}


def _read(path: Path, needed: tuple[str, ...], extra: tuple[str, ...]) -> _Layer:
    if not path.exists():
        raise ConfigError(f"layer {path} does not exist")
    table = read_vector(path)
    names = {key: _column(table, key) for key in (*needed, *extra)}
    for key in needed:
        if names[key] is None:
            expected = ", ".join(_NAMES[key])
            raise ConfigError(
                f"{path} has no column with the name of the {key}: expected one of {expected}; "
                f"it has {', '.join(table.column_names)}"
            )
    outlines = read_outlines(table.column("geometry"), np.arange(len(table)), str(path), mend=True)
    known = {key: values for key, values in names.items() if values is not None}
    if "biome" in known:
        known["biome"] = [name if name in _BIOME_NAMES else None for name in known["biome"]]
    return _Layer(locate_in_polygons(outlines), known)


_BIOME_NAMES = frozenset(biome.name for biome in BIOMES.values())


def _column(table: pa.Table, key: str) -> list[str | None] | None:
    for name in _NAMES[key]:
        if name in table.column_names:
            return [None if value in {None, ""} else str(value) for value in table.column(name).to_pylist()]
    return None


def _coarse(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Country and continent by the package's map: each only where all that is near has the same."""
    countries = load_countries()
    row = countries.locate(lon, lat)
    continents = np.append(countries.continent, np.int8(-1))
    same_country = same_continent = row >= 0
    for bearing in np.arange(0.0, 360.0, 22.5):
        for share in (0.5, 1.0):
            there = countries.locate(*_moved(lon, lat, bearing, share * _OPEN_KM))
            same_country = same_country & ((there < 0) | (there == row))
            same_continent = same_continent & ((there < 0) | (continents[there] == continents[row]))
    found: list[dict[str, Any]] = []
    for number, place in enumerate(row.tolist()):
        named: dict[str, Any] = {"country": None, "continent": None}
        if same_country[number]:
            named["country"] = countries.name[place]
        if same_continent[number]:
            of_country = CONTINENTS[countries.continent[place]]
            named["continent"] = _continent(countries.iso_a3[place], of_country, float(lon[number]), float(lat[number]))
        found.append(named)
    return found


def _biomes_around(layer: _Layer, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[set[str]]:
    """Biomes on a ring around each place."""
    found: list[set[str]] = [set() for _ in lon]
    for bearing in np.arange(0.0, 360.0, 22.5):
        for names, there in zip(found, layer.at(*_moved(lon, lat, bearing, _BIOMES_KM)), strict=True):
            if there["biome"] is not None:
                names.add(there["biome"])
    return found


def _others(names: set[str], own: str | None) -> tuple[str, ...]:
    return tuple(sorted(names - {own}))


def _continent(code: str, of_country: str, lon: float, lat: float) -> str | None:
    for (west, south, east, north), continent in _SPLIT.get(code, ()):
        if west <= lon <= east and south <= lat <= north:
            return continent
    return None if of_country.startswith("Seven seas") else of_country


def _moved(
    lon: NDArray[np.float64], lat: NDArray[np.float64], bearing: float, km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places so far off in a direction, on a plane: it is a few kilometres."""
    north, east = km * np.cos(np.radians(bearing)), km * np.sin(np.radians(bearing))
    new_lat = np.clip(lat + north / _KM_PER_DEG, -90.0, 90.0)
    new_lon = lon + east / (_KM_PER_DEG * np.maximum(np.cos(np.radians(lat)), 0.01))
    return (new_lon + 180.0) % 360.0 - 180.0, new_lat
