"""Made-up pools of points as dense and as clustered as those of the paper: for benchmarks, and tests of thinning.

Deterministic: a point depends on the kind, the seed and its number alone, so more points extend fewer of them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray

from geomeld_build.draws import uniform
from tests.support.realdata import data_dir

__all__ = ["Kind", "biome_raster", "made_points"]

Kind = Literal["mmearth", "skyscript"]

BIOME_AREAS_KM2 = {
    1: 19_580_105,
    2: 3_877_949,
    3: 683_072,
    4: 12_559_792,
    5: 3_761_949,
    6: 15_316_578,
    7: 21_391_107,
    8: 10_571_604,
    9: 1_153_801,
    10: 4_872_379,
    11: 8_526_394,
    12: 3_296_015,
    13: 26_323_247,
    14: 332_288,
}
"""Land of each RESOLVE 2017 biome, as MMEarth states it."""
_EARTH_KM2 = 510_072_000.0
_STRIPS = [(-112.0, -58.0), (-9.0, 31.0), (95.0, 145.0)]
"""Longitudes of three made-up continents; seams of zones run through them."""
_HOTSPOTS = [((-11.0, 36.0, 30.0, 60.0), 12.0), ((-125.0, 25.0, -67.0, 49.0), 10.0), ((68.0, 8.0, 145.0, 45.0), 5.0)]
"""Boxes west, south, east, north where objects with tags are so many times as frequent: Europe, the US, Asia."""
_CLUSTERS = 100_000
_CELL = 0.1
_DEGREE_M = 111_320.0


def made_points(kind: Kind, count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes of made-up points on land, degrees, ``(count,)`` each.

    ``mmearth``: equally many in each of 14 biomes, uniform by area inside each. ``skyscript``: 100,000 clusters of
    very different sizes, mostly in Europe, the US and Asia, a few hundred metres to kilometres across; of five
    million about a fifth stay when no two tiles may overlap.
    """
    return _balanced(count, f"mmearth-{seed}") if kind == "mmearth" else _clustered(count, f"skyscript-{seed}")


def biome_raster() -> NDArray[np.uint8]:
    """``(1800, 3600)`` biomes 1..14 by 0.1 degrees from the north-west; the real ones where the sample data is.

    Otherwise bands on three continents, each biome with its true area.
    """
    path = data_dir() / "regions" / "biomes_dinerstein2017_0p1deg.tif"
    if path.is_file():
        with rasterio.open(path) as raster:
            biomes: NDArray[np.uint8] = raster.read(1)
            return np.where(biomes > 14, 0, biomes).astype(np.uint8)
    lon, lat = -180.0 + _CELL * (np.arange(3600) + 0.5), 90.0 - _CELL * (np.arange(1800) + 0.5)
    continents = np.any([(lon >= west) & (lon < east) for west, east in _STRIPS], axis=0)
    land = np.flatnonzero((lat > -50.0)[:, None] & continents[None, :])[::-1]
    # Laid end to end from the south, each biome takes pixels up to its area.
    total = np.cumsum(_areas(land)) * _EARTH_KM2 * np.radians(_CELL) ** 2 / (4.0 * np.pi)
    made = np.zeros(1800 * 3600, np.uint8)
    biome = np.searchsorted(np.cumsum(list(BIOME_AREAS_KM2.values())), total) + 1
    made[land] = np.where(biome > 14, 0, biome)
    return made.reshape(1800, 3600)


def _balanced(count: int, recipe: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    number = np.arange(count, dtype=np.uint64)
    raster = biome_raster().ravel()
    biome = (number % np.uint64(14)).astype(np.int64) + 1
    pixel = np.empty(count, np.int64)
    place = uniform(recipe, "pixel", number)
    for code in range(1, 15):
        pixels, mine = np.flatnonzero(raster == code), biome == code
        pixel[mine] = pixels[_weighted(_areas(pixels), place[mine])]
    return _in_pixels(pixel, recipe, number)


def _clustered(count: int, recipe: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    clusters = np.arange(_CLUSTERS, dtype=np.uint64)
    pixels = np.flatnonzero(biome_raster())
    pixel = pixels[_weighted(_areas(pixels) * _interest(pixels), uniform(recipe, "cluster", clusters))]
    centre_lon, centre_lat = _in_pixels(pixel, f"{recipe}-centre", clusters)
    # Sizes with a heavy tail (Pareto, 1.1), cut at 4,000 times the smallest.
    size = np.minimum((1.0 - uniform(recipe, "size", clusters)) ** (-1.0 / 1.1), 4000.0)
    # Larger clusters are wider: towns, not points.
    spread = 1000.0 * size**0.3 * (0.5 + uniform(recipe, "spread", clusters))

    number = np.arange(count, dtype=np.uint64)
    mine = _weighted(size, uniform(recipe, "member", number))
    distance = spread[mine] * np.sqrt(-2.0 * np.log1p(-uniform(recipe, "distance", number)))
    bearing = 2.0 * np.pi * uniform(recipe, "bearing", number)
    lat = np.clip(centre_lat[mine] + distance * np.cos(bearing) / _DEGREE_M, -89.9, 89.9)
    lon = centre_lon[mine] + distance * np.sin(bearing) / (_DEGREE_M * np.cos(np.radians(lat)))
    return np.round((lon + 180.0) % 360.0 - 180.0, 6), np.round(lat, 6)


def _interest(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    lon, lat = -180.0 + _CELL * (pixels % 3600 + 0.5), 90.0 - _CELL * (pixels // 3600 + 0.5)
    weight = np.ones(len(pixels))
    for (west, south, east, north), times in _HOTSPOTS:
        weight[(lon >= west) & (lon < east) & (lat >= south) & (lat < north)] = times
    return weight


def _areas(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.cos(np.radians(90.0 - _CELL * (pixels // 3600 + 0.5)))


def _weighted(weights: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.int64]:
    """The element at each place in 0..1 of the weights laid end to end."""
    ends = np.cumsum(weights)
    return np.minimum(np.searchsorted(ends, place * ends[-1], side="right"), len(weights) - 1)


def _in_pixels(
    pixel: NDArray[np.int64], recipe: str, number: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point in each pixel, uniform by area, to a micro-degree."""
    lon = -180.0 + _CELL * (pixel % 3600 + uniform(recipe, "east", number))
    north = np.sin(np.radians(90.0 - _CELL * (pixel // 3600)))
    south = np.sin(np.radians(90.0 - _CELL * (pixel // 3600 + 1)))
    lat = np.degrees(np.arcsin(south + (north - south) * uniform(recipe, "north", number)))
    return np.round(lon, 6), np.round(lat, 6)
