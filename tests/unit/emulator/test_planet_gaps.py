"""The gaps of the real archives occur on the simulated planet.

Each is found by a short search of the archive in a fixed order, as a client would meet it: no test names a scene. Shown
in test_planet_archive: places that radar passes in one direction only, and when the archives begin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld

S2 = "COPERNICUS/S2_SR_HARMONIZED"
S1 = "COPERNICUS/S1_GRD"
DYNAMIC = "GOOGLE/DYNAMICWORLD/V1"
SCORES = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
DAY_MS = 86_400_000.0
HARMONIZED_FROM = "2022-01-25"
TILE = 0.012
"""About 1.3 km in degrees of latitude."""

Place = tuple[float, float]


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def places(world: PlanetWorld) -> list[Place]:
    """Places on land from 35 S to 60 N, in a fixed order."""
    grid = [(float(lon), float(lat)) for lat, lon in product(range(60, -36, -19), range(-120, 151, 13))]
    biomes = world.biomes(*np.array(grid).T)
    return [place for place, biome in zip(grid, biomes, strict=True) if biome > 0]


def ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


def around(place: Place, side: float = TILE) -> shapely.Polygon:
    lon, lat = place
    return shapely.box(lon - side / 2, lat - side / 2, lon + side / 2, lat + side / 2)


def scenes(world: PlanetWorld, asset_id: str, region: BaseGeometry, start: str, days: int) -> list[ImageRecord]:
    assets = world.find(asset_id)
    assert isinstance(assets, CollectionAsset)
    return list(assets.images(SearchHint(ms(start), ms(start) + days * DAY_MS, region)))


def months(year: int) -> Iterator[str]:
    """Starts of periods of 30 days."""
    for number in range(12):
        yield (datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=30 * number)).date().isoformat()


def index_of(record: ImageRecord) -> str:
    return str(record.properties["system:index"])


def day_of(record: ImageRecord) -> int:
    return int(record.properties["system:time_start"] // DAY_MS)


def shape_of(record: ImageRecord) -> BaseGeometry:
    assert record.footprint is not None
    return record.footprint


def test_a_month_may_have_no_clear_scene(world: PlanetWorld, places: list[Place]) -> None:
    found = []
    for place, start in product(places, months(2020)):
        cloud = [scene.properties["CLOUDY_PIXEL_PERCENTAGE"] for scene in scenes(world, S2, around(place), start, 30)]
        if cloud and min(cloud) >= 10.0:
            found.append((place, start))
    assert 0 < len(found) < 0.3 * 12 * len(places)


def test_a_month_may_have_no_radar_on_land(world: PlanetWorld, places: list[Place]) -> None:
    """Optical scenes are there, radar is not: one satellite, one direction, and acquisitions lost."""
    for place in places:
        dates = sorted(day_of(scene) for scene in scenes(world, S1, around(place), "2022-01-01", 1000))
        for last, following in pairwise(dates):
            if following - last > 31:
                start = datetime.fromtimestamp((last + 1) * DAY_MS / 1000, UTC).date().isoformat()
                assert scenes(world, S1, around(place), start, 30) == []
                assert scenes(world, S2, around(place), start, 30)
                return
    pytest.fail("every place on land has radar in every 30 days")


def test_a_month_may_have_a_single_pass_of_radar(world: PlanetWorld, places: list[Place]) -> None:
    counts = [
        len({day_of(scene) for scene in scenes(world, S1, around(place), start, 30)})
        for place, start in product(places, list(months(2022))[::3])
    ]
    assert counts.count(1) > 0


def test_radar_is_thinner_after_the_loss_of_a_satellite(world: PlanetWorld, places: list[Place]) -> None:
    before, after = (
        [len(scenes(world, S1, around(place), start, 360)) for place in places]
        for start in ("2020-12-23", "2021-12-24")
    )
    assert sum(after) < 0.75 * sum(before)
    assert max(after) < max(before)


def test_two_slices_of_a_datatake_meet_within_a_tile(world: PlanetWorld, places: list[Place]) -> None:
    """The seam crosses a tile's place: each scene alone leaves a part of it empty."""
    for place in places:
        takes: dict[tuple[str, ...], list[ImageRecord]] = defaultdict(list)
        for scene in scenes(world, S1, around(place, 2.0), "2020-06-01", 12):
            name = index_of(scene).split("_")
            # Satellite, absolute orbit and datatake.
            takes[name[0], name[6], name[7]].append(scene)
        for one, two in (pair for parts in takes.values() for pair in pairwise(parts)):
            seam = shape_of(one).intersection(shape_of(two))
            if seam.is_empty:
                continue
            # The strip is curved on the map: its centroid may lie beside it.
            middle = seam.representative_point()
            tile = around((middle.x, middle.y))
            both = {index_of(scene) for scene in scenes(world, S1, tile, "2020-06-01", 12)}
            assert {index_of(one), index_of(two)} <= both
            assert not shape_of(one).covers(tile)
            assert not shape_of(two).covers(tile)
            assert shape_of(one).union(shape_of(two)).covers(tile)
            return
    pytest.fail("no datatake has two slices that adjoin near a place")


def test_polar_radar_is_horizontal_in_places(world: PlanetWorld) -> None:
    sent: dict[float, set[tuple[str, ...]]] = defaultdict(set)
    for lon, lat in product(range(-160, 180, 20), (20.0, 71.0)):
        for scene in scenes(world, S1, around((lon, lat), 0.5), "2020-06-01", 12):
            sent[lat].add(tuple(scene.properties["transmitterReceiverPolarisation"]))
            assert [band.name for band in scene.bands][:2] == scene.properties["transmitterReceiverPolarisation"]
    assert sent[71.0] == {("HH", "HV"), ("VV", "VH")}
    assert sent[20.0] == {("VV", "VH")}


def test_cloudy_scenes_have_no_dynamic_world(world: PlanetWorld, places: list[Place]) -> None:
    for place in places[::6]:
        cloud = {
            index_of(scene): scene.properties["CLOUDY_PIXEL_PERCENTAGE"]
            for scene in scenes(world, S2, around(place), "2020-01-01", 366)
        }
        dynamic = {index_of(scene) for scene in scenes(world, DYNAMIC, around(place), "2020-01-01", 366)}
        cloudy = {index for index, percentage in cloud.items() if percentage > 35.0}
        assert cloudy
        assert dynamic
        assert not cloudy & dynamic


def test_some_scenes_have_no_cloud_score(world: PlanetWorld, places: list[Place]) -> None:
    optical, scores = (
        {index_of(scene) for place in places[::6] for scene in scenes(world, one, around(place), "2020-01-01", 200)}
        for one in (S2, SCORES)
    )
    assert scores < optical


def test_the_edge_of_a_swath_crosses_a_tile(world: PlanetWorld, places: list[Place]) -> None:
    """Of one granule, one pass holds all of a tile and another a part of it only."""
    for place in places:
        wide = scenes(world, S2, around(place, 0.8), "2020-06-01", 10)
        for scene in wide:
            missing = scene.properties["NODATA_PIXEL_PERCENTAGE"]
            if not 20.0 < missing < 80.0:
                continue
            # The outline that a full granule of the same name has.
            whole = [shape_of(one) for one in wide if one.properties["MGRS_TILE"] == scene.properties["MGRS_TILE"]]
            granule = max(whole, key=lambda shape: shape.area)
            edge = shape_of(scene).boundary.intersection(granule.buffer(-0.05))
            if edge.is_empty:
                continue
            middle = edge.interpolate(0.5, normalized=True) if edge.geom_type == "LineString" else edge.centroid
            tile = around((middle.x, middle.y))
            assert granule.covers(tile)
            assert shape_of(scene).intersects(tile)
            assert not shape_of(scene).covers(tile)
            assert index_of(scene) in {index_of(one) for one in scenes(world, S2, tile, "2020-06-01", 10)}
            return
    pytest.fail("no swath ends within a granule")


def test_the_open_ocean_has_no_scenes(world: PlanetWorld) -> None:
    far = [(-150.0, -40.0), (-30.0, 40.0), (80.0, -30.0), (-140.0, 30.0), (170.0, 20.0), (-20.0, -30.0)]
    assert (world.biomes(*np.array(far).T) == 0).all()
    empty = [
        place
        for place in far
        if not any(scenes(world, one, around(place), "2020-06-01", 30) for one in (S2, S1, DYNAMIC, SCORES))
    ]
    assert len(empty) >= 3


def test_baselines_change_when_offsets_do(world: PlanetWorld, places: list[Place]) -> None:
    """From 2022-01-25 on 04.00 or newer; before it older ones, and 05.00 where a scene was processed again."""
    before, after = (
        {
            scene.properties["PROCESSING_BASELINE"]
            for place in places[::3]
            for scene in scenes(world, S2, around(place), start, 30)
        }
        for start in ("2021-12-26", HARMONIZED_FROM)
    )
    assert min(after) == "04.00"
    assert before == {"03.01", "05.00"}


def test_a_granule_comes_twice_by_reprocessing(world: PlanetWorld, places: list[Place]) -> None:
    same: dict[tuple[str, int], set[str]] = defaultdict(set)
    for place in places[::2]:
        for scene in scenes(world, S2, around(place), "2020-06-01", 60):
            same[scene.properties["MGRS_TILE"], day_of(scene)].add(scene.properties["PROCESSING_BASELINE"])
    twice = [baselines for baselines in same.values() if len(baselines) > 1]
    assert twice
    assert all(len(baselines) == 2 for baselines in twice)


def test_granules_overlap_on_one_day(world: PlanetWorld, places: list[Place]) -> None:
    """Granules of 110 km lie 100 km apart: a place in the overlap has two scenes of one datatake."""
    for place in places:
        neighbours = {scene.properties["MGRS_TILE"]: shape_of(scene) for scene in _june(world, around(place, 1.2))}
        for one, two in product(neighbours, neighbours):
            common = neighbours[one].intersection(neighbours[two])
            if one >= two or one[:2] != two[:2] or common.is_empty:
                continue
            found: dict[str, set[str]] = defaultdict(set)
            for scene in _june(world, around((common.centroid.x, common.centroid.y))):
                found[index_of(scene)[:15]].add(scene.properties["MGRS_TILE"])
            if any({one, two} <= names for names in found.values()):
                return
    pytest.fail("no granules overlap")


def _june(world: PlanetWorld, region: BaseGeometry) -> list[ImageRecord]:
    return scenes(world, S2, region, "2020-06-01", 10)


def test_granules_of_two_zones_lie_over_one_tile(world: PlanetWorld) -> None:
    crossing = 0
    for lon in range(-120, 150, 6):
        for scene in _june(world, around((lon, 45.0))):
            crs = {band.crs for band in scene.bands}
            assert crs == {f"EPSG:326{scene.properties['MGRS_TILE'][:2]}"}
        days: dict[str, set[str]] = defaultdict(set)
        for scene in _june(world, around((lon, 45.0))):
            days[index_of(scene)[:15]].add(scene.properties["MGRS_TILE"][:2])
        crossing += any(len(zones) == 2 for zones in days.values())
    assert crossing >= 5


@pytest.mark.parametrize("asset_id", [S2, S1, DYNAMIC, SCORES])
def test_the_ends_of_the_map_answer(world: PlanetWorld, asset_id: str) -> None:
    """Next to the antimeridian and the poles a search ends, with scenes or without, and outlines stay on the map."""
    ends = [
        (179.99, 68.0),
        (-179.99, 68.0),
        (179.99, -17.0),
        (0.0, 89.99),
        (0.0, -89.99),
        (-179.99, 83.0),
        (120.0, -75.0),
    ]
    found = {place: scenes(world, asset_id, around(place), "2020-06-01", 30) for place in ends}
    assert found[ends[0]]
    assert found[ends[1]]
    assert not found[0.0, 89.99]
    for scene in (scene for records in found.values() for scene in records):
        west, south, east, north = shape_of(scene).bounds
        assert -180.0 <= west < east <= 180.0
        assert -90.0 <= south < north <= 90.0
        assert shape_of(scene).is_valid
    # A scene that crosses the antimeridian is found from both sides of it.
    assert {index_of(scene) for scene in found[ends[0]]} & {index_of(scene) for scene in found[ends[1]]}
