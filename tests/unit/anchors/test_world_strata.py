"""Classes of places, and strata: against the published areas, and against each other."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from geomeld_build.anchors.world import BIOMES, BiomeLayer, Stratum, World, biomes_from_pixels, load_biomes
from geomeld_build.anchors.world.coarse import boxes_of
from geomeld_build.anchors.world.polygons import locate_in_polygons
from geomeld_build.errors import ConfigError
from tests.support.realdata import data_dir, needs_real_data

OFF_BY_MORE = {"tropical-coniferous-forests": 1.03, "mangroves": 0.96}
"""What the map's makers say of it: its mangroves are thinner than a pixel."""


def real_map() -> BiomeLayer:
    return load_biomes(data_dir() / "regions" / "biomes_dinerstein2017_0p1deg.tif")


@pytest.fixture(scope="module")
def real() -> World:
    return World(real_map())


@pytest.fixture(scope="module")
def everywhere() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(11)
    return rng.uniform(-180, 180, 100_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 100_000)))


def bands() -> BiomeLayer:
    """Two ecoregions of one biome, one of another that shares a name, in Africa, the Atlantic and South America."""
    shapes = np.array(
        [shapely.box(-70, -10, 20, 0), shapely.box(15, 0, 25, 10), shapely.box(-60, 0, -50, 3)], dtype=object
    )
    return BiomeLayer(np.array([1, 1, 7], np.int8), ("low", "high", "low"), locate_in_polygons(shapes), "bands")


@needs_real_data
def test_areas_are_the_published_ones(real: World) -> None:
    published = json.loads((data_dir() / "regions" / "mmearth_total_area_biome.json").read_text(encoding="utf-8"))
    print()
    for stratum in real.strata("biome"):
        ratio = stratum.area_m2 / 1e6 / published[BIOMES[stratum.biome].name]
        print(f"{stratum.name:34} {stratum.area_m2 / 1e6:12,.0f} km2  {ratio:.3f} of the published area")
        if stratum.name in OFF_BY_MORE:
            assert ratio == pytest.approx(OFF_BY_MORE[stratum.name], abs=0.01)
        else:
            assert ratio == pytest.approx(1.0, abs=0.02)


@needs_real_data
def test_places_of_the_real_map(real: World) -> None:
    lon = np.array([-60.0, 10.0, -40.0, -155.5, 100.0, -61.5, 2.3, -30.0])
    lat = np.array([-3.0, 25.0, 75.0, 19.6, 65.0, 16.2, 48.8, 0.0])
    found = real.classify(lon, lat)
    assert found.country.to_pylist()[:5] == ["BRA", "LBY", "GRL", "USA", "RUS"]
    assert found.continent.to_pylist()[:5] == ["South America", "Africa", "North America", "North America", "Europe"]
    assert found.biome.tolist()[:3] == [1, 13, 0], "Amazon, Sahara, and ice"
    assert found.biome[4] == 6
    assert (found.biome[-1], found.continent[-1].as_py(), found.country[-1].as_py()) == (0, "", ""), "the Atlantic"
    assert found.ecoregion.to_pylist() == [""] * 8
    some = found.take(np.array([6, 0]))
    assert some.country.to_pylist() == ["FRA", "BRA"]
    assert found.take(np.arange(8) == 6).country.to_pylist() == ["FRA"]


@needs_real_data
def test_classes_depend_neither_on_workers_nor_on_order(
    real: World, everywhere: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    lon, lat = (np.tile(axis, 6) for axis in everywhere)
    one, many = real.classify(lon, lat, workers=1), real.classify(lon, lat, workers=8)
    order = np.random.default_rng(1).permutation(len(lon))
    shuffled = real.classify(lon[order], lat[order])
    assert (one.biome == many.biome).all()
    assert (one.biome[order] == shuffled.biome).all()
    for name in ("ecoregion", "continent", "country"):
        assert getattr(one, name).equals(getattr(many, name))
        assert getattr(one.take(order), name).equals(getattr(shuffled, name))
    assert len(real.classify(lon[:0], lat[:0])) == 0


def check_strata(world: World, strata: tuple[Stratum, ...], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
    """What strata hold is what places are classified as; boxes hold all of it, whole boxes nothing else."""
    found = world.classify(lon, lat)
    continent, ecoregion = (np.array(column.to_pylist()) for column in (found.continent, found.ecoregion))
    box = boxes_of(lon, lat)
    for stratum in strata:
        expected = found.biome == stratum.biome
        if stratum.continent:
            expected &= continent == stratum.continent
        if stratum.ecoregion:
            expected &= ecoregion == stratum.ecoregion
        inside = stratum.area.contains(lon, lat)
        np.testing.assert_array_equal(inside, expected)
        cells = stratum.area.coarse_cells()
        numbers = boxes_of(cells.west + 0.05, cells.south + 0.05)
        assert np.isin(box[inside], numbers).all(), stratum.name
        assert inside[np.isin(box, numbers[cells.inside_fully])].all(), stratum.name
        sphere = 4 * np.pi * 6_371_007.2**2
        share = stratum.area_m2 / sphere
        # Four standard deviations of the share of uniform points, and the estimate at coasts.
        assert inside.mean() == pytest.approx(share, abs=4 * np.sqrt(share / len(lon)) + 0.01 * share)


@needs_real_data
@pytest.mark.parametrize("by", ["biome", "continent-biome"])
def test_strata_are_what_places_are_classified_as(
    real: World, everywhere: tuple[NDArray[np.float64], NDArray[np.float64]], by: str
) -> None:
    strata = real.strata(by, None)  # type: ignore[arg-type]
    assert len({stratum.name for stratum in strata}) == len(strata)
    coast = np.random.default_rng(2).normal(0, 0.3, (2, 20_000))
    points = real.countries.outline[np.random.default_rng(3).integers(0, len(real.countries.outline), 20_000)]
    near_lon = np.degrees(np.arctan2(points[:, 1], points[:, 0])) + coast[0]
    near_lat = (np.degrees(np.arcsin(points[:, 2])) + coast[1]).clip(-90, 90)
    check_strata(real, strata, *everywhere)
    inside = sum(stratum.area.contains(near_lon.clip(-180, 180), near_lat).astype(int) for stratum in strata)
    assert inside.max() == 1, "no place is in two strata"


@needs_real_data
def test_continents_share_each_biome(real: World) -> None:
    strata = real.strata("continent-biome")
    keys = [(stratum.continent, stratum.biome) for stratum in strata]
    assert keys == sorted(set(keys))
    for biome in real.strata("biome"):
        parts = sum(stratum.area_m2 for stratum in strata if stratum.biome == biome.biome)
        # Islands further than 200 km from any country of the coarse map are on no continent.
        assert 0.985 * biome.area_m2 < parts <= biome.area_m2 * (1 + 1e-9), biome.name
    south = real.strata("continent-biome", ("South America", "Africa"))
    assert {stratum.continent for stratum in south} == {"Africa", "South America"}
    assert [s.name for s in south] == [s.name for s in strata if s.continent in {"Africa", "South America"}]


def test_ecoregions() -> None:
    world = World(bands())
    strata = world.strata("ecoregion")
    assert [stratum.name for stratum in strata] == [
        "high",
        "low (tropical-moist-broadleaf-forests)",
        "low (tropical-grasslands)",
    ]
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-80, 30, 20_000), rng.uniform(-12, 12, 20_000)
    found = world.classify(lon, lat)
    for stratum in strata:
        mine = (found.biome == stratum.biome) & (np.array(found.ecoregion.to_pylist()) == stratum.ecoregion)
        np.testing.assert_array_equal(stratum.area.contains(lon, lat), mine)
        assert mine.any()


def test_an_island_belongs_to_the_nearest_country_within_200_km() -> None:
    world = World(bands())
    # Off the mouth of the Congo, nearer and farther than 200 km from Angola, and in the middle of the ocean.
    found = world.classify(np.array([12.0, 8.5, -20.0, 12.0]), np.array([-7.0, -7.0, -7.0, -12.0]))
    assert found.biome.tolist() == [1, 1, 1, 0]
    assert found.country.to_pylist() == ["AGO", "", "", ""]
    assert found.continent.to_pylist() == ["Africa", "", "", ""]
    names = [stratum.name for stratum in world.strata("continent-biome")]
    assert names == [
        "Africa/tropical-moist-broadleaf-forests",
        "South America/tropical-moist-broadleaf-forests",
        "South America/tropical-grasslands",
    ]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda world: world.strata("continent-biome", ("Atlantis",)), "continents Atlantis: expected some of Africa"),
        (lambda world: world.strata("continent-biome", ()), "continents none"),
        (lambda world: world.strata("biome", ("Africa",)), "expected by continent-biome"),
        (lambda world: World(nameless()).strata("ecoregion"), "need ECO_NAME"),
        (lambda world: world.classify(np.array([0.0, 181.0]), np.zeros(2)), "row 2: lon 181.0"),
        (lambda world: world.classify(np.array([np.nan]), np.zeros(1)), "row 1: lon nan"),
        (lambda world: world.classify(np.zeros(2), np.zeros(1)), "one length"),
    ],
)
def test_a_wrong_request_is_refused(call: Callable[[World], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        call(World(bands()))


def nameless() -> BiomeLayer:
    return biomes_from_pixels(np.ones((2, 4), np.uint8), -180, 90, 90, 90, source="ones")
