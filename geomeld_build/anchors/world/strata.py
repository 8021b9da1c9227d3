"""Strata: the parts of the Earth that each get a quota of anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.world.areas import LayerArea, SampleArea, boxes_of_rows
from geomeld_build.anchors.world.biomes import BIOMES, BiomeLayer
from geomeld_build.anchors.world.classes import locate_both
from geomeld_build.anchors.world.coarse import CoarseCells, boxes_around
from geomeld_build.anchors.world.continents import ContinentBoxes, areas_by_continent
from geomeld_build.anchors.world.countries import CONTINENTS, Countries
from geomeld_build.errors import ConfigError

__all__ = ["ContinentArea", "Stratum", "StratumKind", "make_strata"]

StratumKind = Literal["biome", "ecoregion", "continent-biome"]


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """A part of the Earth with a quota."""

    name: str
    """``mangroves``, ``Africa/mangroves`` or an ecoregion's name."""
    biome: int
    """RESOLVE's number, 1..14."""
    ecoregion: str
    """"" unless the strata are ecoregions."""
    continent: str
    """"" unless the strata are biomes of continents."""
    area: SampleArea
    """Where its cells come from."""

    @property
    def area_m2(self) -> float:
        """On the sphere."""
        return self.area.area_m2


@dataclass(frozen=True, slots=True, eq=False)
class ContinentArea:
    """The part of a layer's rows that lies on one continent, islands and coasts included as places are classified."""

    name: str
    area_m2: float
    """On the sphere; how a row that lies on several continents is split is estimated from points of its boxes."""
    biomes: BiomeLayer
    countries: Countries
    boxes: ContinentBoxes
    member: NDArray[np.bool_]
    """Of each row of the layer."""
    continent: int
    """Position in ``CONTINENTS``."""

    def coarse_cells(self) -> CoarseCells:
        """See :class:`SampleArea`."""
        touched, inside = boxes_of_rows(self.biomes.locator, self.member)
        return boxes_around(touched & self.boxes.touched[self.continent], inside & self.boxes.inside[self.continent])

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """See :class:`SampleArea`."""
        row, country = locate_both(self.biomes, self.countries, lon, lat)
        # Row -1, no row at all, takes the last entry.
        here = np.append(self.countries.continent == self.continent, False)[country]
        mine: NDArray[np.bool_] = np.append(self.member, False)[row] & here
        return mine


def make_strata(
    biomes: BiomeLayer, countries: Countries, by: StratumKind, continents: Sequence[str] | None
) -> tuple[Stratum, ...]:
    """See ``World.strata``."""
    if by == "continent-biome":
        return _of_continents(biomes, countries, continents)
    if continents is not None:
        raise ConfigError(f"continents {', '.join(continents)} with strata by {by}: expected by continent-biome")
    return _of_biomes(biomes) if by == "biome" else _of_ecoregions(biomes)


def _of_biomes(biomes: BiomeLayer) -> tuple[Stratum, ...]:
    found = []
    for number in np.unique(biomes.biome).tolist():
        name = BIOMES[number].slug
        found.append(Stratum(name, number, "", "", LayerArea(name, biomes.locator, biomes.biome == number)))
    return tuple(found)


def _of_ecoregions(biomes: BiomeLayer) -> tuple[Stratum, ...]:
    keys = sorted(set(zip(biomes.biome.tolist(), biomes.ecoregion, strict=True)))
    nameless = next((number for number, name in keys if not name), None)
    if nameless is not None:
        raise ConfigError(
            f"{biomes.source}: rows of {BIOMES[nameless].name} have no ecoregion: strata by ecoregion need ECO_NAME, "
            "take strata by biome instead"
        )
    names = np.array(biomes.ecoregion, dtype=object)
    count: dict[str, int] = {}
    for _, name in keys:
        count[name] = count.get(name, 0) + 1
    found = []
    for number, ecoregion in keys:
        # A name that two biomes share says of which of them it is.
        name = ecoregion if count[ecoregion] == 1 else f"{ecoregion} ({BIOMES[number].slug})"
        member = (biomes.biome == number) & (names == ecoregion)
        found.append(Stratum(name, number, ecoregion, "", LayerArea(name, biomes.locator, member)))
    return tuple(found)


def _of_continents(biomes: BiomeLayer, countries: Countries, continents: Sequence[str] | None) -> tuple[Stratum, ...]:
    wanted = CONTINENTS if continents is None else tuple(continents)
    unknown = [name for name in wanted if name not in CONTINENTS]
    if unknown or not wanted:
        raise ConfigError(f"continents {', '.join(wanted) or 'none'}: expected some of {', '.join(CONTINENTS)}")
    areas = areas_by_continent(biomes, countries)
    boxes = ContinentBoxes.of(biomes, countries)
    found = []
    for continent, label in enumerate(CONTINENTS):
        if label not in wanted:
            continue
        for number in np.unique(biomes.biome).tolist():
            member = biomes.biome == number
            area_m2 = float(areas[member, continent].sum())
            if area_m2 > 0:
                name = f"{label}/{BIOMES[number].slug}"
                area = ContinentArea(name, area_m2, biomes, countries, boxes, member, continent)
                found.append(Stratum(name, number, "", label, area))
    return tuple(found)
