"""The errors of the planet's maps can be turned off, and are what tells maps from the truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import ImageRecord
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.cover import CLASSES
from tests.support.planet import band_of, clearest, record_of, window_of

PLACES = ((103.7, 17.9), (-58.0, -33.0), (9.3, 48.0))
WORLDCOVER = "ESA/WorldCover/v200/2021"


@pytest.fixture(scope="module")
def usual() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def exact() -> PlanetWorld:
    return PlanetWorld(0, map_error=0.0)


def pixels(record: ImageRecord, name: str, place: tuple[float, float]) -> tuple[NDArray[np.float64], ...]:
    """Values of a window, and lon/lat of its pixel centres; masked pixels are NaN."""
    row0, row1, col0, col1 = window_of(record, name, place)
    values, mask = record.read(name, row0, row1, col0, col1)
    step, _, left, _, down, top = band_of(record, name).transform
    lon, lat = np.meshgrid(left + step * (np.arange(col0, col1) + 0.5), top + down * (np.arange(row0, row1) + 0.5))
    return np.where(mask, values.astype(np.float64), np.nan), lon, lat


def agreement(world: PlanetWorld) -> float:
    """Share of WorldCover's pixels that say the class with the largest share of the ground."""
    right = []
    for place in PLACES:
        label, lon, lat = pixels(record_of(world, WORLDCOVER), "Map", place)
        truth = np.array(CLASSES)[world.truth(lon[::3, ::3], lat[::3, ::3])["classes"].astype(int)]
        right.append((label[::3, ::3] == truth).mean())
    return float(np.mean(right))


def test_without_errors_worldcover_is_the_truth(usual: PlanetWorld, exact: PlanetWorld) -> None:
    # Pixel centres lie in ground pixels to a small part of a pixel, so a few at borders are the neighbour's.
    assert agreement(exact) > 0.995
    assert 0.6 < agreement(usual) < 0.9


def test_without_errors_heights_are_the_truth(usual: PlanetWorld, exact: PlanetWorld) -> None:
    off = {}
    for name, world in (("usual", usual), ("exact", exact)):
        record = record_of(world, "projects/sat-io/open-datasets/ASTER/GDEM")
        found, lon, lat = pixels(record, "b1", PLACES[0])
        off[name] = np.abs(found - world.truth(lon, lat)["elevation"])
    # Whole metres, and within a pixel of one arc second the ground rises.
    assert np.median(off["exact"]) < 0.6
    assert np.median(off["usual"]) > 2 * np.median(off["exact"])


def test_without_errors_dynamic_world_knows_classes_better(usual: PlanetWorld, exact: PlanetWorld) -> None:
    scores = {}
    for name, world in (("usual", usual), ("exact", exact)):
        index = clearest(world, PLACES[0], "2020-01-01", "2020-04-01").properties["system:index"]
        record = record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{index}")
        row0, row1, col0, col1 = window_of(record, "label", PLACES[0])
        scores[name] = max(
            record.read(band, row0, row1, col0, col1)[0].mean()
            for band in ("trees", "crops", "grass", "shrub_and_scrub")
        )
    assert scores["exact"] >= scores["usual"]


def test_one_is_usual(usual: PlanetWorld) -> None:
    stated = PlanetWorld(0, map_error=1.0)
    for world_id, name in ((WORLDCOVER, "Map"), ("users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1", "b1")):
        first, second = (pixels(record_of(world, world_id), name, PLACES[2])[0] for world in (usual, stated))
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_factor_that_is_none(wrong: float) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        PlanetWorld(0, map_error=wrong)
