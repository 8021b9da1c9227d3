"""Land cover maps of the planet are as often wrong, and agree with each other as often, as real ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import ImageRecord
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.cover import CLASSES
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from tests.support.planet import band_of, record_of, scenes, window_of

DYNAMIC_WORLD = "GOOGLE/DYNAMICWORLD/V1"
PLACES = 60
SAME = {10: 1, 20: 5, 30: 2, 40: 4, 50: 6, 60: 7, 70: 8, 80: 0, 90: 3, 95: 3, 100: 2}
"""WorldCover's codes in Dynamic World's classes; moss and lichen count as grass."""


def in_classes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    table = np.full(101, -1, np.int64)
    table[list(SAME)] = list(SAME.values())
    return table[codes]


def centres(record: ImageRecord, window: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lon/lat of the pixel centres of a window of a UTM band."""
    band = band_of(record, "label")
    row0, row1, col0, col1 = window
    x, y = np.meshgrid(
        band.transform[2] + 10.0 * (np.arange(col0, col1) + 0.5),
        band.transform[5] - 10.0 * (np.arange(row0, row1) + 0.5),
    )
    return Utm(int(band.crs.removeprefix("EPSG:"))).inverse(x, y)


def worldcover(world: PlanetWorld, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """The map at points: each takes the pixel it lies in; the open sea, which has no tiles, is water."""
    record = record_of(world, "ESA/WorldCover/v200/2021")
    step, _, left, _, down, top = band_of(record, "Map").transform
    rows, columns = np.floor((lat - top) / down).astype(int), np.floor((lon - left) / step).astype(int)
    first, start = rows.min(), columns.min()
    values, mask = record.read("Map", first, rows.max() + 1, start, columns.max() + 1)
    found = np.where(mask, values, 80)[rows - first, columns - start]
    return in_classes(found)


@pytest.fixture(scope="module")
def shares() -> dict[str, float]:
    """Mean shares of equal pixels over places spread evenly on land: the two maps, and each against the ground."""
    world, rng = PlanetWorld(0), np.random.default_rng(5)
    found: list[tuple[float, float, float]] = []
    while len(found) < PLACES:
        place = float(rng.uniform(-180, 180)), float(np.degrees(np.arcsin(rng.uniform(-0.5, 0.93))))
        if world.biomes(np.array([place[0]]), np.array([place[1]]))[0] in (0, 15):
            continue
        dated = scenes(world, DYNAMIC_WORLD, place, "2021-05-01", "2021-09-01")
        if not dated:
            continue
        record = dated[int(rng.integers(len(dated)))]
        window = window_of(record, "label", place)
        label, clear = record.read("label", *window)
        if clear.mean() < 0.3:
            continue
        lon, lat = centres(record, window)
        cover = worldcover(world, lon, lat)
        few = (slice(None, None, 9), slice(None, None, 9))
        truth = in_classes(np.array(CLASSES)[world.truth(lon[few], lat[few])["classes"].astype(int)])
        right = float((label[few] == truth)[clear[few]].mean()) if clear[few].any() else np.nan
        found.append((float((label == cover)[clear].mean()), float((cover[few] == truth).mean()), right))
    means = np.nanmean(found, axis=0)
    return dict(zip(("maps", "worldcover", "dynamic_world"), map(float, means), strict=True))


def test_the_two_maps_agree_as_real_ones(shares: dict[str, float]) -> None:
    assert 0.65 < shares["maps"] < 0.85, shares


def test_each_is_right_about_as_often_as_published(shares: dict[str, float]) -> None:
    # 76.7 % by ESA's validation of v200, and 73.8 % by Brown et al. 2022.
    assert shares["worldcover"] == pytest.approx(0.767, abs=0.06), shares
    assert shares["dynamic_world"] == pytest.approx(0.738, abs=0.06), shares
