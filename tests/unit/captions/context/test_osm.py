"""Extracts of OpenStreetMap, real ones too, against what pyproj and osmium say of the same places."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import osmium
import pyproj
import pytest
import shapely
from shapely import wkb

from geomeld_build.captions.context.extract import MappedFeature, read_extract
from geomeld_build.captions.context.levels import levels_of
from geomeld_build.captions.context.sources import ContextSources
from geomeld_build.captions.signals.footprint import Footprint
from geomeld_build.errors import ConfigError
from tests.support.realdata import data_dir, needs_real_data

DATA = data_dir() / "osm"
LIECHTENSTEIN, BERLIN = DATA / "liechtenstein-2013-08-03.osm.pbf", DATA / "berlin_block.osm"


def square(name: str, lon: float, lat: float, epsg: int = 32632, size: float = 1280.0) -> Footprint:
    to_utm = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = to_utm.transform(lon, lat)
    return Footprint(name, f"EPSG:{epsg}", round(x, -1) - size / 2, round(y, -1) + size / 2, size)


SCHAAN, MALBUN = square("schaan", 9.509, 47.165), square("malbun", 9.61, 47.10)


@needs_real_data
def test_lengths_and_counts_are_those_of_the_ellipsoid() -> None:
    """Roads clipped in degrees and measured by geodesics; houses counted by osmium itself."""
    extract = read_extract(LIECHTENSTEIN, [SCHAAN])
    found = {tuple(one.tags.items()): one for one in levels_of(SCHAAN, extract.features["schaan"]).surrounding}
    geod, factory = pyproj.Geod(ellps="WGS84"), osmium.geom.WKBFactory()
    metres: dict[str, float] = {}
    houses = {""}
    for way in osmium.FileProcessor(str(LIECHTENSTEIN)).with_locations():
        if way.is_node() and "building" in way.tags:
            houses.add(f"n{way.id}" if shapely.intersects_xy(SCHAAN.outline, way.lon, way.lat) else "")
        if not way.is_way():
            continue
        kind = way.tags.get("highway")
        if kind in {"primary", "residential", "track"} and "bridge" not in way.tags:
            line = wkb.loads(factory.create_linestring(way), hex=True).intersection(SCHAAN.outline)
            metres[kind] = metres.get(kind, 0.0) + geod.geometry_length(line)
        if "building" in way.tags and len(way.nodes) > 3:
            ring = shapely.Polygon([(node.lon, node.lat) for node in way.nodes])
            if ring.intersects(SCHAAN.outline):
                houses.add(f"w{way.id}")
    for kind, length in metres.items():
        assert found[("highway", kind),].length_m == pytest.approx(length, rel=0.002)
    buildings = [one for one in found.values() if "building" in one.tags]
    assert sum(one.count for one in buildings) == len(houses) - 1


@needs_real_data
def test_a_railway_in_many_ways_is_one() -> None:
    extract = read_extract(LIECHTENSTEIN, [SCHAAN])
    ways = [one for one in extract.features["schaan"] if one.tags.get("railway") == "rail"]
    found = levels_of(SCHAAN, extract.features["schaan"]).surrounding
    assert len(ways) > 1
    assert [one.count for one in found if one.tags == {"railway": "rail"}] == [1]


@needs_real_data
def test_levels_of_a_village() -> None:
    extract = read_extract(LIECHTENSTEIN, [SCHAAN, MALBUN])
    found = levels_of(MALBUN, extract.features["malbun"])
    assert {"building": "yes"} in found.centre
    assert found.area[0] == {"landuse": "residential"}
    assert {"Malbun", "Triesenberg", "Liechtenstein"} <= set(found.names)
    assert [one.dist_m for one in found.surrounding] == sorted(one.dist_m for one in found.surrounding)


@needs_real_data
def test_a_block_of_houses() -> None:
    tile = square("block", 13.38731, 52.508765, 32633, 40.0)
    extract = read_extract(BERLIN, [tile])
    found = levels_of(tile, extract.features["block"])
    assert extract.snapshot is not None
    assert extract.snapshot.date() == date(2024, 3, 11), "the newest edit: the file's header has no date"
    assert found.centre[0] == {"building": "yes"}
    assert "E-Werk" in found.names


@needs_real_data
def test_status_tells_nothing_mapped_from_not_covered(tmp_path: Path) -> None:
    far, lonely = square("far", 10.5, 47.1), square("lonely", 9.6, 47.07, size=20.0)
    around = ContextSources((LIECHTENSTEIN,)).read([SCHAAN, far, lonely])
    assert around.osm["schaan"].status == "ok"
    assert around.osm["schaan"].snapshot_date == date(2013, 8, 3)
    assert "far" not in around.osm
    assert around.osm["lonely"].status in {"ok", "empty"}


def feature(tags: dict[str, str], shape: shapely.Geometry, *names: str) -> MappedFeature:
    return MappedFeature(tags, names, shape)


def degrees(tile: Footprint, shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in metres from the middle of a tile, in degrees."""
    back = pyproj.Transformer.from_crs(tile.crs, 4326, always_xy=True)
    x, y = tile.centre

    def move(points: np.ndarray) -> np.ndarray:
        return np.column_stack(back.transform(points[:, 0] + x, points[:, 1] + y))

    return shapely.transform(shape, move)


@pytest.mark.parametrize(
    ("east", "north", "bearing"),
    [(0, 300, "N"), (300, 300, "NE"), (300, 0, "E"), (0, -300, "S"), (-300, 0, "W"), (-300, 300, "NW"), (0, 0, None)],
)
def test_bearings(east: float, north: float, bearing: str | None) -> None:
    tower = feature({"man_made": "tower"}, degrees(SCHAAN, shapely.Point(east, north)))
    (found,) = levels_of(SCHAAN, [tower]).surrounding
    assert found.bearing == bearing
    assert found.dist_m == pytest.approx(np.hypot(east, north), abs=0.1)


def test_a_pond_at_the_middle_and_a_forest_around() -> None:
    pond = feature({"natural": "water"}, degrees(SCHAAN, shapely.box(-100, -100, 100, 100)), "Weiher")
    forest = feature({"landuse": "forest"}, degrees(SCHAAN, shapely.box(-2000, -2000, 2000, 2000)))
    corner = feature({"landuse": "farmland"}, degrees(SCHAAN, shapely.box(400, 400, 900, 900)))
    found = levels_of(SCHAAN, [forest, pond, corner])
    assert found.centre == ({"natural": "water"},)
    assert found.area == ({"landuse": "forest"},)
    areas = {tuple(one.tags.values()): one.area_m2 for one in found.surrounding}
    assert areas["water",] == pytest.approx(40_000, rel=1e-3)
    assert areas["forest",] == pytest.approx(1280.0**2, rel=1e-3)
    assert areas["farmland",] == pytest.approx(240.0**2, rel=1e-3)
    assert found.names == ("Weiher",)


def test_lines_that_are_apart_are_counted() -> None:
    road = {"highway": "primary"}
    lines = [
        shapely.LineString([(-800, 0), (0, 0)]),
        shapely.LineString([(0, 0), (800, 0)]),
        shapely.LineString([(-800, 12), (800, 12)]),
        shapely.LineString([(-800, 400), (800, 400)]),
    ]
    found = levels_of(SCHAAN, [feature(road, degrees(SCHAAN, line)) for line in lines]).surrounding
    assert [one.count for one in found] == [2]
    assert found[0].length_m == pytest.approx(3 * 1280.0, rel=1e-3)


def test_a_road_on_a_bridge_is_a_road_and_a_bridge() -> None:
    line = degrees(SCHAAN, shapely.LineString([(-800, 0), (800, 0)]))
    found = levels_of(SCHAAN, [feature({"highway": "primary", "bridge": "yes"}, line)]).surrounding
    assert sorted(tuple(one.tags.items()) for one in found) == [(("bridge", "yes"),), (("highway", "primary"),)]


def test_a_file_that_is_no_extract_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"this is no extract")
    with pytest.raises(ConfigError, match=r"broken\.osm\.pbf"):
        read_extract(broken, [SCHAAN])
    with pytest.raises(ConfigError, match="does not exist"):
        read_extract(tmp_path / "missing.osm.pbf", [SCHAAN])
