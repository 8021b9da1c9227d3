"""The planet's classes look as real ones do: indices and backscatter lie in measured and published ranges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.cover import CROP, GRASS, MANGROVE, TREE
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.season import season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.spectra import BANDS, surface_reflectance
from tests.support.planet import band_of, record_of
from tests.support.planet_medians import Medians, Tile, class_medians, land_tiles, water_tiles
from tests.support.ranges import GLOBAL, MEASURED, RANGES
from tests.support.real_quantiles import measure
from tests.support.realdata import data_dir, needs_real_data

CANOPY = "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1"
MONTHS = 12


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def model() -> GroundModel:
    return GroundModel(0)


@needs_real_data
def test_the_quantiles_of_the_real_tiles_are_as_stated() -> None:
    found = measure(data_dir())
    assert found.keys() == MEASURED.keys()
    for key, stated in MEASURED.items():
        digits = 0.0051 if key[2] in ("ndvi", "ndwi") else 0.051
        np.testing.assert_allclose(found[key], stated, atol=digits, err_msg=str(key))


def test_the_ranges_enclose_what_real_tiles_show() -> None:
    """The middle half of the pixels of every real sample."""
    seen = set()
    for (sample, kind, quantity), (_, low, middle, high, _) in MEASURED.items():
        bounds = RANGES[kind].get(quantity)
        if bounds is not None:
            assert bounds.low <= low <= middle <= high <= bounds.high, (sample, kind, quantity)
            seen.add(kind)
    assert seen == {"tree", "grass", "crop", "built", "bare", "water"}


def assert_in_ranges(medians: Medians, least: int) -> set[str]:
    """Classes that at least so many tiles show lie in their ranges; returns which they are."""
    seen = set()
    for kind, ranges in RANGES.items():
        for quantity, bounds in ranges.items():
            values = np.array(medians[kind].get(quantity, ()))
            if values.size < least:
                continue
            seen.add(kind)
            inside = (values >= bounds.low) & (values <= bounds.high)
            assert bounds.low <= np.median(values) <= bounds.high, (kind, quantity, values)
            assert inside.mean() >= 0.8, (kind, quantity, bounds, values[~inside])
    return seen


def test_classes_lie_in_their_ranges(world: PlanetWorld, model: GroundModel) -> None:
    medians = class_medians(world, model, [*land_tiles(world, 10, 1), *water_tiles(world, model, 3)])
    assert len(assert_in_ranges(medians, 2)) >= 5


@pytest.mark.soak
def test_classes_lie_in_their_ranges_all_over_the_planet(world: PlanetWorld, model: GroundModel) -> None:
    medians = class_medians(world, model, [*land_tiles(world, 520, 20), *water_tiles(world, model, 30)])
    assert assert_in_ranges(medians, 1) == set(RANGES)
    assert np.median(medians["water"]["vv"]) < -15.0
    for quantity, (mean, deviation) in GLOBAL.items():
        every = np.concatenate([kinds.get(quantity, []) for kinds in medians.values()])
        assert abs(every.mean() - mean) < 0.5 * deviation, (quantity, every.mean())


def canopy_of(world: PlanetWorld, tile: Tile) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Rows and columns of the block's pixels under the centres of the map's, and the heights there."""
    left, top = tile.corner
    utm, side = Utm(tile.epsg), BLOCK * PIXEL_M
    lon, lat = utm.inverse(np.array([left, left + side]), np.array([top, top - side]))
    record = record_of(world, CANOPY)
    step, _, west, _, down, north = band_of(record, "b1").transform
    rows = np.arange(int((lat[0] - north) / down) - 1, int((lat[1] - north) / down) + 2)
    columns = np.arange(int((lon[0] - west) / step) - 1, int((lon[1] - west) / step) + 2)
    values, _ = record.read("b1", int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    x, y = utm.forward(*np.meshgrid(west + step * (columns + 0.5), north + down * (rows + 0.5)))
    i, j = np.floor((top - y) / PIXEL_M).astype(int), np.floor((x - left) / PIXEL_M).astype(int)
    inner = (i >= 1) & (i < BLOCK - 1) & (j >= 1) & (j < BLOCK - 1)
    return i[inner], j[inner], values[inner]


def check_canopy(world: PlanetWorld, model: GroundModel, tiles: list[Tile]) -> int:
    """Canopy stands only where trees do, and in forests it stands; returns how many pixels had any."""
    tall = 0
    for tile in tiles:
        ground = model.block(tile.epsg, tile.row, tile.column)
        wooded = ground.cover[TREE] + ground.cover[MANGROVE] > 0.1
        # The centre of a map pixel may lie on the line between two pixels of the ground.
        near = np.lib.stride_tricks.sliding_window_view(np.pad(wooded, 1), (3, 3))
        i, j, height = canopy_of(world, tile)
        stands = (height > 0) & (height != 255)
        assert np.all(near.any(axis=(2, 3))[i, j][stands])
        forest = (ground.cover[TREE] > 0.5) & (ground.wet < -30.0)
        deep = np.lib.stride_tricks.sliding_window_view(np.pad(forest, 1), (3, 3)).all(axis=(2, 3))[i, j]
        assert np.all(height[deep] > 0)
        tall += int(stands.sum())
    return tall


def test_canopy_stands_only_where_trees_do(world: PlanetWorld, model: GroundModel) -> None:
    assert check_canopy(world, model, land_tiles(world, 10, 1)) > 3000


@pytest.mark.soak
def test_canopy_stands_only_where_trees_do_all_over_the_planet(world: PlanetWorld, model: GroundModel) -> None:
    assert check_canopy(world, model, land_tiles(world, 520, 12)) > 100_000


def greenness(ground: Ground, chosen: NDArray[np.bool_]) -> list[float]:
    """Median NDVI of some pixels under a clear sky in the middle of each month."""
    red, near = BANDS.index("B4"), BANDS.index("B8")
    found = []
    for month in range(MONTHS):
        seen = surface_reflectance(ground, season_of(ground, 2 * np.pi * (month + 0.5) / MONTHS))
        found.append(float(np.median(((seen[near] - seen[red]) / (seen[near] + seen[red]))[chosen])))
    return found


def test_seasons_are_opposite_across_the_equator(world: PlanetWorld, model: GroundModel) -> None:
    """Month by month, grass, fields and trees that shed their leaves; where rain falls in summer or all year."""
    rng = np.random.default_rng(9)
    curves: dict[tuple[str, bool], list[list[float]]] = {
        (kind, north): [] for kind in ("grass", "crop", "deciduous") for north in (True, False)
    }
    lon, lat = rng.uniform(-180, 180, 40_000), rng.uniform(33.0, 52.0, 40_000) * np.repeat((1.0, -1.0), 20_000)
    land = np.flatnonzero(np.isin(world.biomes(lon, lat), (4, 5, 8)))
    for north in (True, False):
        for at in land[(lat[land] > 0) == north][:120]:
            tile = Tile.at(float(lon[at]), float(lat[at]), 0.0)
            ground = model.block(tile.epsg, tile.row, tile.column)
            level = (ground.wet < -20.0) & (ground.winter_rain < 0.1)
            shedding = (ground.cover[TREE] > 0.9) & (ground.needles < 0.1)
            for kind, chosen in (
                ("grass", ground.cover[GRASS] > 0.9),
                ("crop", ground.cover[CROP] > 0.9),
                ("deciduous", shedding),
            ):
                if (chosen & level).sum() >= 30:
                    curves[kind, north].append(greenness(ground, chosen & level))
    for kind in ("grass", "crop", "deciduous"):
        north, south = (np.mean(curves[kind, side], axis=0) for side in (True, False))
        assert min(len(curves[kind, side]) for side in (True, False)) >= 3, kind
        assert np.argmax(north) in (4, 5, 6, 7), (kind, north)
        assert np.argmax(south) in (10, 11, 0, 1), (kind, south)
        assert np.ptp(north) > 0.1
        assert np.ptp(south) > 0.1
        # The winters of the south, amid its seas, are mild: the curves are alike, not equal.
        assert np.corrcoef(north, np.roll(south, MONTHS // 2))[0, 1] > 0.6, kind
        assert np.corrcoef(north, south)[0, 1] < -0.3, kind
