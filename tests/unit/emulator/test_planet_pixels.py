"""Pixels of the simulated planet: contracts of every asset, windows, and physics that a learner could rely on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.cover import CROP, GRASS, TREE, WETLAND
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from tests.support.planet import S2, band_of, clearest, ms, outline, record_of, scenes, search, tile, window_of

S1 = "COPERNICUS/S1_GRD"
CANOPY = "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1"
MAPS = {
    "projects/sat-io/open-datasets/ASTER/GDEM": ("b1", "int16", 1 / 3600),
    CANOPY: ("b1", "uint8", 1 / 12000),
    "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1": ("b1", "uint8", 1 / 12000),
    "JRC/GSW1_4/GlobalSurfaceWater": ("occurrence", "uint8", 0.00025),
    "ESA/WorldCover/v100/2020": ("Map", "uint8", 1 / 12000),
    "ESA/WorldCover/v200/2021": ("Map", "uint8", 1 / 12000),
}
FARMS, SOUTH = (103.7, 17.9), (-58.0, -33.0)
"""Places for tests that hold whatever grows there; the others look for a place (``Places``)."""


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@dataclass(frozen=True)
class Places:
    """Places where one thing prevails, found in the ground truth of this planet."""

    forest: tuple[float, float]
    southern: tuple[float, float]
    farms: tuple[float, float]
    water: tuple[float, float]


@pytest.fixture(scope="module")
def places(world: PlanetWorld) -> Places:
    def leafy(near: dict[str, NDArray[np.float32]]) -> bool:
        cool = 5.0 < near["mean"].mean() < 14.5
        return bool(near["cover"][TREE].mean() > 0.93 and near["needles"].max() < 0.2 and cool)

    def meadow(near: dict[str, NDArray[np.float32]]) -> bool:
        winters = (near["mean"] - near["swing"]).max() < 2.5 < (near["mean"] + near["swing"]).min() - 7.0
        return bool(
            winters and near["cover"][[TREE, GRASS, WETLAND]].sum(axis=0).mean() > 0.8 and near["needles"].max() < 0.2
        )

    def watery(near: dict[str, NDArray[np.float32]]) -> bool:
        share = near["water"].mean()
        return bool((0.25 < share < 0.7 or (share > 0 and near["water"].size == 1)) and near["sea"].max() < 0.5)

    return Places(
        forest=search(world, (5.0, 44.0, 30.0, 53.0), leafy, 0.005),
        southern=search(world, (-73.0, -52.0, -64.0, -36.0), meadow, 0.005),
        farms=search(world, (70.0, 15.0, 120.0, 32.0), lambda near: bool(near["cover"][CROP].mean() > 0.7), 0.005),
        water=search(world, (5.0, 44.0, 30.0, 55.0), watery, 0.003),
    )


def check_contract(record: ImageRecord, name: str, place: tuple[float, float]) -> None:
    """Type, shape and mask of a band, and that windows agree however they are cut."""
    band, (row0, row1, col0, col1) = band_of(record, name), window_of(record, name, place)
    assert 0 <= row0 < row1 <= band.height
    assert 0 <= col0 < col1 <= band.width
    values, mask = record.read(name, row0, row1, col0, col1)
    assert values.dtype == np.dtype(band.dtype)
    assert mask.dtype == np.bool_
    assert values.shape == mask.shape == (row1 - row0, col1 - col0)
    assert np.all(np.isfinite(values[mask]))
    middle_row, middle_col = row0 + (row1 - row0) // 3, col0 + (col1 - col0) // 2
    for rows in ((row0, middle_row), (middle_row, row1)):
        for columns in ((col0, middle_col), (middle_col, col1)):
            part, part_mask = record.read(name, *rows, *columns)
            inner = (slice(rows[0] - row0, rows[1] - row0), slice(columns[0] - col0, columns[1] - col0))
            np.testing.assert_array_equal(part, values[inner])
            np.testing.assert_array_equal(part_mask, mask[inner])


@pytest.mark.parametrize("place", [FARMS, SOUTH])
def test_contract_of_scenes(world: PlanetWorld, place: tuple[float, float]) -> None:
    optical = clearest(world, place, "2020-01-01", "2020-04-01")
    index = optical.properties["system:index"]
    assert [band.name for band in optical.bands] == [
        *("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"),
        "SCL",
    ]
    sizes = {band.name: (band.transform[0], band.width) for band in optical.bands}
    assert (sizes["B2"], sizes["B5"], sizes["B1"]) == ((10.0, 10980), (20.0, 5490), (60.0, 1830))
    for band in optical.bands:
        if band.transform[0] < 60:
            check_contract(optical, band.name, place)
    check_contract(record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{index}"), "label", place)
    check_contract(record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{index}"), "trees", place)
    radar = scenes(world, S1, place, "2020-01-01", "2020-04-01")
    for record in radar[:2]:
        check_contract(record, record.bands[0].name, place)


@pytest.mark.parametrize(("asset_id", "expected"), MAPS.items())
def test_contract_of_maps(world: PlanetWorld, asset_id: str, expected: tuple[str, str, float]) -> None:
    name, dtype, step = expected
    record = record_of(world, asset_id)
    band = band_of(record, name)
    assert (band.dtype, band.crs) == (dtype, "EPSG:4326")
    assert band.transform[0] == pytest.approx(step)
    assert band.transform[0] == -band.transform[4]
    for place in (FARMS, SOUTH):
        check_contract(record, name, place)


def test_pixels_do_not_depend_on_the_instance_or_on_order(world: PlanetWorld) -> None:
    optical = clearest(world, FARMS, "2020-01-01", "2020-04-01")
    radar = scenes(world, S1, FARMS, "2020-01-01", "2020-04-01")[0]
    wanted = [(optical, "SCL"), (optical, "B11"), (radar, "VH"), (optical, "B2")]
    first = [record.read(name, *window_of(record, name, FARMS)) for record, name in wanted]
    other = PlanetWorld(0)
    for (record, name), (values, mask) in reversed(list(zip(wanted, first, strict=True))):
        again = record_of(other, record.id).read(name, *window_of(record, name, FARMS))
        np.testing.assert_array_equal(again[0], values)
        np.testing.assert_array_equal(again[1], mask)


def test_threads_read_the_same(world: PlanetWorld, places: Places) -> None:
    optical = clearest(world, places.forest, "2020-05-01", "2020-08-01")
    fresh = record_of(PlanetWorld(0), optical.id)
    window = window_of(optical, "B3", places.forest)
    results: list[NDArray[Any]] = []
    threads = [threading.Thread(target=lambda: results.append(fresh.read("B3", *window)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for found in results:
        np.testing.assert_array_equal(found, optical.read("B3", *window)[0])


def test_overlapping_granules_of_a_datatake_agree(world: PlanetWorld) -> None:
    lon, lat = Utm(32632).inverse(np.array(650_000.0), np.array(5_395_000.0))
    place = (float(lon), float(lat))  # the lower end of one granule and the upper end of the next
    found = scenes(world, S2, place, "2020-06-01", "2020-08-01")
    assert {record.properties["MGRS_TILE"] for record in found} == {"32UPU", "32UPV"}
    pairs = [
        (one, two)
        for one in found
        for two in found
        if one.properties["system:index"][:31] == two.properties["system:index"][:31]
        and one.properties["MGRS_TILE"] < two.properties["MGRS_TILE"]
    ]
    assert pairs
    one, two = pairs[0]
    for name in ("B4", "B11", "SCL"):
        np.testing.assert_array_equal(tile(one, name, place), tile(two, name, place))


def test_pixels_outside_the_swath_are_masked(world: PlanetWorld) -> None:
    assets = world.find(S2)
    assert isinstance(assets, CollectionAsset)
    hint = SearchHint(ms("2020-06-01"), ms("2020-07-01"), shapely.box(9.0, 49.0, 12.0, 51.0))
    partial = next(one for one in assets.images(hint) if 20 < one.properties["NODATA_PIXEL_PERCENTAGE"] < 80)
    rows = np.arange(0, 10980, 900)
    outside, agree = [], []
    for row in rows:
        for column in rows:
            values, mask = partial.read("B4", int(row), int(row) + 1, int(column), int(column) + 1)
            outside.append(not mask[0, 0])
            assert mask[0, 0] or values[0, 0] == 0
            band = band_of(partial, "B4")
            x = np.array(band.transform[2] + 10 * (column + 0.5))
            y = np.array(band.transform[5] - 10 * (row + 0.5))
            lon, lat = Utm(int(band.crs[5:])).inverse(x, y)
            assert partial.footprint is not None
            agree.append(partial.footprint.contains(shapely.Point(float(lon), float(lat))) == bool(mask[0, 0]))
    assert np.mean(outside) * 100 == pytest.approx(partial.properties["NODATA_PIXEL_PERCENTAGE"], abs=9)
    assert np.mean(agree) > 0.98


def test_seasons_are_opposite(world: PlanetWorld, places: Places) -> None:
    def greenness(place: tuple[float, float], start: str, end: str) -> float:
        record = clearest(world, place, start, end)
        red, near = (tile(record, name, place).astype(float) for name in ("B4", "B8"))
        return float(((near - red) / (near + red)).mean())

    north = greenness(places.forest, "2020-06-15", "2020-08-15"), greenness(places.forest, "2020-01-01", "2020-03-01")
    south = (
        greenness(places.southern, "2020-06-15", "2020-08-15"),
        greenness(places.southern, "2020-01-01", "2020-03-01"),
    )
    assert north[0] > 0.6 > north[1] + 0.15
    assert south[1] > south[0]


def test_trees_are_green_in_season_and_tall(world: PlanetWorld, places: Places) -> None:
    record = clearest(world, places.forest, "2020-06-15", "2020-08-15")
    red, near, label = (tile(record, name, places.forest) for name in ("B4", "B8", "SCL"))
    ndvi = (near.astype(float) - red) / (near.astype(float) + red)
    dynamic = record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{record.properties['system:index']}")
    trees = tile(dynamic, "label", places.forest) == 1
    assert trees.mean() > 0.5
    assert np.median(ndvi[trees]) > 0.7
    assert (label == 4).mean() > 0.6
    cover = tile(record_of(world, "ESA/WorldCover/v200/2021"), "Map", places.forest)
    height = tile(record_of(world, CANOPY), "b1", places.forest)
    assert np.median(height[cover == 10]) > 12
    assert height[height != 255].max() <= 60


def test_canopy_only_where_trees_are(world: PlanetWorld, places: Places) -> None:
    height, cover = (
        tile(record_of(world, name), band, places.farms)
        for name, band in ((CANOPY, "b1"), ("ESA/WorldCover/v200/2021", "Map"))
    )
    assert (height[cover == 40] == 0).mean() > 0.75
    lake, map_ = (
        tile(record_of(world, name), band, places.water)
        for name, band in ((CANOPY, "b1"), ("ESA/WorldCover/v200/2021", "Map"))
    )
    assert (lake[map_ == 80] == 255).mean() > 0.7


def test_water_is_dark_and_level(world: PlanetWorld, places: Places) -> None:
    place, size = places.water, 1280.0
    water = tile(record_of(world, "ESA/WorldCover/v200/2021"), "Map", place, size) == 80
    assert 0.1 < water.mean() < 0.95
    record = clearest(world, place, "2020-05-15", "2020-09-01")
    label = tile(record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{record.properties['system:index']}"), "label", place, size)
    near = tile(record, "B8", place, size)
    assert np.median(near[label == 0]) < 800 < np.median(near[label != 0])
    radar = next(
        one
        for one in scenes(world, S1, place, "2020-05-15", "2020-09-01")
        if one.footprint is not None and one.footprint.contains(outline(*place, size)[3])
    )
    like, cross = (tile(radar, name, place, size) for name in ("VV", "VH"))
    # The radar's grid lies beside the optical one by less than a pixel: compare the inside of the water.
    inside = np.pad(label[1:-1, 1:-1] == 0, 1) & (near < 700)
    assert like[inside].mean() < -15.0
    assert cross[inside].mean() < -24.0
    assert like[label == 1].mean() > like[inside].mean() + 4.0
    occurrence, mask = record_of(world, "JRC/GSW1_4/GlobalSurfaceWater").read(
        "occurrence", *window_of(record_of(world, "JRC/GSW1_4/GlobalSurfaceWater"), "occurrence", place, size)
    )
    assert 0.1 < mask.mean() < 1.0
    assert occurrence[mask].min() >= 1
    assert occurrence.max() <= 100
    assert np.all(occurrence[~mask] == 0)


def test_radar_units_angle_and_speckle(world: PlanetWorld, places: Places) -> None:
    decibel = scenes(world, S1, places.forest, "2020-06-01", "2020-07-01")[0]
    linear = record_of(world, decibel.id.replace("S1_GRD", "S1_GRD_FLOAT"))
    like, power = tile(decibel, "VV", places.forest), tile(linear, "VV", places.forest)
    np.testing.assert_allclose(10 * np.log10(power), like, atol=1e-6)
    looks = power.mean() ** 2 / power.var()
    assert 2.5 < looks < 5.0
    assert -14 < 10 * np.log10(power.mean()) < -6
    assert tile(decibel, "VH", places.forest).mean() < like.mean() - 3
    angle, mask = decibel.read("angle", 0, band_of(decibel, "angle").height, 0, band_of(decibel, "angle").width)
    assert 29 < angle[mask].min() < 34
    assert 43 < angle[mask].max() < 47
    grid = band_of(decibel, "VV").transform
    assert grid[2] % 10 != 0
    assert grid[5] % 10 != 0


def test_clouds_are_bright_masked_and_scored(world: PlanetWorld, places: Places) -> None:
    found = 0
    for record in scenes(world, S2, places.forest, "2020-05-01", "2020-09-01"):
        label = tile(record, "SCL", places.forest, 2560.0).repeat(2, 0).repeat(2, 1)
        cloud, clear = label == 9, label == 4
        if not (0.1 < cloud.mean() < 0.9 and clear.mean() > 0.05):
            continue
        blue = tile(record, "B2", places.forest, 2560.0)
        assert np.median(blue[cloud]) > 2500 > 1000 > np.median(blue[clear])
        index = record.properties["system:index"]
        score = world.find(f"GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED/{index}")
        if isinstance(score, ImageRecord):
            values = tile(score, "cs_cdf", places.forest, 2560.0)
            assert values.dtype == np.float32
            assert values[cloud].mean() < 0.25 < 0.7 < values[clear].mean()
        dynamic = world.find(f"GOOGLE/DYNAMICWORLD/V1/{index}")
        if isinstance(dynamic, ImageRecord):
            _, mask = dynamic.read("label", *window_of(dynamic, "label", places.forest, 2560.0))
            assert not mask[cloud].any()
        found += 1
    assert found >= 1


def test_dynamic_world_probabilities_add_up(world: PlanetWorld) -> None:
    record = clearest(world, FARMS, "2020-01-01", "2020-04-01")
    dynamic = record_of(world, f"GOOGLE/DYNAMICWORLD/V1/{record.properties['system:index']}")
    names = [band.name for band in dynamic.bands if band.name != "label"]
    assert len(names) == 9
    shares = np.stack([tile(dynamic, name, FARMS) for name in names])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(shares.argmax(axis=0), tile(dynamic, "label", FARMS))


def test_elevation_is_the_ground_with_small_errors(world: PlanetWorld, places: Places) -> None:
    record = record_of(world, "projects/sat-io/open-datasets/ASTER/GDEM")
    row0, _, col0, _ = window_of(record, "b1", places.forest)
    values, mask = record.read("b1", row0, row0 + 20, col0, col0 + 20)
    step = 1 / 3600
    lon, lat = np.meshgrid(-180 + (col0 + np.arange(20) + 0.5) * step, 83 - (row0 + np.arange(20) + 0.5) * step)
    truth = world.truth(lon, lat)["elevation"]
    assert mask.all()
    error = values - truth
    assert abs(error.mean()) < 2.0
    assert 0.5 < error.std() < 4.5


def test_worldcover_versions_differ_a_little(world: PlanetWorld) -> None:
    place = (2.3, 48.5)
    one, two = (
        tile(record_of(world, f"ESA/WorldCover/{name}"), "Map", place, 2560.0) for name in ("v100/2020", "v200/2021")
    )
    assert set(np.unique(one).tolist()) <= {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100}
    assert 0.7 < (one == two).mean() < 1.0


def test_naip_is_sharp_and_of_the_same_ground(world: PlanetWorld) -> None:
    place = (-95.3, 38.2)
    _, left, top, region = outline(*place, 320.0)
    assets = world.find("USDA/NAIP/DOQQ")
    assert isinstance(assets, CollectionAsset)
    record = next(
        one
        for one in assets.images(SearchHint(region=region))
        if one.footprint is not None and one.footprint.contains(region)
    )
    band = record.bands[0]
    assert [one.name for one in record.bands] == ["R", "G", "B", "N"]
    assert (band.dtype, band.transform[0]) == ("uint8", 1.0)
    row, column = round(band.transform[5] - top), round(left - band.transform[2])
    values, mask = record.read("G", row, row + 320, column, column + 320)
    assert mask.all()
    assert values.dtype == np.uint8
    assert values.std() > 1.0
    part, _ = record.read("G", row + 100, row + 140, column + 50, column + 90)
    np.testing.assert_array_equal(part, values[100:140, 50:90])
