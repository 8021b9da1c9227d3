"""Facts about tiles of the simulated planet against the pixels that its sensors and maps serve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.facts.model import TileFacts
from geomeld_build.emulator.worlds.planet.facts.places import rivers_in, roads_in, towns_in
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from tests.support.planet import ms, outline, record_of, window_of

SIZE = 1280.0
Place = tuple[float, float]


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    """A planet whose maps make no errors."""
    return PlanetWorld(0, map_error=0.0)


def facts_at(world: PlanetWorld, place: Place, day: str = "2020-07-15", size: float = SIZE) -> TileFacts:
    epsg, left, top, _ = outline(*place, size)
    return world.facts(epsg, left, top, ms(day), size)


@pytest.fixture(scope="module")
def land(world: PlanetWorld) -> list[Place]:
    """Random places on land."""
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(-180, 180, 400), np.degrees(np.arcsin(rng.uniform(-0.75, 0.9, 400)))
    there = world.biomes(lon, lat) > 0
    return list(zip(lon[there].tolist(), lat[there].tolist(), strict=True))[:24]


@pytest.fixture(scope="module")
def settled(world: PlanetWorld) -> list[Place]:
    """Places with towns or villages in the middle of the tile."""
    found = []
    for lon in np.arange(0.0, 26.0, 2.0):
        box = (lon, 47.0, lon + 0.3, 47.3)
        towns = towns_in(world._ground, box)
        found += [(town.lon, town.lat) for town in towns if town.kind != "hamlet"][:1]
    assert len(found) >= 5
    return found[:8]


def pixels(world: PlanetWorld, asset_id: str, band: str, place: Place) -> NDArray[Any]:
    record = record_of(world, asset_id)
    return record.read(band, *window_of(record, band, place, SIZE))[0]


def test_cover_is_that_of_the_map_without_errors(world: PlanetWorld, land: list[Place]) -> None:
    compared = same = 0
    for place in land:
        facts = facts_at(world, place)
        assert sum(facts.cover.values()) == pytest.approx(1.0, abs=1e-4)
        label = pixels(world, "ESA/WorldCover/v200/2021", "Map", place)
        # The map names the largest class of a pixel; where classes hardly mix it must show the same shares.
        mapped = {code: float((label == code).mean()) for code in facts.cover}
        if facts.water.now == pytest.approx(facts.water.mean, abs=0.001):
            assert mapped == pytest.approx(facts.classes, abs=0.02)
            same += 1
        code = facts.dominant
        if facts.cover[code] > 0.7 and facts.water.now == pytest.approx(facts.water.mean, abs=0.02):
            assert max(mapped, key=lambda one: mapped[one]) == code
            assert mapped[code] > facts.cover[code] - 0.1
            compared += 1
    assert compared >= 8
    assert same >= 12


def test_layout_adds_up(world: PlanetWorld, land: list[Place]) -> None:
    for place in land[:6]:
        facts = facts_at(world, place, size=1200.0)
        assert [len(row) for row in facts.layout] == [3, 3, 3]
        for code, share in facts.cover.items():
            assert np.mean([part[code] for row in facts.layout for part in row]) == pytest.approx(share, abs=1e-3)


def test_layout_is_north_up(world: PlanetWorld, settled: list[Place]) -> None:
    """Each part of a tile is what a tile of its own would be."""
    epsg, left, top, _ = outline(*settled[0], 1200.0)
    whole = world.facts(epsg, left, top, ms("2020-07-15"), 1200.0)
    for row in range(3):
        for column in range(3):
            part = world.facts(epsg, left + 400.0 * column, top - 400.0 * row, ms("2020-07-15"), 400.0)
            assert whole.layout[row][column] == pytest.approx(part.cover, abs=1e-6)


def test_terrain_is_that_of_the_elevation_map(world: PlanetWorld, land: list[Place]) -> None:
    for place in land[:12]:
        terrain = facts_at(world, place).terrain
        elevation = pixels(world, "projects/sat-io/open-datasets/ASTER/GDEM", "b1", place).astype(float)
        assert terrain.mean_m == pytest.approx(elevation.mean(), abs=2.0 + 0.02 * terrain.relief_m)
        assert terrain.lowest_m <= elevation.min() + 2.0 + 0.05 * terrain.relief_m
        assert terrain.highest_m >= elevation.max() - 2.0 - 0.05 * terrain.relief_m
        assert terrain.relief_m == pytest.approx(np.subtract(*np.quantile(elevation, [0.95, 0.05])), rel=0.15, abs=3.0)
        assert 0.0 <= terrain.slope_mean_deg <= terrain.slope_p90_deg < 60.0
        assert 0.0 <= terrain.aspect_strength <= 1.0


def test_slopes_face_the_way_down(world: PlanetWorld, land: list[Place]) -> None:
    checked = 0
    for place in land:
        terrain = facts_at(world, place).terrain
        if terrain.aspect_strength < 0.7 or terrain.slope_mean_deg < 1.0:
            continue
        epsg, left, top, _ = outline(*place, SIZE)
        x, y = np.meshgrid(left + np.linspace(100, 1180, 9), top - np.linspace(100, 1180, 9))
        height = world.truth(*Utm(epsg).inverse(x, y))["elevation"].ravel().astype(float)
        plane, *_ = np.linalg.lstsq(
            np.column_stack((x.ravel() - left, y.ravel() - top, np.ones(81))), height, rcond=None
        )
        down = np.degrees(np.arctan2(-plane[0], -plane[1])) % 360.0
        assert abs((terrain.aspect_deg - down + 180.0) % 360.0 - 180.0) < 25.0
        checked += 1
    assert checked >= 3


def test_roads_are_where_pixels_have_them(world: PlanetWorld, settled: list[Place]) -> None:
    """Along every road the ground is built, on it and not beside it."""
    points = near = 0
    for place in settled:
        epsg, _, _, region = outline(*place, 2560.0)
        utm = Utm(epsg)
        for road in roads_in(world._ground, region.bounds):
            part = road.line.intersection(region)
            if part.is_empty or part.length < 1e-3:
                continue
            for share in np.linspace(0.05, 0.95, 9):
                at = part.interpolate(share, normalized=True)
                x, y = (float(value) for value in utm.forward(np.array(at.x), np.array(at.y)))
                found = patch(world, epsg, x, y, 1)
                if found["wet"].max() > -10.0:
                    continue
                points += 1
                near += bool(found["built"].max() > (0.25 if road.kind == "primary" else 0.15))
    assert points > 100
    assert near / points > 0.97


def patch(world: PlanetWorld, epsg: int, x: float, y: float, reach: int) -> dict[str, NDArray[Any]]:
    """Ground of the pixels around a point."""
    row, column = int(np.floor((Utm(epsg).false_northing - y) / 10)), int(np.floor(x / 10))
    found: dict[str, list[Any]] = {"built": [], "wet": []}
    for i in range(row - reach, row + reach + 1):
        for j in range(column - reach, column + reach + 1):
            block = world._ground.block(epsg, i // 60, j // 60)
            found["built"].append(block.cover[BUILT][i % 60, j % 60])
            found["wet"].append(block.wet[i % 60, j % 60])
    return {name: np.array(values) for name, values in found.items()}


def test_pixels_have_roads_where_there_are_some(world: PlanetWorld, settled: list[Place]) -> None:
    """The other way round: built pixels outside settlements lie on a road."""
    checked = on_road = 0
    for place in settled:
        epsg, left, top, region = outline(*place, 3000.0)
        west, south, east, north = region.bounds
        box = (west - 0.02, south - 0.02, east + 0.02, north + 0.02)
        utm = Utm(epsg)

        def metres(line: shapely.Geometry, utm: Utm = utm) -> shapely.Geometry:
            return shapely.transform(line, lambda p: np.column_stack(utm.forward(p[:, 0], p[:, 1])))

        roads = shapely.union_all([metres(road.line) for road in roads_in(world._ground, box)])
        # Outlines of settlements fray: some houses stand up to three radii out.
        towns = [metres(shapely.Point(t.lon, t.lat)).buffer(3.0 * t.radius_m) for t in towns_in(world._ground, box)]
        inside = shapely.union_all(towns)
        for i in range(0, 300, 4):
            for j in range(0, 300, 4):
                x, y = left + 10 * j + 5, top - 10 * i - 5
                built = patch(world, epsg, x, y, 0)["built"][0]
                at = shapely.Point(x, y)
                if built > 0.3 and not inside.intersects(at):
                    checked += 1
                    on_road += bool(roads.distance(at) < 16.0)
    assert checked > 30
    assert on_road / checked > 0.95


def test_settlements_have_a_middle_of_houses_and_a_name(world: PlanetWorld, settled: list[Place]) -> None:
    for place in settled:
        facts = facts_at(world, place)
        town = min(facts.towns, key=lambda one: abs(one.lon - place[0]) + abs(one.lat - place[1]))
        assert town.name
        assert town.kind in ("town", "village", "hamlet")
        epsg = epsg_of(town.lon, town.lat)
        x, y = (float(value) for value in Utm(epsg).forward(np.array(town.lon), np.array(town.lat)))
        found = patch(world, epsg, x, y, 6)
        if found["wet"].max() < -20.0:
            assert found["built"].mean() > 0.2, (place, town)
        assert facts.cover[50] > 0.0


def test_rivers_are_where_pixels_have_water(world: PlanetWorld) -> None:
    planet = world._ground.terrain.drainage.planet
    cells = np.random.default_rng(4).choice(
        np.flatnonzero((planet.downstream >= 0) & (planet.discharge > 60.0) & (np.abs(planet.lat) < 70)), 10
    )
    points = wet = named = 0
    for cell in cells:
        place = float(planet.lon[cell]), float(planet.lat[cell])
        epsg, _, _, region = outline(*place, 2560.0)
        utm = Utm(epsg)
        for river in rivers_in(world._ground, region.bounds):
            part = river.line.intersection(region)
            if part.is_empty or river.width_m < 20.0:
                continue
            named += river.name is not None
            for share in np.linspace(0.1, 0.9, 7):
                at = part.interpolate(share, normalized=True)
                x, y = (float(value) for value in utm.forward(np.array(at.x), np.array(at.y)))
                points += 1
                wet += bool(patch(world, epsg, x, y, 1)["wet"].max() > 0.0)
        facts = facts_at(world, place, size=2560.0)
        assert facts.water.rivers + facts.water.lakes > 0.0
        assert facts.water.mean == pytest.approx(facts.water.rivers + facts.water.lakes + facts.water.sea, abs=1e-6)
    assert points > 60
    assert wet / points > 0.97
    assert named >= 5


def test_places_are_the_same_from_wherever_one_looks(world: PlanetWorld, settled: list[Place]) -> None:
    lon, lat = settled[0]
    here, beside = (lon, lat, lon + 0.02, lat + 0.02), (lon + 0.01, lat + 0.01, lon + 0.05, lat + 0.05)
    finders: list[Callable[..., list[Any]]] = [roads_in, towns_in, rivers_in]
    for finder in finders:
        first = {one.key: one for one in finder(world._ground, here)}
        again = {one.key: one for one in finder(PlanetWorld(0)._ground, beside)}
        shared = set(first) & set(again)
        assert shared or finder is rivers_in
        for key in shared:
            assert first[key] == again[key]


def test_seasons_and_climate(world: PlanetWorld) -> None:
    north, south = (12.0, 50.0), (-58.0, -33.0)
    for place, july, january in ((north, "summer", "winter"), (south, "winter", "summer")):
        warm, cold = facts_at(world, place, "2020-07-15"), facts_at(world, place, "2020-01-15")
        assert (warm.geography.season, cold.geography.season) == (july, january)
        sign = 1 if place is north else -1
        assert sign * (warm.climate.now_c - cold.climate.now_c) > 3.0
        for facts in (warm, cold):
            climate = facts.climate
            assert climate.coldest_c - 0.1 <= climate.now_c <= climate.warmest_c + 0.1
    assert facts_at(world, north, "2020-01-15").climate.leaves < facts_at(world, north).climate.leaves
    assert facts_at(world, (-61.2, -3.0)).geography.season == "tropical"


def test_geography_agrees_with_the_tables(world: PlanetWorld, land: list[Place]) -> None:
    known = 0
    for place in land[:10]:
        where = facts_at(world, place).geography
        assert where.biome_num == world.biomes(np.array([where.lon]), np.array([where.lat]))[0]
        if where.country is not None:
            known += 1
            assert where.continent is not None
    assert known >= 8


def test_canopy_is_that_of_the_map(world: PlanetWorld, land: list[Place]) -> None:
    compared = 0
    for place in land:
        canopy = facts_at(world, place).canopy
        height = pixels(world, "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1", "b1", place).astype(float)
        trees = height[(height != 255) & (height >= 2)]
        if canopy.share > 0.3:
            assert canopy.mean_m == pytest.approx(trees.mean(), abs=1.5)
            assert canopy.p95_m == pytest.approx(np.quantile(trees, 0.95), abs=2.5)
            compared += 1
        elif canopy.share == 0.0:
            assert trees.size < 0.02 * height.size
    assert compared >= 4


def test_refuses_tiles_off_the_pixel_grid(world: PlanetWorld) -> None:
    with pytest.raises(ValueError, match=r"left 500003.*multiple of 10 m"):
        world.facts(32632, 500_003.0, 5_500_000.0, 0.0)
