"""Countries and continents: Natural Earth's 1:110m map, and the nearest country for places off its coarse coasts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geomeld_build.anchors.world.coarse import EARTH_RADIUS_M
from geomeld_build.anchors.world.polygons import PolygonLocator, locate_in_polygons

__all__ = ["CONTINENTS", "NEAREST_M", "Countries", "load_countries", "unit_vectors"]

CONTINENTS = (
    "Africa",
    "Antarctica",
    "Asia",
    "Europe",
    "North America",
    "Oceania",
    "Seven seas (open ocean)",
    "South America",
)
"""Natural Earth's, of the whole country: all of Russia is in Europe, the Kerguelen are in the seven seas."""
NEAREST_M = 200_000.0
"""A place of a biome that lies off every country belongs to the nearest within this distance on the sphere."""
_STEP_DEG = 0.01
"""Outlines are sampled this densely to measure distances to them: 1.1 km or less, so 0.5 km between points."""


@dataclass(frozen=True, slots=True, eq=False)
class Countries:
    """Countries in the order of their codes. Make them with :func:`load_countries`."""

    iso_a3: tuple[str, ...]
    """ISO 3166-1 alpha-3; CYN, SOL and XKX are no codes of ISO's."""
    name: tuple[str, ...]
    continent: NDArray[np.int8]
    """Of each country, position in ``CONTINENTS``."""
    locator: PolygonLocator
    outline: NDArray[np.float64]
    """Points of the outlines on the unit sphere, ``(point, 3)``."""
    country_of_outline: NDArray[np.int32]
    tree: Any
    """``scipy.spatial.cKDTree`` of ``outline``."""

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        """The country whose polygon holds each point, -1 in none."""
        return self.locator.locate(lon, lat)

    def nearest(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], within_m: float = NEAREST_M
    ) -> NDArray[np.int32]:
        """The country whose outline is nearest to each point, -1 beyond the distance."""
        chord = 2 * np.sin(within_m / (2 * EARTH_RADIUS_M))
        _, index = self.tree.query(unit_vectors(lon, lat), distance_upper_bound=chord)
        # A missing neighbour has the index after the last.
        found: NDArray[np.int32] = np.append(self.country_of_outline, np.int32(-1))[index]
        return found

    def continent_distances(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], within_m: float
    ) -> NDArray[np.float64]:
        """Metres on the sphere from each point to the outlines of each continent: ``(point, continent)``.

        Infinite beyond ``within_m``: a tree is slow where all of its points are about as far.
        """
        at = unit_vectors(lon, lat)
        limit = 2 * np.sin(within_m / (2 * EARTH_RADIUS_M))
        found = np.empty((len(lon), len(CONTINENTS)))
        of = self.continent[self.country_of_outline]
        for continent in range(len(CONTINENTS)):
            chord, _ = cKDTree(self.outline[of == continent]).query(at, distance_upper_bound=limit)
            found[:, continent] = np.where(
                np.isfinite(chord), 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(chord / 2, 1.0)), np.inf
            )
        return found


def unit_vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the unit sphere, ``(point, 3)``."""
    x, y = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


@cache
def load_countries() -> Countries:
    """The countries that the package ships (``scripts/make_countries.py`` made the file)."""
    with resources.as_file(resources.files(__package__) / "countries.parquet") as path:
        table = pq.read_table(path)
    geometries = shapely.from_wkb(table.column("geometry").to_numpy(zero_copy_only=False))
    lines, of_line = shapely.get_parts(shapely.boundary(geometries), return_index=True)
    points, line = shapely.get_coordinates(shapely.segmentize(lines, _STEP_DEG), return_index=True)
    # Neighbours share vertices: each goes to the first, so that ties do not depend on the tree.
    unique, first = np.unique(points, axis=0, return_index=True)
    outline = unit_vectors(unique[:, 0], unique[:, 1])
    return Countries(
        iso_a3=tuple(table.column("iso_a3").to_pylist()),
        name=tuple(table.column("name").to_pylist()),
        continent=np.array([CONTINENTS.index(name) for name in table.column("continent").to_pylist()], np.int8),
        locator=locate_in_polygons(geometries),
        outline=outline,
        country_of_outline=of_line[line][first].astype(np.int32),
        tree=cKDTree(outline),
    )
