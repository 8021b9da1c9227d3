"""The table of countries of the simulated planet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely

from geomeld_build.emulator.worlds.base import TableAsset
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.names import name_of
from geomeld_build.emulator.worlds.planet.sensors.countries import Countries, continent_of

TABLE = "USDOS/LSIB_SIMPLE/2017"


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def table(world: PlanetWorld) -> TableAsset:
    found = world.find(TABLE)
    assert isinstance(found, TableAsset)
    return found


def test_countries_have_the_columns_of_the_real_table(table: TableAsset) -> None:
    rows = table.features()
    assert rows is table.features()
    assert 120 < len(rows) < 300
    for row in rows:
        assert set(row.properties) == {"country_na", "country_co", "abbreviati", "wld_rgn"}
    for column in ("country_na", "country_co"):
        assert len({row.properties[column] for row in rows}) == len(rows)
    codes = [row.properties["country_co"] for row in rows]
    assert all(one < other for one, other in pairwise(codes))
    assert {row.properties["wld_rgn"] for row in rows} == {
        "Africa",
        "Antarctica",
        "Asia",
        "Europe",
        "North America",
        "Oceania",
        "South America",
    }
    assert [row.properties["country_na"] for row in rows if row.properties["wld_rgn"] == "Antarctica"] == ["Antarctica"]


def test_countries_are_valid_apart_and_cover_the_land(table: TableAsset, world: PlanetWorld) -> None:
    shapes = [row.geometry for row in table.features()]
    assert all(shape is not None and shape.is_valid for shape in shapes)
    whole = shapely.union_all(shapes)
    assert sum(shape.area for shape in shapes if shape is not None) == pytest.approx(whole.area)
    lon, lat = np.meshgrid(np.arange(-179.5, 180.0, 3.0), np.arange(82.5, -83.0, -3.0))
    land = world.biomes(lon, lat) > 0
    np.testing.assert_array_equal(shapely.contains_xy(whole, lon, lat), land)


def test_a_country_lies_on_one_continent_and_is_found_by_place(table: TableAsset) -> None:
    countries = Countries(0, MacroModel(0))
    for row in table.features():
        assert row.geometry is not None
        for box in list(getattr(row.geometry, "geoms", [row.geometry]))[:4]:
            point = box.representative_point()
            found = countries.at(point.x, point.y)
            assert found is not None
            assert (found.name, found.code) == (row.properties["country_na"], row.properties["country_co"])
            assert continent_of(np.array(point.x), np.array(point.y)) == row.properties["wld_rgn"]
    assert countries.at(-150.0, 0.0) is None
    assert countries.at(0.0, 89.0) is None


def test_another_planet_has_other_countries() -> None:
    names = [{row.properties["country_na"] for row in Countries(seed, MacroModel(seed)).features()} for seed in (0, 1)]
    assert len(names[0] & names[1]) < 0.5 * len(names[0])


def test_names_keep_clear_of_those_taken() -> None:
    first = name_of(1, "x")
    assert first == name_of(1, "x")
    assert name_of(1, "x", taken={first}) != first
    assert len({name_of(0, "town", number) for number in range(400)}) > 200
