"""What is known of each place: biome, ecoregion, continent, country."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.anchors.world.biomes import BiomeLayer
from geomeld_build.anchors.world.countries import CONTINENTS, Countries
from geomeld_build.errors import ConfigError

__all__ = ["WorldColumns", "classify", "locate_both"]

_AT_ONCE = 500_000
"""Places of one piece of work; bounds the memory that the test of each takes."""


@dataclass(frozen=True, slots=True, eq=False)
class WorldColumns:
    """One entry for each place."""

    biome: NDArray[np.int8]
    """RESOLVE's number 1..14; 0 at sea, on inland water, rock and ice."""
    ecoregion: pa.DictionaryArray
    """"" where there is none."""
    continent: pa.DictionaryArray
    """Natural Earth's, "" beyond ``NEAREST_M`` of any."""
    country: pa.DictionaryArray
    """ISO 3166-1 alpha-3, "" likewise."""

    def __len__(self) -> int:
        return len(self.biome)

    def take(self, index: NDArray[Any]) -> WorldColumns:
        """Some of the places, by position or by a mask."""
        positions = np.flatnonzero(index) if index.dtype == bool else index
        chosen = pa.array(positions, pa.int64())
        others = (getattr(self, field.name).take(chosen) for field in fields(self)[1:])
        return WorldColumns(self.biome[positions], *others)


def locate_both(
    biomes: BiomeLayer, countries: Countries, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Row of the biome layer and country of each place, -1 for none.

    The coasts of countries are coarse, those of the biome layer are not: a place of a biome off every country gets
    the nearest one.
    """
    row, country = biomes.locator.locate(lon, lat), countries.locate(lon, lat)
    off = np.flatnonzero((row >= 0) & (country < 0))
    country[off] = countries.nearest(lon[off], lat[off])
    return row, country


def classify(
    biomes: BiomeLayer, countries: Countries, lon: NDArray[np.float64], lat: NDArray[np.float64], workers: int
) -> WorldColumns:
    """See ``World.classify``."""
    _check(lon, lat)

    def piece(at: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        some = slice(at, at + _AT_ONCE)
        return locate_both(biomes, countries, lon[some], lat[some])

    with ThreadPoolExecutor(max_workers=workers) as pool:
        pieces = list(pool.map(piece, range(0, len(lon), _AT_ONCE))) or [piece(0)]
    row, country = (np.concatenate(column) for column in zip(*pieces, strict=True))
    names = sorted(set(biomes.ecoregion) | {""})
    position = {name: index for index, name in enumerate(names)}
    # Row -1, no row at all, takes the last entry of each look-up table.
    ecoregion = np.array([*(position[name] for name in biomes.ecoregion), position[""]], np.int16)[row]
    continent = np.append(countries.continent, np.int8(len(CONTINENTS)))[country]
    code = np.where(country < 0, len(countries.iso_a3), country).astype(np.int16)
    return WorldColumns(
        biome=np.append(biomes.biome, np.int8(0))[row],
        ecoregion=_dictionary(ecoregion, names),
        continent=_dictionary(continent, (*CONTINENTS, "")),
        country=_dictionary(code, (*countries.iso_a3, "")),
    )


def _dictionary(codes: NDArray[Any], names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(names), pa.string()))


def _check(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
    if lon.shape != lat.shape or lon.ndim != 1:
        raise ConfigError(f"lon of shape {lon.shape} and lat of shape {lat.shape}: expected two columns of one length")
    off = np.flatnonzero(~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)))
    if len(off):
        at = int(off[0])
        raise ConfigError(f"row {at + 1}: lon {lon[at]}, lat {lat[at]}: expected lon -180..180 and lat -90..90")
