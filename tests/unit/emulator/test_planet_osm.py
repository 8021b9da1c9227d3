"""The planet's extract of OpenStreetMap, read back by pyosmium."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from shapely import wkb

from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.facts.measure import Extent
from geomeld_build.emulator.worlds.planet.facts.osm import write_osm
from geomeld_build.emulator.worlds.planet.facts.places import towns_in
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT, CROP
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of

Features = dict[tuple[str, int], tuple[dict[str, str], shapely.Geometry]]


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


@pytest.fixture(scope="module")
def extent(world: PlanetWorld) -> Extent:
    """A tile around a village with a road, in farmland."""
    villages = [one for one in towns_in(world._ground, (2.0, 47.0, 3.0, 48.0)) if one.kind == "village"]
    town = max(villages, key=lambda one: one.radius_m)
    epsg = epsg_of(town.lon, town.lat)
    x, y = (float(value) for value in Utm(epsg).forward(np.array(town.lon), np.array(town.lat)))
    return Extent(epsg, round(x / 20) * 20.0 - 640.0, round(y / 20) * 20.0 + 640.0, 1280.0)


def read(path: Path) -> Features:
    """Everything with tags, as geometries: nodes, ways and areas."""
    factory, found = osmium.geom.WKBFactory(), {}
    for one in osmium.FileProcessor(str(path)).with_areas():
        tags = dict(one.tags)
        if not tags:
            continue
        if one.is_node():
            found["node", one.id] = tags, wkb.loads(factory.create_point(one), hex=True)
        elif one.is_way() and not one.is_closed():
            found["way", one.id] = tags, wkb.loads(factory.create_linestring(one), hex=True)
        elif one.is_area():
            found["area", one.id] = tags, wkb.loads(factory.create_multipolygon(one), hex=True)
    return found


@pytest.fixture(scope="module")
def features(world: PlanetWorld, extent: Extent, tmp_path_factory: pytest.TempPathFactory) -> Features:
    path = tmp_path_factory.mktemp("osm") / "village.osm.pbf"
    assert write_osm(world._ground, [extent], path) > 40
    return read(path)


def kind_of(tags: dict[str, str]) -> str:
    return next(key for key in ("highway", "waterway", "place", "building", "landuse", "natural") if key in tags)


def test_a_village_has_what_mappers_draw(features: Features) -> None:
    count = Counter(kind_of(tags) for tags, _ in features.values())
    assert count["place"] >= 1
    assert count["highway"] >= 1
    assert count["building"] > 20
    assert count["landuse"] >= 1
    for tags, shape in features.values():
        assert shape.is_valid
        kind = kind_of(tags)
        expected = {"place": "Point", "highway": "LineString", "waterway": "LineString"}.get(kind, "MultiPolygon")
        assert shape.geom_type == expected
        if kind == "place":
            assert tags["place"] in ("town", "village", "hamlet")
            assert tags["name"]


def test_areas_hold_what_their_tags_say(world: PlanetWorld, features: Features, extent: Extent) -> None:
    utm = Utm(extent.epsg)
    checked: Counter[str] = Counter()
    for tags, shape in features.values():
        if tags.get("landuse") not in ("farmland", "residential"):
            continue
        for part in shape.geoms:
            at = part.representative_point()
            x, y = (float(value) for value in utm.forward(np.array(at.x), np.array(at.y)))
            row, column = int((utm.false_northing - y) // 10), int(x // 10)
            cover = world._ground.block(extent.epsg, row // 60, column // 60).cover[:, row % 60, column % 60]
            assert cover[CROP] > 0.5 if tags["landuse"] == "farmland" else cover[BUILT] > 0.25
            checked[tags["landuse"]] += 1
    assert checked["farmland"] >= 1
    assert checked["residential"] >= 1


def test_buildings_stand_on_built_ground(world: PlanetWorld, features: Features, extent: Extent) -> None:
    utm = Utm(extent.epsg)
    built = []
    for tags, shape in features.values():
        if "building" in tags:
            x, y = utm.forward(np.array(shape.centroid.x), np.array(shape.centroid.y))
            row, column = int((utm.false_northing - float(y)) // 10), int(float(x) // 10)
            built.append(world._ground.block(extent.epsg, row // 60, column // 60).cover[BUILT][row % 60, column % 60])
            assert 20.0 < shapely.area(shape) * 111_200**2 * np.cos(np.radians(shape.centroid.y)) < 2500.0
    assert np.mean(np.array(built) > 0.15) > 0.9


def test_extracts_agree_on_what_they_share(
    world: PlanetWorld, features: Features, extent: Extent, tmp_path: Path
) -> None:
    beside = Extent(extent.epsg, extent.left + 600.0, extent.top - 600.0, extent.size)
    write_osm(PlanetWorld(0)._ground, [beside], tmp_path / "beside.osm.pbf")
    other = read(tmp_path / "beside.osm.pbf")
    shared = set(features) & set(other)
    assert len(shared) > 10
    for key in shared:
        assert features[key] == other[key]
    write_osm(world._ground, [extent, beside], tmp_path / "both.osm.pbf")
    assert read(tmp_path / "both.osm.pbf") == features | other
    write_osm(world._ground, [extent, beside], tmp_path / "again.osm.pbf")
    assert (tmp_path / "both.osm.pbf").stat().st_size == (tmp_path / "again.osm.pbf").stat().st_size


def test_nodes_come_before_ways_in_order(world: PlanetWorld, extent: Extent, tmp_path: Path) -> None:
    path = tmp_path / "order.osm.pbf"
    write_osm(world._ground, [extent], path)
    seen = [("nwr".index(one.type_str()), one.id) for one in osmium.FileProcessor(str(path))]
    assert seen == sorted(seen)
    with pytest.raises(FileExistsError, match="choose another name"):
        write_osm(world._ground, [extent], path)


def test_the_desert_is_empty(world: PlanetWorld, tmp_path: Path) -> None:
    lon, lat = np.meshgrid(np.arange(5.0, 30.0, 0.5), np.arange(20.0, 28.0, 0.5))
    macro = world._ground.terrain.macro.at(lon, lat)
    at = int(np.argmin(macro.rain + 1e6 * (macro.people > 0.0)))
    epsg = epsg_of(float(lon.flat[at]), float(lat.flat[at]))
    x, y = (float(value) for value in Utm(epsg).forward(lon.flat[at], lat.flat[at]))
    empty = Extent(epsg, round(x / 20) * 20.0, round(y / 20) * 20.0, 1280.0)
    assert write_osm(world._ground, [empty], tmp_path / "desert.osm.pbf") == 0
    assert read(tmp_path / "desert.osm.pbf") == {}
