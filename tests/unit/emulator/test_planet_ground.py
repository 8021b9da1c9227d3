"""The ground truth of the simulated planet: projections, noise, blocks, biomes, coherence."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomeld_build.emulator.worlds.base import TableAsset
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.biomes import BIOME_NAMES
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT, CLASSES, CROP, MANGROVE, TREE
from geomeld_build.emulator.worlds.planet.ground.noise import Octaves, cell_hash, cell_normal, key_of, unit_xyz
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, Ground, GroundModel

PLACES = ((10.0, 50.0), (103.7, 17.9), (-61.2, -3.0), (25.0, 62.0), (73.3, 30.5), (-58.0, -33.0), (151.0, -32.0))


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def model() -> GroundModel:
    return GroundModel(0)


def block_at(model: GroundModel, lon: float, lat: float) -> Ground:
    epsg = epsg_of(lon, lat)
    x, y = Utm(epsg).forward(np.array(lon), np.array(lat))
    return model.block(epsg, int((Utm(epsg).false_northing - float(y)) // (10 * BLOCK)), int(float(x) // (10 * BLOCK)))


@pytest.mark.parametrize("epsg", [32601, 32633, 32660, 32701, 32743])
def test_utm_agrees_with_pyproj(epsg: int) -> None:
    rng = np.random.default_rng(epsg)
    utm = Utm(epsg)
    lon = (utm.central_meridian + rng.uniform(-6, 6, 500) + 180) % 360 - 180
    lat = rng.uniform(-80, 84, 500)
    to_utm = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = utm.forward(lon, lat)
    expected_x, expected_y = to_utm.transform(lon, lat)
    np.testing.assert_allclose(x, expected_x, atol=1e-6)
    np.testing.assert_allclose(y, expected_y, atol=1e-6)
    back_lon, back_lat = utm.inverse(x, y)
    np.testing.assert_allclose((back_lon - lon + 180) % 360 - 180, 0.0, atol=1e-11)
    np.testing.assert_allclose(back_lat, lat, atol=1e-11)


@given(lon=st.floats(-180, 179.999), lat=st.floats(-79.9, 83.9))
@settings(deadline=None, max_examples=60)
def test_utm_zone_agrees_with_the_package(lon: float, lat: float) -> None:
    from geomeld_build.grid import utm_epsg

    assert epsg_of(lon, lat) == utm_epsg(lon, lat)


def test_noise_is_standardised_and_keyed() -> None:
    rng = np.random.default_rng(1)
    xyz = unit_xyz(rng.uniform(-180, 180, 8000), rng.uniform(-80, 80, 8000))
    noise = Octaves.of(7, [300.0, 20.0, 1.0]).at(xyz)
    np.testing.assert_allclose(noise.mean(axis=1), 0.0, atol=0.06)
    np.testing.assert_allclose(noise.std(axis=1), 1.0, atol=0.08)
    assert not np.allclose(noise, Octaves.of(8, [300.0, 20.0, 1.0]).at(xyz))
    rows, columns = np.mgrid[0:80, 0:80]
    uniform = cell_hash(3, rows, columns)
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert abs(uniform.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(uniform[:, :-1].ravel(), uniform[:, 1:].ravel())[0, 1]) < 0.03
    assert abs(cell_normal(3, rows, columns).std() - 1.0) < 0.03
    assert key_of("a", 1) != key_of("a", 2) != key_of("b", 2)


@pytest.mark.parametrize("place", PLACES)
def test_blocks_do_not_depend_on_what_was_read_before(place: tuple[float, float], model: GroundModel) -> None:
    block = block_at(model, *place)
    fresh = block_at(GroundModel(0), *place)
    for name in Ground.__slots__:
        np.testing.assert_array_equal(getattr(block, name), getattr(fresh, name))


def test_another_process_finds_the_same_ground(model: GroundModel) -> None:
    code = (
        "import hashlib, numpy as np;"
        "from geomeld_build.emulator.worlds.planet.ground.truth import GroundModel;"
        "g = GroundModel(0).block(32632, -9235, 940);"
        "print(hashlib.sha256(g.elevation.tobytes() + g.cover.tobytes()).hexdigest())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    block = model.block(32632, -9235, 940)
    assert out == hashlib.sha256(block.elevation.tobytes() + block.cover.tobytes()).hexdigest()


def test_another_seed_is_another_planet(model: GroundModel) -> None:
    assert not np.array_equal(block_at(model, 10.0, 50.0).elevation, block_at(GroundModel(1), 10.0, 50.0).elevation)


@pytest.mark.parametrize("place", PLACES)
def test_neighbouring_blocks_join_without_a_step(place: tuple[float, float], model: GroundModel) -> None:
    epsg = epsg_of(*place)
    x, y = Utm(epsg).forward(np.array(place[0]), np.array(place[1]))
    row, column = int((Utm(epsg).false_northing - float(y)) // (10 * BLOCK)), int(float(x) // (10 * BLOCK))
    here, east = model.block(epsg, row, column), model.block(epsg, row, column + 1)
    joint = np.concatenate((here.elevation, east.elevation), axis=1).astype(np.float64)
    steps = np.abs(np.diff(joint, axis=1))
    assert steps[:, BLOCK - 1].mean() <= 2.0 * steps.mean() + 0.05
    # The slope was worked out with the neighbour in view.
    np.testing.assert_allclose(
        here.east[1:-1, -1], (east.elevation[1:-1, 0] - here.elevation[1:-1, -2]) / 20.0, atol=2e-3
    )


@pytest.mark.parametrize("place", PLACES)
def test_cover_is_a_partition_and_coherent(place: tuple[float, float], model: GroundModel) -> None:
    ground = block_at(model, *place)
    assert ground.cover.shape == (len(CLASSES), BLOCK, BLOCK)
    np.testing.assert_allclose(ground.cover.sum(axis=0), 1.0, atol=1e-5)
    assert ground.cover.min() >= -1e-6
    treeless = (ground.cover[TREE] < 0.1) & (ground.cover[MANGROVE] < 0.1)
    assert np.all(ground.height[treeless] == 0.0)
    assert np.all(ground.height[ground.water > 0.99] == 0.0)
    for name in Ground.__slots__[2:]:
        assert np.isfinite(getattr(ground, name)).all(), name


def test_zones_agree_on_the_ground_between_them(model: GroundModel) -> None:
    """Both sides of a zone border sample one ground, whatever grid they use."""
    lon, lat = np.full(9, 12.0), np.linspace(50.0, 50.001, 9)
    heights = []
    for epsg in (32632, 32633):
        x, y = Utm(epsg).forward(lon, lat)
        found = []
        for a, b in zip(x, y, strict=True):
            row, column = int(np.floor(-b / 10)), int(np.floor(a / 10))
            block = model.block(epsg, row // BLOCK, column // BLOCK)
            found.append(float(block.elevation[row % BLOCK, column % BLOCK]))
        heights.append(np.array(found))
    np.testing.assert_allclose(heights[0], heights[1], atol=3.0)


def test_water_is_level_and_lakes_have_one_height(world: PlanetWorld) -> None:
    lon, lat = np.meshgrid(np.linspace(25.0, 25.06, 12), np.linspace(62.0, 62.03, 12))
    truth = world.truth(lon, lat)
    assert truth["elevation"].shape == lon.shape
    assert np.all(truth["elevation"] >= 0.0)
    assert np.all(truth["elevation"][truth["sea"] > 0.5] == 0.0)


def test_every_biome_exists_and_lies_where_it_can(world: PlanetWorld) -> None:
    lon, lat = np.meshgrid(np.arange(-179.0, 180.0, 1.5), np.arange(83.0, -60.0, -1.5))
    biomes = world.biomes(lon, lat)
    weight = np.cos(np.radians(lat))
    assert set(BIOME_NAMES) <= set(np.unique(biomes).tolist())
    assert 0.2 < weight[biomes > 0].sum() / weight.sum() < 0.45
    assert np.abs(lat[np.isin(biomes, (1, 2, 7, 14))]).max() < 40.0
    assert np.abs(lat[biomes == 6]).min() > 35.0
    for place in PLACES:
        assert world.biomes(np.array([place[0]]), np.array([place[1]]))[0] > 0


def test_ecoregions_are_valid_polygons_with_names(world: PlanetWorld) -> None:
    table = world.find("RESOLVE/ECOREGIONS/2017")
    assert isinstance(table, TableAsset)
    rows = table.features()
    assert rows is table.features()
    assert {row.properties["BIOME_NUM"] for row in rows} == {float(number) for number in BIOME_NAMES}
    assert len({row.properties["ECO_ID"] for row in rows}) == len(rows)
    assert len({row.properties["ECO_NAME"] for row in rows}) == len(rows)
    ice = [row for row in rows if row.properties["ECO_NAME"] == "Rock and Ice"]
    assert len(ice) == 1
    assert ice[0].properties["BIOME_NAME"] == "N/A"
    for row in rows:
        assert row.geometry is not None
        assert row.geometry.is_valid
        assert row.properties["SHAPE_AREA"] == pytest.approx(row.geometry.area)
        if row is not ice[0]:
            assert row.properties["BIOME_NAME"] == BIOME_NAMES[int(row.properties["BIOME_NUM"])]
    areas = sum(row.geometry.area for row in rows if row.geometry is not None)
    assert shapely.union_all([row.geometry for row in rows]).area == pytest.approx(areas)


def test_people_live_somewhere(world: PlanetWorld) -> None:
    rng = np.random.default_rng(3)
    truth = world.truth(rng.uniform(-1, 30, 60), rng.uniform(44, 54, 60))
    assert truth["cover"][CROP].mean() > 0.05
    assert truth["cover"][BUILT].mean() < 0.3
