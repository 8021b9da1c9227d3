"""Which scenes the simulated planet has: grids, orbits, ids, searches, footprints."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint, UnboundedSearch, World
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.sensors.mgrs import granule_named, granules_touching
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL1, SENTINEL2, track
from geomeld_build.emulator.worlds.planet.sensors.sentinel1_archive import slice_of

S2 = "COPERNICUS/S2_SR_HARMONIZED"
S1 = "COPERNICUS/S1_GRD"
DATED = (S2, S1, "COPERNICUS/S1_GRD_FLOAT", "GOOGLE/DYNAMICWORLD/V1", "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED")
PLACES = ((10.0, 50.0), (73.3, 30.46), (-61.2, -3.0), (25.0, 62.0), (146.0, -30.0), (-179.5, 68.0))


def ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


def tile_at(lon: float, lat: float) -> tuple[int, tuple[float, float, float, float], shapely.Polygon]:
    """UTM zone, bounds in metres and lon/lat outline of a tile of 1,280 m."""
    epsg = epsg_of(lon, lat)
    utm = Utm(epsg)
    x, y = utm.forward(np.array(lon), np.array(lat))
    left, top = round((float(x) - 640) / 20) * 20.0, round((float(y) + 640) / 20) * 20.0
    a, b = utm.inverse(np.array([left, left + 1280, left + 1280, left]), np.array([top, top, top - 1280, top - 1280]))
    return epsg, (left, top - 1280, left + 1280, top), shapely.polygons(np.column_stack((a, b)))


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


def collection(world: World, asset_id: str) -> CollectionAsset:
    found = world.find(asset_id)
    assert isinstance(found, CollectionAsset)
    return found


def summer(place: tuple[float, float]) -> SearchHint:
    return SearchHint(ms("2020-05-01"), ms("2020-08-01"), tile_at(*place)[2])


def test_the_planet_is_a_world(world: PlanetWorld) -> None:
    declared: World = world
    assert declared.name == "planet"
    assert world.find("COPERNICUS/NOTHING") is None
    assert world.find(f"{S2}/nothing") is None
    assert world.find("") is None
    assert "COPERNICUS" in world.children("")
    assert set(world.children("COPERNICUS")) == {S2, S1, f"{S1}_FLOAT"}
    assert world.children("users/nlang") == [
        "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1",
        "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1",
    ]


@pytest.mark.parametrize("asset_id", DATED)
@pytest.mark.parametrize("place", PLACES)
def test_ids_round_trip(world: PlanetWorld, asset_id: str, place: tuple[float, float]) -> None:
    assets = collection(world, asset_id)
    records = list(assets.images(summer(place)))
    indices = [record.properties["system:index"] for record in records]
    assert indices == sorted(set(indices))
    for record in records[::5]:
        index = record.properties["system:index"]
        again = assets.image(index)
        assert again is not None
        assert record.id == f"{asset_id}/{index}"
        assert (again.id, again.version, dict(again.properties)) == (record.id, record.version, dict(record.properties))
        assert again.bands == record.bands
        direct = world.find(record.id)
        assert isinstance(direct, ImageRecord)
        assert direct.version == record.version


@pytest.mark.parametrize("asset_id", DATED)
def test_another_instance_lists_the_same(world: PlanetWorld, asset_id: str) -> None:
    hint = summer(PLACES[0])
    other = collection(PlanetWorld(0), asset_id)
    first = [(record.id, record.version) for record in collection(world, asset_id).images(hint)]
    assert first == [(record.id, record.version) for record in other.images(hint)]


@pytest.mark.parametrize(
    "index",
    [
        "20200604T054639_20200604T054831_T43RCP",
        "20200604T054639_20200604T054831_T99RCP",
        "20209904T054639_20200604T054831_T43RCP",
        "S1A_IW_GRDH_1SDV_20200607T010800_20200607T010825_032904_03CFBA_D457",
        "S1A_IW_GRDH_1SDV_20209907T010800_20200607T010825_032904_03CFBA_D457",
        "m_9999999_se_14_1_20140720",
        "x",
    ],
)
def test_well_formed_ids_that_do_not_exist(world: PlanetWorld, index: str) -> None:
    for asset_id in (*DATED, "USDA/NAIP/DOQQ"):
        assert collection(world, asset_id).image(index) is None


@pytest.mark.parametrize("asset_id", DATED)
def test_procedural_archives_refuse_unbounded_searches(world: PlanetWorld, asset_id: str) -> None:
    region = tile_at(*PLACES[0])[2]
    for hint in (SearchHint(), SearchHint(region=region), SearchHint(ms("2020-01-01"), ms("2020-02-01"))):
        with pytest.raises(UnboundedSearch, match="needs a start, an end and a region"):
            list(collection(world, asset_id).images(hint))


@pytest.mark.parametrize("asset_id", DATED)
def test_searches_by_index_and_by_part_of_a_period(world: PlanetWorld, asset_id: str) -> None:
    assets, whole = collection(world, asset_id), summer(PLACES[0])
    everything = {record.id: record.properties["system:time_start"] for record in assets.images(whole)}
    middle = ms("2020-06-15")
    halves = [
        {record.id for record in assets.images(SearchHint(start, end, whole.region))}
        for start, end in ((whole.start_ms, middle), (middle, whole.end_ms))
    ]
    assert halves[0] == {name for name, time in everything.items() if time < middle}
    assert halves[1] == {name for name, time in everything.items() if time >= middle}
    some = frozenset(name.rsplit("/", 1)[1] for name in list(everything)[:3])
    by_index = {record.properties["system:index"] for record in assets.images(SearchHint(indices=some | {"nothing"}))}
    assert by_index == some


@pytest.mark.parametrize("asset_id", DATED)
@pytest.mark.parametrize("place", PLACES)
def test_footprints_are_valid_and_on_earth(world: PlanetWorld, asset_id: str, place: tuple[float, float]) -> None:
    hint = summer(place)
    for record in collection(world, asset_id).images(hint):
        assert record.footprint is not None
        assert hint.region is not None
        assert record.footprint.is_valid
        assert not record.footprint.is_empty
        west, south, east, north = record.footprint.bounds
        assert -180 <= west < east <= 180
        assert -90 < south < north < 90
        assert record.footprint.intersects(hint.region)
        assert hint.start_ms is not None
        assert hint.end_ms is not None
        assert hint.start_ms <= record.properties["system:time_start"] < hint.end_ms


@given(lon=st.floats(-180, 179.99), lat=st.floats(-56.0, 82.9))
@settings(deadline=None, max_examples=150)
def test_a_tile_lies_within_a_granule_of_its_zone(lon: float, lat: float) -> None:
    epsg, (left, bottom, right, top), outline = tile_at(lon, lat)
    granules = granules_touching(*outline.bounds)
    # At the equator the granule across it has the other zone code: same zone, other false northing.
    shifts = {epsg: 0.0, epsg + (100 if epsg < 32700 else -100): 1e7 if epsg < 32700 else -1e7}
    assert any(
        granule.left <= left
        and right <= granule.right
        and granule.bottom <= bottom + shifts[granule.epsg]
        and top + shifts[granule.epsg] <= granule.top
        for granule in granules
        if granule.epsg in shifts
    )


@given(lon=st.floats(-180, 179.99), lat=st.floats(-56.0, 82.9))
@settings(deadline=None, max_examples=80)
def test_granule_names(lon: float, lat: float) -> None:
    for granule in granules_touching(lon, lat, lon + 0.01, lat + 0.01):
        assert granule_named(granule.name) == granule
        assert re.fullmatch(r"\d{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]", granule.name)
        assert granule.left % 60 == 0
        assert (granule.top - (1e7 if granule.epsg > 32700 else 0.0)) % 60 == 0


def test_granules_are_named_and_placed_as_the_real_ones() -> None:
    known = {"43RCP": (32643, 300000, 3400020), "31UFS": (32631, 600000, 5700000), "35MNM": (32735, 499980, 9200020)}
    for name, corner in known.items():
        granule = granule_named(name)
        assert granule is not None
        assert (granule.epsg, granule.left, granule.top) == corner


def test_orbits_reproduce_the_acquisitions_they_were_set_by() -> None:
    """Times and tracks of real products: S1A 2020-06-07T01:08:00 descending 107 and S2B R048 over 73.5 E, 30.2 N."""
    down = track(SENTINEL1, False, 380.0, 630.0)
    assert 107 in down.relatives_over(73.0, 73.1, 31.0, 31.1)
    assert 173 in track(SENTINEL1, True, 380.0, 630.0).relatives_over(73.3, 73.4, 30.4, 30.5)
    node = float(down.node_lon[106])
    seen = SENTINEL1.satellites[0].node_ms + down.offset_ms(
        73.0 - node - 360.0 * round((73.0 - node + 190) / 360), 31.1
    )
    assert abs(seen - ms("2020-06-07T01:08:12")) < 40_000
    assert track(SENTINEL2, False, -145.0, 145.0).relatives_over(73.3, 73.31, 30.46, 30.47) == [48]
    for mission in (SENTINEL1, SENTINEL2):
        numbers = {mission.relative(sat, sat.node_orbit) for sat in mission.satellites}
        assert len(numbers) == 1


def test_slices_of_a_pass_adjoin_and_overlap_little() -> None:
    for ascending in (True, False):
        number = 20 if ascending else 90
        first, second = slice_of(ascending, 15, number), slice_of(ascending, 15, number + 1)
        assert first is not None
        assert second is not None
        common = first.footprint.intersection(second.footprint).area
        assert 0.0 < common < 0.003 * first.footprint.area
        assert (first.lat < second.lat) == ascending


@pytest.mark.parametrize("place", PLACES[:5])
def test_sentinel2_revisits(world: PlanetWorld, place: tuple[float, float]) -> None:
    records = list(collection(world, S2).images(summer(place)))
    days = sorted({int(record.properties["system:time_start"] // 86_400_000) for record in records})
    assert 12 <= len(days) <= 60
    assert np.diff(days).max() <= 15
    for record in records:
        local = record.properties["system:time_start"] / 3_600_000 % 24 + place[0] / 15
        assert 9.5 < local % 24 < 12.5
        assert 0 <= record.properties["CLOUDY_PIXEL_PERCENTAGE"] <= 100
        assert record.properties["PRODUCT_ID"].startswith(f"S2{record.properties['SPACECRAFT_NAME'][-1]}_MSIL2A_")
        assert record.properties["MGRS_TILE"] in record.id
        assert 10 < record.properties["MEAN_SOLAR_ZENITH_ANGLE"] < 80


def test_sentinel2_clouds_vary_and_duplicates_exist(world: PlanetWorld) -> None:
    region = shapely.box(9.5, 49.5, 11.5, 51.0)
    records = list(collection(world, S2).images(SearchHint(ms("2020-01-01"), ms("2021-01-01"), region)))
    cloud = np.array([record.properties["CLOUDY_PIXEL_PERCENTAGE"] for record in records])
    assert 0.15 < (cloud < 10).mean() < 0.6
    assert 0.1 < (cloud > 80).mean() < 0.6
    takes = defaultdict(list)
    for record in records:
        takes[record.properties["system:index"][:15], record.properties["MGRS_TILE"]].append(record)
    twins = [same for same in takes.values() if len(same) == 2]
    assert twins
    assert all(one.properties["PROCESSING_BASELINE"] != two.properties["PROCESSING_BASELINE"] for one, two in twins)
    sizes = {record.properties["NODATA_PIXEL_PERCENTAGE"] > 5 for record in records}
    assert sizes == {True, False}


def test_companions_share_the_index_and_may_be_absent(world: PlanetWorld) -> None:
    hint = SearchHint(ms("2020-01-01"), ms("2021-01-01"), tile_at(*PLACES[0])[2])
    cloud = {
        record.properties["system:index"]: record.properties["CLOUDY_PIXEL_PERCENTAGE"]
        for record in collection(world, S2).images(hint)
    }
    dynamic = {record.properties["system:index"] for record in collection(world, "GOOGLE/DYNAMICWORLD/V1").images(hint)}
    scores = {record.properties["system:index"] for record in collection(world, DATED[4]).images(hint)}
    assert dynamic <= set(cloud)
    assert all(cloud[index] <= 35 for index in dynamic)
    assert scores < set(cloud)
    assert len(scores) > 0.85 * len(cloud)


def test_sentinel1_passes_polarisations_and_the_gap(world: PlanetWorld) -> None:
    radar = collection(world, S1)
    europe = list(radar.images(summer(PLACES[0])))
    assert {record.properties["orbitProperties_pass"] for record in europe} == {"ASCENDING", "DESCENDING"}
    assert {record.properties["platform_number"] for record in europe} == {"A", "B"}
    for record in europe:
        assert record.properties["transmitterReceiverPolarisation"] == ["VV", "VH"]
        assert [band.name for band in record.bands] == ["VV", "VH", "angle"]
        assert record.properties["instrumentMode"] == "IW"
        assert record.properties["resolution_meters"] == 10
        assert re.fullmatch(
            r"S1[ABC]_IW_GRDH_1SDV_\d{8}T\d{6}_\d{8}T\d{6}_\d{6}_[0-9A-F]{6}_[0-9A-F]{4}", record.id[18:]
        )
    region = tile_at(*PLACES[0])[2]
    thin = list(radar.images(SearchHint(ms("2023-05-01"), ms("2023-08-01"), region)))
    assert {record.properties["platform_number"] for record in thin} == {"A"}
    assert len(thin) < 0.7 * len(europe)
    later = radar.images(SearchHint(ms("2025-06-01"), ms("2025-08-01"), region))
    assert "C" in {record.properties["platform_number"] for record in later}
    polar = [
        record
        for lon in (-150.0, -90.0, -50.0)
        for record in radar.images(SearchHint(ms("2020-05-01"), ms("2020-06-01"), shapely.box(lon, 71, lon + 1, 71.5)))
    ]
    assert {"HH", "HV"} <= {band.name for record in polar for band in record.bands}


def test_some_places_have_one_pass_only(world: PlanetWorld) -> None:
    radar = collection(world, S1)
    found = set()
    for lon in range(-100, 140, 12):
        for lat in (-20, 5, 40):
            hint = SearchHint(ms("2020-06-01"), ms("2020-07-01"), tile_at(lon + 0.4, lat + 0.3)[2])
            found.add(frozenset(record.properties["orbitProperties_pass"] for record in radar.images(hint)))
    assert {frozenset({"ASCENDING"}), frozenset({"DESCENDING"}), frozenset({"ASCENDING", "DESCENDING"})} <= found


def test_both_radar_collections_hold_the_same_scenes(world: PlanetWorld) -> None:
    hint = summer(PLACES[1])
    names = [
        [record.properties["system:index"] for record in collection(world, one).images(hint)] for one in DATED[1:3]
    ]
    assert names[0] == names[1] != []


def test_archives_begin_when_the_real_ones_do(world: PlanetWorld) -> None:
    region = tile_at(*PLACES[0])[2]
    early = SearchHint(ms("2014-01-01"), ms("2017-03-28"), region)
    assert list(collection(world, S2).images(early)) == []
    assert list(collection(world, S1).images(SearchHint(ms("2014-01-01"), ms("2014-10-03"), region))) == []
    assert list(collection(world, "GOOGLE/DYNAMICWORLD/V1").images(early))


def test_naip_is_there_in_its_region_and_years(world: PlanetWorld) -> None:
    photos = collection(world, "USDA/NAIP/DOQQ")
    region = tile_at(-95.3, 38.2)[2]
    records = list(photos.images(SearchHint(region=region)))
    years = {datetime.fromtimestamp(record.properties["system:time_start"] / 1000, UTC).year for record in records}
    assert len(years) >= 4
    assert any(record.footprint is not None and record.footprint.contains(region) for record in records)
    for record in records:
        index = record.properties["system:index"]
        assert re.fullmatch(r"m_\d{7}_(nw|ne|sw|se)_\d{2}_1_\d{8}", index)
        again = photos.image(index)
        assert again is not None
        assert again.id == record.id
    assert list(photos.images(SearchHint(region=tile_at(10.0, 50.0)[2]))) == []
    with pytest.raises(UnboundedSearch, match="needs a region"):
        list(photos.images(SearchHint()))


def test_single_image_collections(world: PlanetWorld) -> None:
    for release, year in (("v100", "2020"), ("v200", "2021")):
        assets = collection(world, f"ESA/WorldCover/{release}")
        assert [record.id for record in assets.images(SearchHint())] == [f"ESA/WorldCover/{release}/{year}"]
        assert assets.image(year) is not None
        assert assets.image("1999") is None
        start = float(next(assets.images(SearchHint())).properties["system:time_start"])
        assert list(assets.images(SearchHint(start_ms=start + 1))) == []
        assert len(list(assets.images(SearchHint(start_ms=start, end_ms=start + 1)))) == 1
