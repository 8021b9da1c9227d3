"""Biomes and countries together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.world.biomes import BiomeLayer
from geomeld_build.anchors.world.classes import WorldColumns, classify
from geomeld_build.anchors.world.countries import Countries, load_countries
from geomeld_build.anchors.world.strata import Stratum, StratumKind, make_strata

__all__ = ["World"]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Where on Earth places are."""

    biomes: BiomeLayer
    countries: Countries = field(default_factory=load_countries)

    def classify(self, lon: NDArray[np.float64], lat: NDArray[np.float64], *, workers: int = 2) -> WorldColumns:
        """Biome, ecoregion, continent and country of each place.

        Biome and ecoregion are those of the layer's row that holds the place, exactly. The country is that of the
        1:110m polygon that holds it; a place of a biome off all of them gets the nearest one within 200 km. The
        continent is the country's.

        Args:
            lon: ``(place,)`` degrees east, -180..180.
            lat: ``(place,)`` degrees north.
            workers: threads. The answer does not depend on it.

        Raises:
            ConfigError: a place is off the Earth; the message has its position.
        """
        return classify(self.biomes, self.countries, lon, lat, workers)

    def strata(self, by: StratumKind, continents: Sequence[str] | None = None) -> tuple[Stratum, ...]:
        """The strata that the layer has.

        Args:
            by: ``biome``, in the order of numbers; ``ecoregion``, by biome and name; or ``continent-biome``, by
                continent and number, without those of no area.
            continents: only these of ``CONTINENTS``, with ``continent-biome``.

        Raises:
            ConfigError: an unknown continent, continents with other strata, or a layer without ecoregions.
        """
        return make_strata(self.biomes, self.countries, by, continents)
